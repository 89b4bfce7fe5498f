/** Receives of one queue. What arrives after its caller has gone is given back. */
import {
  decodeReceiveResponse,
  encodeReceiveRequest,
  METHOD,
  RELAXED_LIMITS,
} from "@kqueuey/contract";
import type { Caller } from "./caller.ts";
import { DeliveredMessage, type MessageHome } from "./message.ts";
import { unpackMessages } from "./packed-message.ts";
import type { RequestIds } from "./request-ids.ts";
import type { ReceiveOptions } from "./types.ts";

/** A receive may take this much longer than it waits for a message. */
const TRANSIT_MS = 10_000;

/** Receives of one queue. */
export class Receiver {
  readonly #home: MessageHome;
  readonly #caller: Caller;
  readonly #ids: RequestIds;

  constructor(home: MessageHome, caller: Caller, ids: RequestIds) {
    this.#home = home;
    this.#caller = caller;
    this.#ids = ids;
  }

  receive(options: ReceiveOptions): Promise<DeliveredMessage[]> {
    const { queue, receipts } = this.#home;
    const { visibilityTimeoutMs, waitMs, maxBytes, attemptId, signal } = options;
    const request = {
      queue,
      maxMessages: options.maxMessages ?? 1,
      visibilityTimeoutMs,
      waitMs,
      maxBytes,
      attemptId,
      bodiesAsData: true,
      packed: true,
      requestId: this.#ids.next(),
    };
    // The queue's own wait is not known here; the longest one is.
    const longestMs = (waitMs ?? RELAXED_LIMITS.receiveWaitMs.max) + TRANSIT_MS;
    return this.#caller.call<DeliveredMessage[]>(
      {
        method: METHOD.receive,
        queue,
        mutates: true,
        waits: waitMs !== 0,
        write: (writer) => encodeReceiveRequest(writer, request),
        read: (bytes, start, { roundTripMs }) => {
          const { messages, packed } = decodeReceiveResponse(bytes, start);
          const all = packed === undefined ? messages : unpackMessages(packed);
          return all.map((hot) => new DeliveredMessage(hot, this.#home, roundTripMs));
        },
        late: (messages) => {
          for (const message of messages) {
            const { receipt } = message;
            // Should this fail, the message comes back by its deadline.
            receipts.add("release", { receipt, ms: 0, settle: nothing });
          }
        },
      },
      { signal, timeoutMs: options.timeoutMs ?? longestMs },
    );
  }
}

function nothing(): void {}
