/**
 * Loaded before a node (`--import`): its wall clock is off by the milliseconds that a file says, read
 * again and again. The monotonic clock stays as it is. No other process on the host notices.
 */
import { readFileSync } from "node:fs";

const LOOK_EVERY_MS = 50;
const path = process.env.SYSTEM_TEST_CLOCK_FILE;
const RealDate = Date;
let offsetMs = 0;

function look() {
  try {
    offsetMs = Number(readFileSync(path, "utf8")) || 0;
  } catch {
    // Between its removal and its return the file is not there; the clock stays.
  }
}

if (path !== undefined) {
  look();
  setInterval(look, LOOK_EVERY_MS).unref();
  globalThis.Date = class ShiftedDate extends RealDate {
    constructor(...args) {
      if (args.length === 0) super(RealDate.now() + offsetMs);
      else super(...args);
    }

    static now() {
      return RealDate.now() + offsetMs;
    }
  };
}
