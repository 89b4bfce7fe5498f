/**
 * A file of zeroes that is given up when the disk is full, so that the checkpoint and the compaction that
 * free space can be written. It is made again once there is room.
 */
import type { Disk } from "./disk.ts";
import { failureOf, runSteps, type SpaceReserve } from "./files.ts";

const PATH = "reserve";
/** How long after it was given up, or could not be made, the next try. */
const RETRY_MS = 10_000;

export class ReserveFile implements SpaceReserve {
  readonly #disk: Disk;
  readonly #bytes: number;
  #state: "absent" | "making" | "here" = "absent";
  #waiting: ((freed: boolean) => void)[] = [];
  #nowMs = 0;
  #nextTryMs = 0;

  /** `bytes` 0: no reserve. */
  constructor(disk: Disk, bytes: number) {
    this.#disk = disk;
    this.#bytes = bytes;
  }

  giveUp(done: (freed: boolean) => void): void {
    this.#nextTryMs = this.#nowMs + RETRY_MS;
    if (this.#state === "making") this.#waiting.push(done);
    else if (this.#state === "absent") done(false);
    else {
      this.#state = "absent";
      this.#disk.remove(PATH, (removed) => done(removed.ok));
    }
  }

  tick(nowMs: number): void {
    this.#nowMs = nowMs;
    if (this.#bytes === 0 || this.#state !== "absent" || nowMs < this.#nextTryMs) return;
    this.#nextTryMs = nowMs + RETRY_MS;
    this.#state = "making";
    this.#make((made) => {
      this.#state = made ? "here" : "absent";
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const done of waiting) this.giveUp(done);
    });
  }

  #make(done: (made: boolean) => void): void {
    const disk = this.#disk;
    disk.remove(PATH, () =>
      disk.open(PATH, { mode: "create" }, (opened) => {
        if (!opened.ok) {
          done(false);
          return;
        }
        const file = opened.value;
        runSteps(
          [(next) => disk.allocate(file, this.#bytes, (result) => next(failureOf(result, PATH)))],
          (failure) =>
            disk.close(file, () => {
              if (failure === undefined) done(true);
              else disk.remove(PATH, () => done(false));
            }),
        );
      }),
    );
  }
}
