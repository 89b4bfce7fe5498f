/** Sends of one queue: single messages gathered into batches, and whole collections cut into them. */
import {
  decodeSendResponse,
  encodePackedSendRequest,
  encodeSendRequest,
  type HotIndexedSendResult,
  KQueueyError,
  METHOD,
  RELAXED_LIMITS,
  type WireWriter,
} from "@kqueuey/contract";
import { Batcher, type BatcherConfig } from "./batcher.ts";
import type { Caller } from "./caller.ts";
import { Chunks } from "./chunks.ts";
import { type OutgoingMessage, outgoing } from "./outgoing.ts";
import type { RequestIds } from "./request-ids.ts";
import { settleWithin } from "./settle-within.ts";
import type {
  CallOptions,
  NewMessage,
  SendBatchOptions,
  SendBatchResult,
  SendFailure,
  Sent,
} from "./types.ts";

/** A message of a batch and who waits for it. */
interface SendEntry {
  readonly message: OutgoingMessage;
  readonly resolve: (sent: Sent) => void;
  readonly reject: (error: unknown) => void;
  readonly timeoutMs: number | undefined;
  /** The caller went before the batch left: the message stays behind. */
  givenUp: boolean;
}

/** Sends of one queue. */
export class Sender {
  readonly #queue: string;
  readonly #caller: Caller;
  readonly #ids: RequestIds;
  readonly #config: BatcherConfig;
  readonly #batcher: Batcher<SendEntry>;

  constructor(queue: string, caller: Caller, ids: RequestIds, config: BatcherConfig) {
    this.#queue = queue;
    this.#caller = caller;
    this.#ids = ids;
    this.#config = config;
    this.#batcher = new Batcher(caller.timers, config, (entries, done) =>
      this.#runBatch(entries, done),
    );
  }

  send(input: NewMessage, options: CallOptions): Promise<Sent> {
    let entry: SendEntry | undefined;
    return settleWithin<Sent>(
      this.#caller.timers,
      options,
      (resolve, reject) => {
        const message = outgoing(input);
        const { timeoutMs } = options;
        entry = { message, resolve, reject, timeoutMs, givenUp: false };
        if (!this.#batcher.add(entry, message.bytes)) {
          const { maxPendingBytes } = this.#config;
          const text = `${maxPendingBytes} bytes wait to be sent to ${this.#queue} already; await some sends`;
          reject(new KQueueyError("THROTTLED", text));
        }
      },
      () => {
        if (entry !== undefined) entry.givenUp = true;
      },
    );
  }

  async sendMany(
    source: Iterable<NewMessage> | AsyncIterable<NewMessage>,
    options: SendBatchOptions,
  ): Promise<SendBatchResult> {
    const wantIds = options.ids === true;
    const ids: (Sent | undefined)[] = [];
    const failures: SendFailure[] = [];
    const chunks = new Chunks(this.#caller.timers, this.#config, async (messages, first) => {
      if (wantIds) for (const _ of messages) ids.push(undefined);
      try {
        const results = await this.#call(messages, !wantIds, options);
        for (const result of results) {
          const index = first + result.index;
          if (!result.ok) failures.push({ index, error: result.error });
          else if (wantIds) ids[index] = sentOf(result);
        }
      } catch (thrown) {
        const error = KQueueyError.from(thrown);
        messages.forEach((_, index) => {
          failures.push({ index: first + index, error });
        });
        // The rest would meet the same fate; what was not read stays with the caller.
        if (options.failures !== "return") throw error;
      }
    });
    const count = await chunks.run(source, options.signal);
    const sent = count - failures.length;
    failures.sort((a, b) => a.index - b.index);
    const first = failures[0];
    if (first !== undefined && options.failures !== "return")
      throw batchError(first, sent, failures);
    return { sent, failures, ids: wantIds ? ids : undefined };
  }

  /** Resolves when nothing waits and nothing is under way. */
  idle(): Promise<void> {
    return this.#batcher.idle();
  }

  #runBatch(entries: SendEntry[], done: () => void): void {
    const live = entries.filter((entry) => !entry.givenUp);
    if (live.length === 0) {
      done();
      return;
    }
    const messages = live.map((entry) => entry.message);
    this.#call(messages, false, { timeoutMs: longestTimeout(live) }).then(
      (results) => {
        done();
        for (const result of results) {
          const entry = live[result.index];
          if (result.ok) entry?.resolve(sentOf(result));
          else entry?.reject(result.error);
        }
        if (results.length >= live.length) return;
        // An answer must have a result for each; a caller without one must not wait for ever.
        const error = new KQueueyError("INTERNAL", "the node's answer left out some messages");
        for (const entry of live) entry.reject(error);
      },
      (error: unknown) => {
        done();
        for (const entry of live) entry.reject(error);
      },
    );
  }

  #call(
    messages: readonly OutgoingMessage[],
    omitSuccesses: boolean,
    options: CallOptions,
  ): Promise<HotIndexedSendResult[]> {
    const head = { queue: this.#queue, omitSuccesses, requestId: this.#ids.next() };
    const write = messages.every(isPlain)
      ? packedWriter(head, messages)
      : (writer: WireWriter): void => encodeSendRequest(writer, { ...head, messages });
    return this.#caller.call(
      {
        method: METHOD.send,
        queue: this.#queue,
        mutates: true,
        waits: false,
        write,
        read: (bytes, start) => decodeSendResponse(bytes, start),
      },
      options,
    );
  }
}

/** What a batcher of sends is by default, with the user's wishes within the limits. */
export function senderConfig(wishes: {
  readonly maxMessages?: number;
  readonly maxBytes?: number;
  readonly lingerMs?: number;
  readonly maxInFlight?: number;
  readonly maxPendingBytes?: number;
}): BatcherConfig {
  const { batchEntries, batchBytes } = RELAXED_LIMITS;
  return {
    maxEntries: check("batch.maxMessages", wishes.maxMessages ?? 1_000, 1, batchEntries.max),
    maxBytes: check("batch.maxBytes", wishes.maxBytes ?? 1_048_576, 1, batchBytes.max),
    lingerMs: check("batch.lingerMs", wishes.lingerMs ?? 2, 0, 1_000),
    maxInFlight: check("batch.maxInFlight", wishes.maxInFlight ?? 4, 1, 64),
    maxPendingBytes: check(
      "batch.maxPendingBytes",
      wishes.maxPendingBytes ?? 67_108_864,
      1,
      Number.MAX_SAFE_INTEGER,
    ),
  };
}

/** `value` when it is from `min` to `max`. Throws INVALID_ARGUMENT, which names it. */
export function check(name: string, value: number, min: number, max: number): number {
  if (value >= min && value <= max) return value;
  throw new KQueueyError("INVALID_ARGUMENT", `${name} is ${value}; it must be ${min} to ${max}`);
}

/** A body alone can be packed with others. */
function isPlain(message: OutgoingMessage): boolean {
  const { delayMs, attributes, traceHeader, groupId, deduplicationId } = message;
  if (groupId !== undefined || deduplicationId !== undefined) return false;
  return delayMs === undefined && attributes === undefined && traceHeader === undefined;
}

function packedWriter(
  head: { readonly queue: string; readonly omitSuccesses: boolean; readonly requestId: string },
  messages: readonly OutgoingMessage[],
): (writer: WireWriter) => void {
  const bodies = messages.map(({ body }) => body);
  const bodyBytes = Uint32Array.from(messages, ({ bytes }) => bytes);
  return (writer) => encodePackedSendRequest(writer, { ...head, bodies, bodyBytes });
}

function longestTimeout(entries: readonly SendEntry[]): number | undefined {
  let longest = 0;
  for (const { timeoutMs } of entries) {
    if (timeoutMs === undefined) return undefined;
    longest = Math.max(longest, timeoutMs);
  }
  return longest;
}

function sentOf(result: { readonly messageId: string; readonly sequence: number }): Sent {
  return { messageId: result.messageId, sequence: result.sequence };
}

function batchError(
  first: SendFailure,
  sent: number,
  failures: readonly SendFailure[],
): KQueueyError {
  const { code, message, details } = first.error;
  const failed = failures.length;
  const text = `${failed} of ${sent + failed} messages were not stored; message ${first.index}: ${message}`;
  return new KQueueyError(code, text, {
    details: { ...details, sent, failed, firstFailed: first.index },
    cause: first.error,
  });
}
