/** The 16 bytes by which the cluster recognises a retried call. */
import { createHash, randomFillSync } from "node:crypto";
import type { RequestId } from "@kqueuey/queue";

const ID_BYTES = 16;
const POOL_BYTES = 4_096;

export class RequestIds {
  #pool = new Uint8Array(0);
  #at = 0;

  /** Equal callers, actions, queues and ids give equal bytes; without an id, fresh ones for our own retries. */
  make(call: {
    readonly principal: string;
    readonly action: string;
    readonly queue: string;
    readonly requestId: string | undefined;
  }): RequestId {
    if (call.requestId === undefined) return { kind: "hash", hash: this.#draw() };
    const text = `${call.principal}\0${call.action}\0${call.queue}\0${call.requestId}`;
    const hash = createHash("sha256").update(text).digest().subarray(0, ID_BYTES);
    return { kind: "hash", hash };
  }

  #draw(): Uint8Array {
    if (this.#at + ID_BYTES > this.#pool.length) {
      this.#pool = randomFillSync(new Uint8Array(POOL_BYTES));
      this.#at = 0;
    }
    this.#at += ID_BYTES;
    return this.#pool.subarray(this.#at - ID_BYTES, this.#at);
  }
}
