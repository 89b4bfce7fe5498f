/**
 * The log's files, damaged while nobody ran. The log opens or says that it is damaged; what it opens with is
 * what was written. A few changed bytes anywhere are met, or cost nothing that was reported durable.
 */
import { assert } from "@kqueuey/base";
import { crc32 } from "../../../packages/sim/src/digests.ts";
import { WalHarness } from "../../../packages/sim/test/wal-harness.ts";
import { decodeHeader, HEADER_BYTES } from "../../../packages/storage/src/wal/format.ts";
import { damageNext } from "../damage.ts";
import { Decisions } from "../decisions.ts";
import { numberBytes } from "../mutate.ts";
import { promise, type Target } from "../target.ts";

const STORIES = 6;
const APPENDS = 24;
const DAMAGES_MAX = 4;
const BLOCK_BYTES = 4_096;
const CRC_AT = HEADER_BYTES - 4;
const DIRECTORY_CRC_AT = 52;

export const wal: Target = {
  name: "wal",
  promise:
    "A damaged log opens with what was written, or says that it is damaged; it never guesses.",
  smokeInputs: 50,
  open: () => ({
    // A story, then damages: the random rest of the bytes says which.
    samples: Array.from({ length: STORIES }, (_, i) =>
      Uint8Array.of(i, 0, i * 3, 0, 9, 1, 0, 0, 3),
    ),
    run,
  }),
};

function run(input: Uint8Array): void {
  const decisions = new Decisions(input);
  const harness = written(decisions.below(STORIES));
  if (decisions.below(4) === 3) runForged(harness, decisions);
  else runDamaged(harness, decisions);
}

/** A log of some segments, everything in it durable and confirmed, and the process gone. */
function written(story: number): WalHarness {
  const harness = new WalHarness({ seed: 100 + story, actions: 0 });
  const opened = harness.open();
  assert(opened.kind === "open", "a new log opens");
  for (let i = 0; i < APPENDS; i++) {
    harness.appendSomething();
    if (i % 5 === 0) harness.world.runFor(20);
  }
  for (let i = 0; i < 20; i++) {
    harness.world.runFor(100);
    harness.tick();
  }
  harness.world.runFor(100);
  return harness;
}

function runDamaged(harness: WalHarness, decisions: Decisions): void {
  const damages: { readonly small: boolean }[] = [];
  const count = 1 + decisions.below(DAMAGES_MAX);
  for (let i = 0; i < count; i++) {
    const damage = damageNext(harness.medium, pathsOf(harness), decisions);
    if (damage !== undefined) damages.push(damage);
  }
  // One small damage costs nothing durable; of more, the log may look like an older one of itself.
  const [only] = damages;
  if (damages.length <= 1 && only?.small !== false) harness.replayDurable();
  harness.crash("process");
  const result = harness.open();
  if (result.kind !== "open") {
    promise(result.kind !== "failed", `the log is neither open nor damaged: ${result.kind}`);
    return;
  }
  const wrong = harness.check(result.recovered.groups);
  promise(wrong === undefined, `the log says what was never written: ${wrong}`);
  goOn(harness);
}

/** The log that came back takes more, and keeps it. */
function goOn(harness: WalHarness): void {
  for (let i = 0; i < 3; i++) harness.appendSomething();
  harness.settle();
  harness.crash("power");
  const wrong = harness.reopen();
  promise(wrong === undefined, `the reopened log forgot: ${wrong}`);
}

/** A group changed by somebody who knows the format: whatever it says, opening ends, with one answer or another. */
function runForged(harness: WalHarness, decisions: Decisions): void {
  harness.crash("process");
  const path = decisions.pick(pathsOf(harness));
  if (path === undefined) return;
  const bytes = harness.medium.contents(path);
  const starts = groupStarts(bytes);
  const at = decisions.pick(starts);
  if (at === undefined) return;
  forge(bytes.subarray(at), decisions);
  harness.medium.overwrite(path, at, bytes.subarray(at));
  harness.open();
}

/** Changes bytes of the header or of the directory and sums both up again. */
function forge(group: Uint8Array, decisions: Decisions): void {
  const view = new DataView(group.buffer, group.byteOffset, group.length);
  const directory = group.subarray(HEADER_BYTES, HEADER_BYTES + view.getUint32(40, true));
  const inHeader = decisions.below(2) === 0;
  const target = inHeader ? group.subarray(4, DIRECTORY_CRC_AT) : directory;
  for (let i = 0; i < 3; i++) {
    const at = decisions.below(target.length);
    target.set(decisions.take(Math.min(1 + decisions.below(8), target.length - at)), at);
  }
  group.set(numberBytes(crc32(directory), 4, "little"), DIRECTORY_CRC_AT);
  group.set(numberBytes(crc32(group.subarray(0, CRC_AT)), 4, "little"), CRC_AT);
}

function groupStarts(bytes: Uint8Array): readonly number[] {
  const starts: number[] = [];
  for (let at = 0; at + HEADER_BYTES <= bytes.length; at += BLOCK_BYTES) {
    if (decodeHeader(bytes.subarray(at, at + HEADER_BYTES), crc32).kind === "valid")
      starts.push(at);
  }
  return starts;
}

function pathsOf(harness: WalHarness): readonly string[] {
  return harness.medium.files().map((file) => file.path);
}
