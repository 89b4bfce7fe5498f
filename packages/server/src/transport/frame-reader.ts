import { assert } from "@kqueuey/base";

/** From this size on filling memory with zeroes costs more than asking for it without. */
const UNINITIALIZED_MIN = 1_024;

/**
 * Cuts a byte stream into frames with a u32 little-endian length before each. Every frame gets memory
 * of its own, exactly its size: nothing keeps a slice of a socket chunk.
 */
export class FrameReader {
  readonly #frameBytesMax: number;
  readonly #length = new Uint8Array(4);
  #lengthFilled = 0;
  #frame: Uint8Array | undefined;
  #filled = 0;

  /** Frames longer than `frameBytesMax` make `push` fail: the stream is then garbage. */
  constructor(frameBytesMax: number) {
    assert(frameBytesMax > 0, "frame limit must be positive");
    this.#frameBytesMax = frameBytesMax;
  }

  /** Feeds a chunk; calls `onFrame` for each frame it completes. False when the stream is not one of frames. */
  push(chunk: Uint8Array, onFrame: (frame: Uint8Array) => void): boolean {
    let at = 0;
    while (at < chunk.length) {
      if (this.#frame === undefined) {
        const byte = chunk[at++] ?? 0;
        this.#length[this.#lengthFilled++] = byte;
        if (this.#lengthFilled < 4) continue;
        const [a = 0, b = 0, c = 0, d = 0] = this.#length;
        const length = a + b * 0x100 + c * 0x1_0000 + d * 0x100_0000;
        this.#lengthFilled = 0;
        if (length === 0 || length > this.#frameBytesMax) return false;
        this.#frame = uninitialized(length);
        this.#filled = 0;
      } else {
        const take = Math.min(chunk.length - at, this.#frame.length - this.#filled);
        this.#frame.set(chunk.subarray(at, at + take), this.#filled);
        this.#filled += take;
        at += take;
        if (this.#filled === this.#frame.length) {
          const frame = this.#frame;
          this.#frame = undefined;
          onFrame(frame);
        }
      }
    }
    return true;
  }
}

/** Memory that is written to before anybody reads it; small pieces are cheaper from the engine's own heap. */
function uninitialized(length: number): Uint8Array {
  if (length < UNINITIALIZED_MIN) return new Uint8Array(length);
  return new Uint8Array(Buffer.allocUnsafeSlow(length).buffer);
}
