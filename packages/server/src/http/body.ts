/** Reading a request's body whole, within a bound of its own and one that all bodies share. */

import type { Refusal } from "../exchange.ts";
import type { HttpLimits } from "./limits.ts";
import type { NodeRequest } from "./node-types.ts";

/** What became of a body. `gone`: the client hung up or broke the protocol; nobody waits for an answer. */
export type BodyResult =
  | { readonly kind: "read"; readonly bytes: Uint8Array }
  | { readonly kind: "refused"; readonly refusal: Refusal }
  | { readonly kind: "gone" };

/** Bytes of bodies in hand, over all connections. */
export class BodyBudget {
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Takes `bytes`, or nothing and gives false. */
  take(bytes: number): boolean {
    if (this.#bytes + bytes > this.#bytesMax) return false;
    this.#bytes += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#bytes -= bytes;
  }
}

/**
 * Reads to the end of the body, and past `bodyBytesMax` only to throw away: a client that is still
 * writing would not see an answer. One that goes on for four times the bound is cut off ("gone").
 * The bytes read stay taken from `budget`; the caller gives `bytes.length` back when it has answered.
 */
export function readBody(
  request: NodeRequest,
  limits: HttpLimits,
  budget: BodyBudget,
): Promise<BodyResult> {
  const declared = request.headers["content-length"];
  if (declared === "0" || hasNoBody(request)) {
    request.resume();
    return Promise.resolve(EMPTY_BODY);
  }
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let seen = 0;
    let taken = 0;
    let refusal: Refusal | undefined;
    const settle = (result: BodyResult): void => {
      if (result.kind !== "read") budget.give(taken);
      taken = 0;
      resolve(result);
    };
    const refuse = (why: Refusal): void => {
      refusal = why;
      chunks.length = 0;
    };
    const tooLarge: Refusal = { reason: "too-large", bytesMax: limits.bodyBytesMax };
    if (Number(declared) > limits.bodyBytesMax) refuse(tooLarge);
    request.on("data", (chunk: Buffer) => {
      seen += chunk.length;
      if (seen > limits.bodyBytesMax * 4) {
        request.destroy();
        return;
      }
      if (refusal !== undefined) return;
      if (seen > limits.bodyBytesMax) {
        refuse(tooLarge);
      } else if (budget.take(chunk.length)) {
        taken += chunk.length;
        chunks.push(chunk);
      } else {
        refuse({ reason: "busy" });
      }
    });
    request.on("end", () => {
      if (refusal !== undefined) settle({ kind: "refused", refusal });
      else settle({ kind: "read", bytes: joined(chunks, seen) });
    });
    // After "end" these change nothing: a promise settles once, and `taken` is 0.
    request.on("error", () => settle({ kind: "gone" }));
    request.on("close", () => settle({ kind: "gone" }));
  });
}

const EMPTY_BODY: BodyResult = { kind: "read", bytes: new Uint8Array(0) };

/** HTTP/1.1 says by its headers that nothing follows; HTTP/2 by a flag that shows as an ended stream. */
function hasNoBody(request: NodeRequest): boolean {
  return (
    request.httpVersionMajor === 1 &&
    request.headers["content-length"] === undefined &&
    request.headers["transfer-encoding"] === undefined
  );
}

function joined(chunks: readonly Buffer[], length: number): Uint8Array {
  const [first] = chunks;
  return chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks, length);
}
