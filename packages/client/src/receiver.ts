/**
 * Receives of one queue. Those that wait are shared by callers who want the same; what arrives after its caller
 * has gone is given back.
 */
import {
  decodeReceiveResponse,
  encodeReceiveRequest,
  isFifoQueueName,
  METHOD,
  RELAXED_LIMITS,
} from "@kqueuey/contract";
import type { Caller } from "./caller.ts";
import { DeliveredMessage, type MessageHome } from "./message.ts";
import { unpackMessages } from "./packed-message.ts";
import type { RequestIds } from "./request-ids.ts";
import { SharedPolls } from "./shared-polls.ts";
import type { ReceiveOptions } from "./types.ts";

/** A receive may take this much longer than it waits for a message. */
const TRANSIT_MS = 10_000;
/** Visibility timeouts whose polls are shared at a time. */
const TERMS_MAX = 16;

/** Receives of one queue. */
export class Receiver {
  readonly #home: MessageHome;
  readonly #caller: Caller;
  readonly #ids: RequestIds;
  /** By visibility timeout; undefined is the queue's. */
  readonly #shared = new Map<number | undefined, SharedPolls>();

  constructor(home: MessageHome, caller: Caller, ids: RequestIds) {
    this.#home = home;
    this.#caller = caller;
    this.#ids = ids;
  }

  receive(options: ReceiveOptions): Promise<DeliveredMessage[]> {
    const { maxMessages = 1, waitMs = 0, maxBytes, attemptId, visibilityTimeoutMs } = options;
    // Of a FIFO queue, messages of one call may be of one group, which is not for two callers at a time.
    const isPlain = maxBytes === undefined && attemptId === undefined;
    if (!isPlain || isFifoQueueName(this.#home.queue)) return this.#receive(options);
    if (!isShareable(maxMessages, 1, RELAXED_LIMITS.batchEntries.max / 10)) {
      return this.#receive(options);
    }
    if (!isShareable(waitMs, 1, RELAXED_LIMITS.receiveWaitMs.max)) return this.#receive(options);
    const { signal, timeoutMs } = options;
    return this.#sharedWith(visibilityTimeoutMs).poll(
      { maxMessages, waitMs },
      { signal, timeoutMs },
    );
  }

  #sharedWith(visibilityTimeoutMs: number | undefined): SharedPolls {
    let shared = this.#shared.get(visibilityTimeoutMs);
    if (shared === undefined) {
      // Whoever uses ever other timeouts makes no use of it.
      if (this.#shared.size >= TERMS_MAX) this.#shared.clear();
      shared = new SharedPolls({
        timers: this.#home.timers,
        receive: (terms, signal) => this.#receive({ ...terms, visibilityTimeoutMs, signal }),
        giveBack: (messages) => this.#giveBack(messages),
      });
      this.#shared.set(visibilityTimeoutMs, shared);
    }
    return shared;
  }

  #receive(options: ReceiveOptions): Promise<DeliveredMessage[]> {
    const { queue } = this.#home;
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
        late: (messages) => this.#giveBack(messages),
      },
      { signal, timeoutMs: options.timeoutMs ?? longestMs },
    );
  }

  /** Should it fail, the messages come back by their deadline. */
  #giveBack(messages: readonly DeliveredMessage[]): void {
    for (const { receipt } of messages) {
      this.#home.receipts.add("release", { receipt, ms: 0, settle: nothing });
    }
  }
}

function isShareable(value: number, min: number, max: number): boolean {
  return Number.isInteger(value) && value >= min && value <= max;
}

function nothing(): void {}
