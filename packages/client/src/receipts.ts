/**
 * Tombstones, extensions and releases of one queue. Single ones are gathered into batches without a
 * promise each, and short lists with them; long lists go in batches of their own.
 */
import {
  decodeReceiptResponse,
  encodeExtendRequest,
  encodeReleaseRequest,
  encodeTombstoneRequest,
  type HotIndexedReceiptResult,
  KQueueyError,
  METHOD,
  RELAXED_LIMITS,
  type WireWriter,
} from "@kqueuey/contract";
import { Batcher } from "./batcher.ts";
import type { Call, Caller } from "./caller.ts";
import { type PackedMessage, receiptRunsOf } from "./packed-message.ts";
import type { RequestIds } from "./request-ids.ts";
import type { CallOptions, ReceiptOutcome } from "./types.ts";

/** How a delivery is named: by its handle, or by its place in a packed answer, which costs less. */
export type ReceiptName = string | PackedMessage;

/** What is done to a delivery. */
export type ReceiptAction = "tombstone" | "extend" | "release";

/** One delivery and what it is to get; told once what became of it. */
export interface ReceiptEntry {
  readonly receipt: ReceiptName;
  /** Lease from now on (extend), delay (release); not used by tombstones. In ms. */
  readonly ms: number;
  /** `sentMs`: monotonic time before which the node had not acted. */
  settle(outcome: ReceiptOutcome, sentMs: number): void;
  /** Told in the place of `settle`, where there is one, when the whole batch failed. */
  fail?(error: KQueueyError): void;
}

interface BatchAnswer {
  readonly exceptions: readonly HotIndexedReceiptResult[];
  readonly sentMs: number;
}

const EFFECTIVE: ReceiptOutcome = { outcome: "effective" };
const BATCH_MAX = RELAXED_LIMITS.batchEntries.max;
/** Batches of one kind under way at a time. */
const IN_FLIGHT_MAX = 4;
const LINGER_MS = 2;
/** Lists up to this long are gathered with others; what is longer is worth a call. */
const SHORT_LIST_MAX = 64;
/** Handles wait as long as their messages are held, which is bounded elsewhere; this stops a runaway. */
const PENDING_BYTES_MAX = 67_108_864;
/** About what one weighs in a request. */
const RECEIPT_BYTES = 55;

/** The three kinds of calls about deliveries of one queue. */
export class Receipts {
  readonly #queue: string;
  readonly #caller: Caller;
  readonly #ids: RequestIds;
  readonly #batchers: { readonly [A in ReceiptAction]: Batcher<ReceiptEntry> };

  constructor(queue: string, caller: Caller, ids: RequestIds) {
    this.#queue = queue;
    this.#caller = caller;
    this.#ids = ids;
    const batcher = (action: ReceiptAction) =>
      new Batcher<ReceiptEntry>(
        caller.timers,
        {
          maxEntries: BATCH_MAX,
          maxBytes: Number.POSITIVE_INFINITY,
          lingerMs: LINGER_MS,
          maxInFlight: IN_FLIGHT_MAX,
          maxPendingBytes: PENDING_BYTES_MAX,
        },
        (entries, done) => this.#runBatch(action, entries, done),
      );
    this.#batchers = {
      tombstone: batcher("tombstone"),
      extend: batcher("extend"),
      release: batcher("release"),
    };
  }

  /** Gathers `entry` into the next batch of its kind. */
  add(action: ReceiptAction, entry: ReceiptEntry): void {
    if (this.#batchers[action].add(entry, RECEIPT_BYTES)) return;
    const message = "too many tombstones, extensions or releases wait in this client; await some";
    failEntry(entry, new KQueueyError("THROTTLED", message), this.#caller.timers.nowMs());
  }

  /** Does it to all of them, in batches; answers in their order. Throws when a whole batch fails. */
  async all(
    action: ReceiptAction,
    entries: readonly { readonly receipt: ReceiptName; readonly ms: number }[],
    options: CallOptions,
  ): Promise<ReceiptOutcome[]> {
    const isShort = entries.length > 0 && entries.length <= SHORT_LIST_MAX;
    if (isShort && options.signal === undefined && options.timeoutMs === undefined) {
      return this.#gathered(action, entries);
    }
    const outcomes: ReceiptOutcome[] = entries.map(() => EFFECTIVE);
    const batches: Promise<void>[] = [];
    for (let start = 0; start < entries.length; start += BATCH_MAX) {
      const batch = entries.slice(start, start + BATCH_MAX);
      const answer = this.#caller.call(this.#call(action, batch), options);
      batches.push(
        answer.then(({ exceptions }) => {
          for (const result of exceptions) outcomes[start + result.index] = toOutcome(result);
        }),
      );
    }
    await allSettledOrThrow(batches);
    return outcomes;
  }

  /** As `all`, in batches that are shared with others. */
  #gathered(
    action: ReceiptAction,
    entries: readonly { readonly receipt: ReceiptName; readonly ms: number }[],
  ): Promise<ReceiptOutcome[]> {
    return new Promise((resolve, reject) => {
      const outcomes: ReceiptOutcome[] = entries.map(() => EFFECTIVE);
      let open = entries.length;
      let failed: KQueueyError | undefined;
      const end = (): void => {
        open -= 1;
        if (open > 0) return;
        if (failed === undefined) resolve(outcomes);
        else reject(failed);
      };
      entries.forEach(({ receipt, ms }, at) => {
        const settle = (outcome: ReceiptOutcome): void => {
          outcomes[at] = outcome;
          end();
        };
        const fail = (error: KQueueyError): void => {
          failed ??= error;
          end();
        };
        this.add(action, { receipt, ms, settle, fail });
      });
    });
  }

  /** Resolves when nothing waits and nothing is under way. */
  async idle(): Promise<void> {
    const { tombstone, extend, release } = this.#batchers;
    await Promise.all([tombstone.idle(), extend.idle(), release.idle()]);
  }

  #runBatch(action: ReceiptAction, entries: ReceiptEntry[], done: () => void): void {
    this.#caller.call(this.#call(action, entries), {}).then(
      ({ exceptions, sentMs }) => {
        done();
        const byIndex = new Map(exceptions.map((result) => [result.index, result]));
        entries.forEach((entry, index) => {
          const exception = byIndex.get(index);
          entry.settle(exception === undefined ? EFFECTIVE : toOutcome(exception), sentMs);
        });
      },
      (thrown: unknown) => {
        done();
        const error = KQueueyError.from(thrown);
        const nowMs = this.#caller.timers.nowMs();
        for (const entry of entries) failEntry(entry, error, nowMs);
      },
    );
  }

  #call(
    action: ReceiptAction,
    entries: readonly { readonly receipt: ReceiptName; readonly ms: number }[],
  ): Call<BatchAnswer> {
    const head = { queue: this.#queue, omitSuccesses: true, requestId: this.#ids.next() };
    return {
      method: METHOD[action],
      queue: this.#queue,
      mutates: true,
      waits: false,
      write: (writer) => writeRequest(writer, action, head, entries),
      read: (bytes, start, facts) => ({
        exceptions: decodeReceiptResponse(bytes, start),
        sentMs: facts.firstSentMs,
      }),
    };
  }
}

function writeRequest(
  writer: WireWriter,
  action: ReceiptAction,
  head: { readonly queue: string; readonly omitSuccesses: boolean; readonly requestId: string },
  entries: readonly { readonly receipt: ReceiptName; readonly ms: number }[],
): void {
  switch (action) {
    case "tombstone": {
      const receipts = entries.map(({ receipt }) => receipt);
      const runs = receiptRunsOf(receipts);
      const receiptHandles = runs === undefined ? receipts.map(handleOf) : [];
      encodeTombstoneRequest(writer, { ...head, receiptHandles, runs: runs ?? [] });
      return;
    }
    case "extend":
      encodeExtendRequest(writer, {
        ...head,
        entries: entries.map(({ receipt, ms }) => ({
          receiptHandle: handleOf(receipt),
          visibilityTimeoutMs: ms,
        })),
      });
      return;
    case "release":
      encodeReleaseRequest(writer, {
        ...head,
        entries: entries.map(({ receipt, ms }) => ({
          receiptHandle: handleOf(receipt),
          delayMs: ms,
        })),
      });
      return;
  }
}

function failEntry(entry: ReceiptEntry, error: KQueueyError, nowMs: number): void {
  if (entry.fail === undefined) entry.settle({ outcome: "error", error }, nowMs);
  else entry.fail(error);
}

function handleOf(receipt: ReceiptName): string {
  return typeof receipt === "string" ? receipt : receipt.receiptHandle;
}

function toOutcome(result: HotIndexedReceiptResult): ReceiptOutcome {
  if (!result.ok) return { outcome: "error", error: result.error };
  return result.effective ? EFFECTIVE : { outcome: result.reason };
}

/** Waits for all, then throws the first error: nothing is left running behind the caller's back. */
export async function allSettledOrThrow(promises: readonly Promise<void>[]): Promise<void> {
  for (const settled of await Promise.allSettled(promises)) {
    if (settled.status === "rejected") throw settled.reason;
  }
}
