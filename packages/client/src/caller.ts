/**
 * Makes calls: waits for a turn and a connection, retries what may be retried, keeps the call's time.
 *
 * A retry repeats the same request id, so that a call whose answer was lost is recognised and not done
 * twice. The cluster recognises an id for a time only: past most of it a lost answer is reported as
 * OUTCOME_UNKNOWN and left to the caller.
 */
import {
  KQueueyError,
  type Method,
  REQUEST_ID_WINDOW_MS,
  type WireWriter,
} from "@kqueuey/contract";
import type { AnswerSink, Connection } from "./connection.ts";
import { Limiter } from "./limiter.ts";
import { type Pool, unreachableCluster } from "./pool.ts";
import type { Timers, Transport } from "./transport.ts";
import type { CallOptions } from "./types.ts";

/** Pauses between tries: drawn from 0 to a bound that doubles. */
const BACKOFF_FIRST_MS = 20;
const BACKOFF_MAX_MS = 2_000;
/** Tries that may follow a hint or a lost connection at once, before pauses begin. */
const QUICK_TRIES_MAX = 3;
/** Receives that wait at the servers at a time. */
const WAITING_CALLS_MAX = 512;
/** A lost answer is asked for again within this time of the first try. */
const RETRY_WINDOW_MS = REQUEST_ID_WINDOW_MS * 0.75;

const RETRIED: ReadonlySet<string> = new Set([
  "THROTTLED",
  "UNAVAILABLE",
  "OUTCOME_UNKNOWN",
  "DEADLINE_EXCEEDED",
  "STORAGE_FULL",
]);

/** One call, as the caller sees it. */
export interface Call<A> {
  readonly method: Method;
  /** For the choice of the node; "" when the call is about no queue. */
  readonly queue: string;
  /** Whether a second execution would do something more. Such a call carries a request id. */
  readonly mutates: boolean;
  /** Whether the call may wait at the server: it then takes no turn of the others. */
  readonly waits: boolean;
  write(writer: WireWriter): void;
  /** `sinceMs` is a time before which the node had not begun to answer; `roundTripMs` how old the answer may be. */
  read(bytes: Uint8Array, start: number, facts: AnswerFacts): A;
  /** Takes the answer of a call that the caller gave up before it came. */
  late?(answer: A): void;
}

/** When an answer's call was made. */
export interface AnswerFacts {
  /** Monotonic ms: the first try was sent. */
  readonly firstSentMs: number;
  /** How old the answer may be, in ms. */
  readonly roundTripMs: number;
}

/** Makes calls. */
export class Caller {
  readonly #pool: Pool;
  readonly #transport: Transport;
  readonly #timeoutMs: number;
  readonly #turns: Limiter;
  readonly #waitingTurns: Limiter;
  readonly #running = new Set<{ fail(error: KQueueyError): void }>();
  #closed = false;

  constructor(
    pool: Pool,
    transport: Transport,
    limits: { readonly timeoutMs: number; readonly maxCallsInFlight: number },
  ) {
    this.#pool = pool;
    this.#transport = transport;
    this.#timeoutMs = limits.timeoutMs;
    this.#turns = new Limiter(limits.maxCallsInFlight);
    this.#waitingTurns = new Limiter(WAITING_CALLS_MAX);
  }

  get timers(): Timers {
    return this.#transport.timers;
  }

  /** Throws what the table of errors says. `options.timeoutMs` takes the place of the client's. */
  call<A>(call: Call<A>, options: CallOptions): Promise<A> {
    return new Promise<A>((resolve, reject) => {
      if (this.#closed) throw new KQueueyError("CANCELLED", "the client is closed");
      if (options.signal?.aborted === true) throw cancelled(options.signal);
      const timeoutMs = options.timeoutMs ?? this.#timeoutMs;
      if (!(timeoutMs > 0)) {
        throw new KQueueyError("INVALID_ARGUMENT", `timeoutMs is ${timeoutMs}; it must be above 0`);
      }
      const running = new RunningCall<A>(call, this.#pool, this.#transport, {
        timeoutMs,
        signal: options.signal,
        turns: call.waits ? this.#waitingTurns : this.#turns,
        resolve,
        reject,
        onEnd: () => this.#running.delete(running),
      });
      this.#running.add(running);
      running.start();
    });
  }

  /** Fails every call under way, and those to come, with CANCELLED. */
  close(): void {
    this.#closed = true;
    for (const running of [...this.#running]) {
      running.fail(new KQueueyError("CANCELLED", "the client was closed"));
    }
  }
}

interface RunningOptions<A> {
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly turns: Limiter;
  readonly resolve: (answer: A) => void;
  readonly reject: (error: KQueueyError) => void;
  readonly onEnd: () => void;
}

/** One call on its way through tries. */
class RunningCall<A> implements AnswerSink {
  readonly #call: Call<A>;
  readonly #pool: Pool;
  readonly #transport: Transport;
  readonly #options: RunningOptions<A>;
  #ended = false;
  #hasTurn = false;
  #tries = 0;
  #quickTries = 0;
  #firstSentMs: number | undefined;
  #mayHaveHappened = false;
  #lastError: KQueueyError | undefined;
  #connection: Connection | undefined;
  #id: number | undefined;
  /** Ends what the call waits for at the moment: a turn, a connection, a pause. */
  #cancelWait: () => void = nothing;
  #cancelDeadline: () => void = nothing;

  constructor(call: Call<A>, pool: Pool, transport: Transport, options: RunningOptions<A>) {
    this.#call = call;
    this.#pool = pool;
    this.#transport = transport;
    this.#options = options;
  }

  start(): void {
    const { signal, timeoutMs, turns } = this.#options;
    this.#cancelDeadline = this.#transport.timers.schedule(timeoutMs, () => this.#timeOver());
    signal?.addEventListener("abort", this.#onAbort, { once: true });
    try {
      this.#cancelWait = turns.acquire(() => {
        this.#hasTurn = true;
        this.#try(undefined);
      });
    } catch (error) {
      this.fail(KQueueyError.from(error));
    }
  }

  /** Ends the call: what was sent is cancelled. */
  fail(error: KQueueyError): void {
    if (this.#ended) return;
    this.#abandon();
    this.#end();
    this.#options.reject(error);
  }

  response(bytes: Uint8Array, start: number, leaderUrl: string | undefined): void {
    const connection = this.#connection;
    this.#id = undefined;
    if (leaderUrl !== undefined) this.#pool.learnLeader(this.#call.queue, leaderUrl);
    let answer: A;
    try {
      answer = this.#read(bytes, start, connection);
    } catch (cause) {
      const message = "the node answered with bytes that are no answer to the call";
      this.fail(new KQueueyError("INTERNAL", message, { cause }));
      return;
    }
    this.#end();
    this.#options.resolve(answer);
  }

  failed(error: KQueueyError, mayHaveHappened: boolean): void {
    const connection = this.#connection;
    this.#id = undefined;
    this.#mayHaveHappened ||= mayHaveHappened;
    if (!RETRIED.has(error.code)) {
      this.fail(error);
      return;
    }
    this.#lastError = error;
    const { leaderUrl, retryAfterMs } = error.details;
    const hinted = typeof leaderUrl === "string";
    if (hinted) this.#pool.learnLeader(this.#call.queue, leaderUrl);
    else if (connection !== undefined && error.code === "UNAVAILABLE") {
      this.#pool.forgetLeader(this.#call.queue, connection);
    }
    if (this.#tooLateToRetry()) {
      const message = "the answer was lost and a retry would come too late to be recognised";
      this.fail(new KQueueyError("OUTCOME_UNKNOWN", message, { cause: error }));
      return;
    }
    const quick = (hinted || connection?.closed === true) && this.#quickTries < QUICK_TRIES_MAX;
    if (quick) this.#quickTries += 1;
    const delayMs = quick ? 0 : this.#backoff(typeof retryAfterMs === "number" ? retryAfterMs : 0);
    const avoid = error.code === "UNAVAILABLE" && !hinted ? connection : undefined;
    this.#cancelWait = this.#transport.timers.schedule(delayMs, () => this.#try(avoid));
  }

  #try(avoid: Connection | undefined): void {
    if (this.#ended) return;
    const { queue, method } = this.#call;
    const connection = this.#pool.pick(queue, avoid);
    if (connection === undefined) {
      this.#cancelWait = this.#pool.whenUsable(() => this.#try(undefined));
      return;
    }
    this.#cancelWait = nothing;
    this.#connection = connection;
    let id: number | undefined;
    try {
      id = connection.request(method, (writer) => this.#call.write(writer), this);
    } catch (error) {
      this.fail(KQueueyError.from(error));
      return;
    }
    if (id === undefined) {
      const message = `${connection.url} has as many calls in flight as it takes`;
      this.failed(new KQueueyError("THROTTLED", message), false);
      return;
    }
    this.#id = id;
    this.#tries += 1;
    this.#firstSentMs ??= this.#transport.timers.nowMs();
  }

  #backoff(atLeastMs: number): number {
    const bound = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** Math.min(this.#tries, 16));
    // What the node asked for, and jitter on top, so that its callers do not come back together.
    return atLeastMs + bound * this.#transport.random();
  }

  #tooLateToRetry(): boolean {
    if (!this.#call.mutates || !this.#mayHaveHappened || this.#firstSentMs === undefined) {
      return false;
    }
    return this.#transport.timers.nowMs() - this.#firstSentMs > RETRY_WINDOW_MS;
  }

  #read(bytes: Uint8Array, start: number, connection: Connection | undefined): A {
    return this.#call.read(bytes, start, {
      firstSentMs: this.#firstSentMs ?? this.#transport.timers.nowMs(),
      roundTripMs: connection?.roundTripMs ?? 0,
    });
  }

  #timeOver(): void {
    const { timeoutMs } = this.#options;
    const last = this.#lastError;
    if (this.#id === undefined && !this.#mayHaveHappened && this.#hasTurn) {
      // Nothing is on its way: what stood in the way says more than that time is over.
      this.fail(last ?? unreachableCluster(this.#pool));
      return;
    }
    const message = this.#hasTurn
      ? `no answer within ${timeoutMs} ms`
      : `the call waited ${timeoutMs} ms for others of this client`;
    const details = { timeoutMs, mayHaveHappened: this.#firstSentMs !== undefined };
    const options = last === undefined ? { details } : { details, cause: last };
    this.fail(new KQueueyError("DEADLINE_EXCEEDED", message, options));
  }

  readonly #onAbort = (): void => {
    const { signal } = this.#options;
    if (signal !== undefined) this.fail(cancelled(signal));
  };

  /** Tells the node that nobody waits; its answer, should it cross, still goes to `late`. */
  #abandon(): void {
    const connection = this.#connection;
    if (this.#id === undefined || connection === undefined) return;
    const call = this.#call;
    const late =
      call.late === undefined
        ? undefined
        : (bytes: Uint8Array, start: number) => call.late?.(this.#read(bytes, start, connection));
    connection.cancel(this.#id, late);
    this.#id = undefined;
  }

  #end(): void {
    this.#ended = true;
    this.#cancelWait();
    this.#cancelDeadline();
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
    if (this.#hasTurn) {
      this.#hasTurn = false;
      this.#options.turns.release();
    }
    this.#options.onEnd();
  }
}

/** What a call fails with when its caller's signal ended it. */
export function cancelled(signal: AbortSignal): KQueueyError {
  return new KQueueyError("CANCELLED", "the caller's signal ended the call", {
    cause: signal.reason,
  });
}

function nothing(): void {}
