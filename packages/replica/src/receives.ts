/**
 * Receives on the leader, from arrival to answer: wait until messages are there or on their way, go through the log,
 * read the bodies, answer; and undo a grant whose asker is gone before the answer left.
 */
import type { LogIndex, MonotonicMs, NodeId } from "@kqueuey/base";
import { ByteWriter, clusterTime, duration, logIndex, monotonic } from "@kqueuey/base";
import type { GrantedOutcome, Outcome, QueueId, QueueMachine } from "@kqueuey/queue";
import {
  attemptKeyBytes,
  encodeUndelivered,
  fencingToken,
  NO_REQUEST_ID,
  promptMessages,
  requestIdBytes,
  sequence,
} from "@kqueuey/queue";
import type { BodyRef, GroupStore, StoreFailure } from "@kqueuey/storage";
import { failure } from "./engine-request.ts";
import type { Pending } from "./proposals.ts";
import type { Ticket } from "./replica.ts";
import { type Waiter, Waiters } from "./waiters.ts";

export interface ReceivesOutside {
  machine(): QueueMachine;
  readonly store: Pick<GroupStore, "readBodies">;
  propose(command: Uint8Array, operations: number, pending: Pending | undefined): void;
  later(task: () => void): void;
  failed(failure: StoreFailure): void;
}

/** A receive as it arrives. */
export interface ReceiveRequest {
  readonly command: Uint8Array;
  readonly queue: QueueId;
  readonly maxMessages: number;
  readonly waitMs: number;
  readonly nowMs: MonotonicMs;
}

interface Receive {
  /** Of the last try of the request. */
  ticket: Ticket;
  readonly command: Uint8Array;
  readonly maxMessages: number;
  /** Equal for all tries of a request; undefined when it can't be recognised. */
  readonly requestKey: string | undefined;
  readonly waiter: Waiter;
}

export class Receives {
  readonly #outside: ReceivesOutside;
  readonly #waiters: Waiters;
  readonly #bySerial = new Map<number, Receive>();
  readonly #byTicket = new Map<Ticket, Receive>();
  readonly #byRequest = new Map<string, Receive>();
  readonly #woken = new Set<QueueId>();
  #serial = 0;
  #nowMs: MonotonicMs = monotonic(0);

  constructor(waitingMax: number, outside: ReceivesOutside) {
    this.#waiters = new Waiters(waitingMax);
    this.#outside = outside;
  }

  /** Receives that wait for messages. */
  get waiting(): number {
    return this.#waiters.waiting;
  }

  submit(ticket: Ticket, request: ReceiveRequest): void {
    this.#nowMs = request.nowMs;
    const machine = this.#outside.machine();
    const { queue, maxMessages } = request;
    const attempt = attemptKeyBytes(request.command);
    const requestKey = requestKeyOf(request.command, { queue, attempt });
    if (this.#takeOver(requestKey, ticket)) return;
    this.#serial += 1;
    const deadlineMs = monotonic(request.nowMs + request.waitMs);
    const waiter: Waiter = {
      queue,
      // Of a FIFO queue it is promised a group, however many messages that has.
      maxMessages: machine.attributes(queue)?.fifo === undefined ? maxMessages : 1,
      deadlineMs,
      serial: this.#serial,
      state: "waiting",
      promised: 0,
    };
    const { command } = request;
    const receive: Receive = { ticket, command, maxMessages, requestKey, waiter };
    // Who wants an answer at once is not kept waiting for a send that is being written.
    const coming = request.waitMs > 0 ? this.#waiters.coming(queue) : 0;
    const available = machine.receivable(queue) + coming;
    const isRetry =
      machine.remembersRequest(command) ||
      (attempt !== undefined && machine.remembersAttempt(queue, attempt));
    // A retry goes through the log although nothing is available: what it was granted is in flight.
    if (available > this.#waiters.promised(queue) || isRetry) {
      this.#keep(receive);
      this.#waiters.promise(waiter, available);
      this.#propose(receive);
    } else if (machine.describe(queue) === undefined) {
      ticket.reply({ kind: "outcome", outcome: { kind: "refused", reason: "queue-not-found" } });
    } else if (request.waitMs === 0) {
      ticket.reply({ kind: "granted", grant: emptyGrant(queue), records: [] });
    } else if (this.#waiters.full) {
      ticket.reply(failure("THROTTLED", "too many receives are waiting: try again shortly"));
    } else {
      this.#keep(receive);
      this.#waiters.wait(waiter);
    }
  }

  /**
   * A retry of a receive that is still in hand takes its place: one request has one answer. Were both in the log, the
   * first could be undone, because its asker is gone, after the second was answered with the same leases.
   */
  #takeOver(requestKey: string | undefined, ticket: Ticket): boolean {
    const receive = requestKey === undefined ? undefined : this.#byRequest.get(requestKey);
    if (receive === undefined) return false;
    const { ticket: earlier, waiter } = receive;
    this.#byTicket.delete(earlier);
    receive.ticket = ticket;
    this.#byTicket.set(ticket, receive);
    if (!earlier.cancelled) {
      earlier.reply({ kind: "granted", grant: emptyGrant(waiter.queue), records: [] });
    }
    return true;
  }

  /**
   * A send is about to be proposed. Receives that wait for its messages follow it into the same entry, so that they
   * are delivered by the write that stores them; those that come while it is being written follow it as soon as they
   * are here. Gives whom to tell of the outcome in place of `pending`.
   */
  expect(queue: QueueId, send: Uint8Array, pending: Pending): Pending {
    const machine = this.#outside.machine();
    // Where other messages are there for whoever comes, nobody will wait for these.
    const isEmpty = machine.receivable(queue) <= this.#waiters.promised(queue);
    if (!isEmpty && !this.#waiters.isAwaited(queue)) return pending;
    const attributes = machine.attributes(queue);
    const count = attributes === undefined ? 0 : promptMessages(send, attributes.delayMs);
    if (count === 0) return pending;
    this.#waiters.expect(queue, count);
    this.#woken.add(queue);
    return {
      settled: (outcome) => {
        this.#waiters.arrived(queue, count);
        pending.settled(outcome);
      },
      lost: () => {
        this.#waiters.arrived(queue, count);
        pending.lost();
      },
    };
  }

  /** Messages of the queue became available, or promised ones free again, or the queue went. */
  woke(queue: QueueId): void {
    this.#woken.add(queue);
  }

  /** Proposes the receives that messages are there for. */
  wake(nowMs: MonotonicMs): void {
    this.#nowMs = nowMs;
    if (this.#woken.size === 0) return;
    const machine = this.#outside.machine();
    for (const queue of this.#woken) {
      for (;;) {
        const available = machine.receivable(queue) + this.#waiters.coming(queue);
        const waiter = this.#waiters.letGo(queue, available);
        if (waiter === undefined) break;
        const receive = this.#bySerial.get(waiter.serial);
        if (receive !== undefined) this.#propose(receive);
      }
    }
    this.#woken.clear();
  }

  tick(nowMs: MonotonicMs): void {
    this.#nowMs = nowMs;
    for (;;) {
      const waiter = this.#waiters.takeExpired(nowMs);
      if (waiter === undefined) return;
      this.#answerEmpty(waiter);
    }
  }

  /** The asker is gone. */
  cancel(ticket: Ticket): void {
    const receive = this.#byTicket.get(ticket);
    if (receive !== undefined && this.#waiters.cancel(receive.waiter)) this.#forget(receive);
  }

  /** Answers every waiting receive with nothing. */
  endAll(): void {
    for (const waiter of this.#waiters.takeAll()) this.#answerEmpty(waiter);
  }

  /** Leadership is gone: whoever waits asks the next leader. */
  loseAll(leader: NodeId | 0): void {
    for (const waiter of this.#waiters.takeAll()) {
      const receive = this.#bySerial.get(waiter.serial);
      if (receive === undefined) continue;
      this.#forget(receive);
      receive.ticket.reply({ kind: "not-leader", leader });
    }
    this.#woken.clear();
  }

  #keep(receive: Receive): void {
    this.#bySerial.set(receive.waiter.serial, receive);
    this.#byTicket.set(receive.ticket, receive);
    if (receive.requestKey !== undefined) this.#byRequest.set(receive.requestKey, receive);
  }

  #forget(receive: Receive): void {
    this.#bySerial.delete(receive.waiter.serial);
    this.#byTicket.delete(receive.ticket);
    if (receive.requestKey !== undefined) this.#byRequest.delete(receive.requestKey);
  }

  #answerEmpty(waiter: Waiter): void {
    const receive = this.#bySerial.get(waiter.serial);
    if (receive === undefined) return;
    this.#forget(receive);
    receive.ticket.reply({ kind: "granted", grant: emptyGrant(waiter.queue), records: [] });
  }

  #propose(receive: Receive): void {
    this.#outside.propose(receive.command, receive.maxMessages, {
      settled: (outcome) => this.#settled(receive, outcome),
      lost: () => {
        this.#waiters.settle(receive.waiter);
        this.#forget(receive);
        receive.ticket.reply({ kind: "not-leader", leader: 0 });
      },
    });
  }

  #settled(receive: Receive, outcome: Outcome): void {
    const { waiter } = receive;
    this.#waiters.settle(waiter);
    this.#woken.add(waiter.queue);
    if (outcome.kind !== "granted") {
      this.#forget(receive);
      receive.ticket.reply({ kind: "outcome", outcome });
      return;
    }
    if (outcome.count > 0) {
      this.#deliver(receive, outcome);
      return;
    }
    const waits = !receive.ticket.cancelled && !outcome.replayed && waiter.deadlineMs > this.#nowMs;
    if (waits) {
      this.#waiters.putBack(waiter);
    } else {
      this.#forget(receive);
      receive.ticket.reply({ kind: "granted", grant: outcome, records: [] });
    }
  }

  /** The receive stays known until it is answered: whoever tries again until then is answered in its place. */
  #deliver(receive: Receive, grant: GrantedOutcome): void {
    if (receive.ticket.cancelled) {
      this.#forget(receive);
      this.undo(grant);
      return;
    }
    const refs: BodyRef[] = [];
    for (let i = 0; i < grant.count; i++) {
      const entry: LogIndex = logIndex(grant.entries[i] ?? 0);
      refs.push({ entry, offset: grant.offsets[i] ?? 0 });
    }
    let returned = false;
    this.#outside.store.readBodies(refs, (result) => {
      const answer = (): void => {
        this.#forget(receive);
        const { ticket } = receive;
        if (!result.ok) {
          this.undo(grant);
          ticket.reply(failure("UNAVAILABLE", "the bodies cannot be read here: try again"));
          this.#outside.failed(result.failure);
        } else if (ticket.cancelled) {
          this.undo(grant);
        } else {
          ticket.reply({ kind: "granted", grant, records: result.value });
        }
      };
      // From memory the store answers before it returns; from disk the answer is an event.
      if (returned) this.#outside.later(answer);
      else answer();
    });
    returned = true;
  }

  /**
   * Gives back what nobody saw: the messages are available at once and their counts are as before. Not what a retry
   * was answered with again: another try of the same request may have been answered before, and its client holds
   * these leases; if none was, their deadlines end them.
   */
  undo(grant: GrantedOutcome): void {
    if (grant.replayed) return;
    const leases = [];
    for (let i = 0; i < grant.count; i++) {
      const at = grant.sequences[i] ?? 0;
      leases.push({ sequence: sequence(at), token: fencingToken(grant.tokens[i] ?? 0) });
    }
    const writer = new ByteWriter(64 + leases.length * 12);
    encodeUndelivered(writer, { requestId: NO_REQUEST_ID, queueId: grant.queueId, leases });
    this.#outside.propose(writer.take(), leases.length, undefined);
  }
}

/** The attempt's or else the request id's bytes, as a key; undefined when the command has neither. */
function requestKeyOf(
  command: Uint8Array,
  of: { readonly queue: QueueId; readonly attempt: Uint8Array | undefined },
): string | undefined {
  const { queue, attempt } = of;
  if (attempt !== undefined) return `attempt ${queue} ${String.fromCharCode(...attempt)}`;
  const id = requestIdBytes(command);
  return id === undefined ? undefined : String.fromCharCode(...id);
}

/** A grant of nothing. */
function emptyGrant(queue: QueueId): GrantedOutcome {
  return {
    kind: "granted",
    queueId: queue,
    replayed: false,
    grantFirst: 0,
    grantCount: 0,
    count: 0,
    leaseMs: duration(0),
    nowMs: clusterTime(0),
    sequences: new Float64Array(0),
    entries: new Float64Array(0),
    offsets: new Uint32Array(0),
    tokens: new Float64Array(0),
    deadlines: new Float64Array(0),
    receiveCounts: new Uint32Array(0),
    firstReceived: new Float64Array(0),
    originQueues: undefined,
    originSequences: undefined,
    sourceQueues: undefined,
  };
}
