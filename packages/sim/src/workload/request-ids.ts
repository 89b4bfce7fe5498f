/** Request ids of simulated clients: different for every request, and told again from their bytes. */
import { toHex } from "@kqueuey/base";
import type { RequestId, SessionId } from "@kqueuey/queue";

/** A request id and the name under which histories and auditors know it. */
export interface NamedRequestId {
  readonly id: RequestId;
  readonly key: string;
}

/** The name of a request id of 16 bytes. */
export function requestKeyOf(hash: Uint8Array): string {
  return toHex(hash);
}

/** The name of a request that is counted in a session. */
export function countedKeyOf(session: number, count: number): string {
  return `${session}/${count}`;
}

export class RequestIds {
  readonly #seed: number;
  #session: SessionId | undefined;
  #made = 0;

  constructor(seed: number) {
    this.#seed = seed >>> 0;
  }

  /** From now on requests are counted in the session. */
  countIn(session: SessionId): void {
    this.#session = session;
    this.#made = 0;
  }

  next(): NamedRequestId {
    this.#made += 1;
    const session = this.#session;
    if (session !== undefined) {
      const id = { kind: "session", session, sequence: this.#made } as const;
      return { id, key: countedKeyOf(session, this.#made) };
    }
    const hash = new Uint8Array(16);
    const view = new DataView(hash.buffer);
    // The first word spreads evenly, as a real hash's does: tables go by it.
    view.setUint32(0, Math.imul(this.#made, 0x9e3779b1) >>> 0, true);
    view.setUint32(4, this.#seed, true);
    view.setUint32(8, this.#made, true);
    return { id: { kind: "hash", hash }, key: requestKeyOf(hash) };
  }
}
