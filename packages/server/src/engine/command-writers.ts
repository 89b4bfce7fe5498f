/**
 * Buffers for large commands, used again when their call is over. Fresh memory for each would be garbage at the rate
 * of the traffic, and the collector marks the whole heap for every few MiB of it.
 */
import { ByteWriter } from "@kqueuey/base";

/** Smaller buffers are not worth keeping. */
const SPARE_MIN: number = 16 * 1024;
const SPARES_MAX = 64;
const SPARE_BYTES_MAX: number = 8 * 1024 * 1024;

export class CommandWriters {
  readonly #spare: ByteWriter[] = [];
  #spareBytes = 0;

  /** An empty writer with room for about `bytes`. */
  take(bytes: number): ByteWriter {
    const found = bytes < SPARE_MIN ? -1 : this.#spare.findIndex((each) => each.capacity >= bytes);
    const [writer] = found < 0 ? [] : this.#spare.splice(found, 1);
    if (writer === undefined) return new ByteWriter(bytes);
    this.#spareBytes -= writer.capacity;
    writer.truncate(0);
    return writer;
  }

  /** The call is over, and nobody reads its command any more. */
  giveBack(writer: ByteWriter): void {
    const { capacity } = writer;
    if (capacity < SPARE_MIN || capacity + this.#spareBytes > SPARE_BYTES_MAX) return;
    if (this.#spare.length === SPARES_MAX) return;
    this.#spareBytes += capacity;
    this.#spare.push(writer);
  }
}
