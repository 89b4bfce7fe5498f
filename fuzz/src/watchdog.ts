/** Ends the process when one input takes far too long, and keeps that input. */
import { Worker } from "node:worker_threads";
import { INPUT_BYTES_MAX } from "./mutate.ts";

const HANG_MS = 20_000;

export class Watchdog {
  readonly #worker: Worker;
  /** Turn, length of the input, whether one is under way. */
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;

  /** `path`: where an input goes that hangs. */
  constructor(path: string) {
    const state = new SharedArrayBuffer(12);
    const bytes = new SharedArrayBuffer(INPUT_BYTES_MAX);
    this.#words = new Int32Array(state);
    this.#bytes = new Uint8Array(bytes);
    this.#worker = new Worker(new URL("./watchdog.mjs", import.meta.url), {
      workerData: { state, bytes, limitMs: HANG_MS, path },
    });
    this.#worker.unref();
  }

  begin(input: Uint8Array): void {
    this.#bytes.set(input.subarray(0, INPUT_BYTES_MAX));
    this.#words[1] = Math.min(input.length, INPUT_BYTES_MAX);
    this.#words[2] = 1;
    this.#words[0] = ((this.#words[0] ?? 0) + 1) & 0x3fff_ffff;
  }

  end(): void {
    this.#words[2] = 0;
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}
