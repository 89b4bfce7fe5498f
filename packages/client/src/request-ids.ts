/** Request ids: one for each mutating call, the same over its retries, never used again. */
import type { Transport } from "./transport.ts";

const ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz";
/** 36^16 names: two clients of a cluster do not meet. */
const NAME_LENGTH = 16;

/** Makes the ids of one client. */
export class RequestIds {
  readonly #name: string;
  #count = 0;

  constructor(transport: Transport) {
    let name = "";
    for (let i = 0; i < NAME_LENGTH; i++) {
      name += ALPHABET[Math.floor(transport.random() * ALPHABET.length)] ?? "0";
    }
    this.#name = name;
  }

  /** A new id: at most 28 ASCII characters. */
  next(): string {
    this.#count += 1;
    return `${this.#name}-${this.#count.toString(36)}`;
  }
}
