/**
 * The rules of a queue, written a second time and for clarity: sending, granting, settling, dead letters, and
 * what time does. Plain objects in maps; nothing of the machine's is used.
 */
import { assert, Heap } from "@kqueuey/base";
import type { MessageId, Settled } from "../history/event.ts";
import { messageIdOf } from "../workload/answer.ts";
import {
  endLease,
  type Grant,
  isRedelivered,
  leave,
  type Message,
  type Queue,
  reviveLease,
  setPlace,
} from "./account.ts";
import type { AuditedLease, AuditedSend, DeadLetterPolicy, SettleKind } from "./entry-reader.ts";

/** Longest time from a grant to the end of its lease. */
const LEASE_TOTAL_MS_MAX = 43_200_000;
/** What time does in one entry at most; the rest waits for the next. */
const TIME_STEPS_MAX = 1_024;

/** The moment at which rules are applied. */
export interface Moment {
  /** Index of the entry. */
  readonly index: number;
  /** Cluster time. */
  readonly now: number;
}

/** What a message brings along to a queue. */
type Arrival = Pick<
  Message,
  | "id"
  | "body"
  | "bytes"
  | "group"
  | "entry"
  | "offset"
  | "enqueuedSecond"
  | "source"
  | "count"
  | "delayedUntil"
>;

/** What a receive asks for. */
export interface Asked {
  readonly limit: number;
  readonly maxBytes: number;
  readonly leaseMs: number;
  /** Name of the attempt, of a FIFO queue. */
  readonly attempt: string | undefined;
}

/** Something that time will end. */
interface Alarm {
  readonly atMs: number;
  readonly message: Message;
}

function alarmBefore(a: Alarm, b: Alarm): boolean {
  if (a.atMs !== b.atMs) return a.atMs < b.atMs;
  const [one, other] = [a.message, b.message];
  if (one.queue.id !== other.queue.id) return one.queue.id < other.queue.id;
  return one.sequence < other.sequence;
}

export class Rules {
  readonly queues: Map<number, Queue> = new Map();
  /** Every message that was ever stored, in order; one that moved is there once for each queue. */
  readonly messages: Message[] = [];
  /** Queues that the entry under way changed. */
  readonly touched: Set<Queue> = new Set();
  readonly #alarms = new Heap<Alarm>(alarmBefore);
  #retiredSecond = -1;

  send(queue: Queue, sends: readonly AuditedSend[], at: Moment): MessageId[] {
    return sends.map((send) => {
      const delayMs = send.delayMs ?? queue.number("delayMs");
      const what = {
        ...send,
        id: messageIdOf(queue.id, queue.nextSequence),
        entry: at.index,
        enqueuedSecond: Math.floor(at.now / 1_000),
        source: 0,
        count: 0,
        delayedUntil: at.now + delayMs,
      };
      const message = this.append(queue, what, at);
      if (delayMs > 0) this.hold(message, "delayed", at.now + delayMs);
      else setPlace(message, "ready");
      return message.id;
    });
  }

  append(queue: Queue, what: Arrival, at: Moment): Message {
    const { id, body, bytes, group, entry, offset, enqueuedSecond, source, count, delayedUntil } =
      what;
    const message: Message = {
      id,
      body,
      bytes,
      group,
      entry,
      offset,
      cameAtMs: at.now,
      leftAtMs: Number.POSITIVE_INFINITY,
      enqueuedSecond,
      source,
      count,
      delayedUntil,
      queue,
      sequence: queue.nextSequence,
      countOnArrival: count,
      place: "gone",
      visibleAt: 0,
      token: 0,
      grant: undefined,
      isShownAgain: false,
      fate: undefined,
      leftAt: 0,
    };
    queue.nextSequence += 1;
    queue.live.set(message.sequence, message);
    if (queue.fifo !== undefined) queue.fifo.groups.join(message);
    else if (group !== "") queue.hasGroups = true;
    this.messages.push(message);
    this.touched.add(queue);
    return message;
  }

  hold(message: Message, place: "delayed" | "leased", untilMs: number): void {
    message.visibleAt = untilMs;
    setPlace(message, place);
    this.#alarms.push({ atMs: untilMs, message });
  }

  receive(queue: Queue, asked: Pick<Asked, "limit" | "maxBytes" | "leaseMs">, at: Moment): Grant[] {
    this.touched.add(queue);
    const chosen: Message[] = [];
    let bytesLeft = asked.maxBytes;
    // Redelivered messages first, then fresh ones, each by sequence.
    for (const redelivered of [true, false]) {
      const ready = redelivered ? queue.redelivered : queue.fresh;
      for (;;) {
        const message = firstReady(ready, redelivered);
        if (message === undefined) break;
        if (redelivered && this.isExhausted(message)) {
          this.bury(message, at);
          continue;
        }
        const bytes = roundedBytes(message.bytes);
        const isFull = chosen.length === asked.limit || (bytes > bytesLeft && chosen.length > 0);
        if (isFull) return this.grant(chosen, asked.leaseMs, at);
        bytesLeft -= bytes;
        chosen.push(message);
        setPlace(message, "leased");
        ready.pop();
      }
    }
    return this.grant(chosen, asked.leaseMs, at);
  }

  grant(chosen: readonly Message[], leaseMs: number, at: Moment): Grant[] {
    const grants = chosen.map((message) => {
      const { queue } = message;
      message.count += 1;
      message.token = queue.nextToken;
      message.visibleAt = at.now + leaseMs;
      const grant: Grant = {
        message,
        token: message.token,
        index: at.index,
        receiveCount: message.count,
        grantedAt: at.now,
        notBefore: message.delayedUntil,
        deadlines: [message.visibleAt],
        endedAt: undefined,
        end: undefined,
      };
      queue.grants.push(grant);
      message.grant = grant;
      message.isShownAgain = false;
      if (leaseMs > 0) this.#alarms.push({ atMs: message.visibleAt, message });
      return grant;
    });
    // A lease of no time is over at once.
    if (leaseMs === 0) for (const message of chosen) this.#comeBack(message, "deadline", at);
    return grants;
  }

  settle(queue: Queue, kind: SettleKind, lease: AuditedLease, at: Moment): Settled {
    const message = queue.live.get(lease.sequence);
    if (message === undefined) return "gone";
    if (message.token === 0 || message.token !== lease.token) return "stale";
    this.touched.add(queue);
    switch (kind) {
      case "tombstone":
        // The group may have gone on.
        if (queue.fifo !== undefined && isOver(message, at)) return "not-in-flight";
        leave(message, "tombstoned", at);
        return "ok";
      case "undelivered":
        if (message.isShownAgain) return "stale";
        return this.#undo(message, at);
      case "extend":
      case "release":
        if (isOver(message, at))
          return lease.revives ? this.#revive(message, lease.ms, at) : "not-in-flight";
        return kind === "extend" && lease.ms > 0
          ? this.#extend(message, lease.ms, at)
          : this.#release(message, lease.ms, at);
    }
  }

  #extend(message: Message, ms: number, at: Moment): Settled {
    const { grant } = message;
    assert(grant !== undefined, "a leased message has a grant");
    if (at.now + ms - grant.grantedAt > LEASE_TOTAL_MS_MAX) return "too-long";
    grant.deadlines.push(at.now + ms);
    this.hold(message, "leased", at.now + ms);
    return "ok";
  }

  /** Of a lease that is over, while the message waits for whoever comes first. */
  #revive(message: Message, ms: number, at: Moment): Settled {
    const isWaiting = message.queue.fifo === undefined && message.place !== "delayed";
    if (!isWaiting) return "not-in-flight";
    if (ms === 0) return "ok";
    const settled = this.#extend(message, ms, at);
    if (settled === "ok") reviveLease(message);
    return settled;
  }

  #release(message: Message, ms: number, at: Moment): Settled {
    endLease(message, "released", at.now);
    if (this.#isBuriedAtOnce(message)) this.bury(message, at);
    else if (ms > 0) this.hold(message, "delayed", at.now + ms);
    else setPlace(message, "ready");
    return "ok";
  }

  /** As if the grant had not been made. */
  #undo(message: Message, at: Moment): Settled {
    message.count -= 1;
    message.token = 0;
    if (message.place === "delayed") {
      endLease(message, "undelivered", at.now);
      return "ok";
    }
    // One that was ready, its lease being over, is ready anew: its group has another turn.
    if (message.place === "ready") setPlace(message, "gone");
    this.#comeBack(message, "undelivered", at);
    return "ok";
  }

  #comeBack(message: Message, end: "deadline" | "undelivered", at: Moment): void {
    if (message.place === "leased") endLease(message, end, at.now);
    if (this.#isBuriedAtOnce(message)) this.bury(message, at);
    else setPlace(message, "ready");
  }

  #policyOf(queue: Queue): DeadLetterPolicy | undefined {
    const policy = queue.attributes.deadLetter;
    if (policy === undefined || policy.queueId === queue.id) return undefined;
    const target = this.queues.get(policy.queueId);
    return target !== undefined && isSameKind(target, queue) ? policy : undefined;
  }

  /** In a FIFO queue it waits for the receive that meets it at the front of its group. */
  #isBuriedAtOnce(message: Message): boolean {
    return message.queue.fifo === undefined && this.isExhausted(message);
  }

  isExhausted(message: Message): boolean {
    const policy = this.#policyOf(message.queue);
    return policy !== undefined && message.count - message.countOnArrival >= policy.maximumReceives;
  }

  /** To the dead letters: out of one queue and into the other in the same entry. */
  bury(message: Message, at: Moment): void {
    const policy = this.#policyOf(message.queue);
    const target = policy === undefined ? undefined : this.queues.get(policy.queueId);
    assert(target !== undefined, "a dead letter has somewhere to go");
    leave(message, "dead-lettered", at);
    this.touched.add(message.queue);
    const buried = { ...message, source: message.queue.id };
    // Retention begins anew in a FIFO queue.
    const now = target.fifo === undefined ? {} : { enqueuedSecond: Math.floor(at.now / 1_000) };
    setPlace(this.append(target, { ...buried, ...now }, at), "ready");
  }

  /** The oldest message that could be received. */
  oldestReady(queue: Queue): Message | undefined {
    if (queue.fifo !== undefined) return queue.fifo.groups.oldest();
    const fresh = firstReady(queue.fresh, false);
    const redelivered = firstReady(queue.redelivered, true);
    if (fresh === undefined || redelivered === undefined) return fresh ?? redelivered;
    return fresh.sequence < redelivered.sequence ? fresh : redelivered;
  }

  /** By a move task: as if it had just been sent, but for its id and its body. */
  moveTo(message: Message, target: Queue, at: Moment): void {
    leave(message, "moved", at);
    this.touched.add(message.queue);
    const enqueuedSecond = Math.floor(at.now / 1_000);
    const moved = { ...message, source: 0, count: 0, enqueuedSecond };
    setPlace(this.append(target, moved, at), "ready");
  }

  purge(queue: Queue, fate: "purged" | "deleted", at: Moment): boolean {
    const had = queue.live.size > 0;
    queue.fifo?.clear();
    for (const message of [...queue.live.values()]) leave(message, fate, at);
    queue.fresh.clear();
    queue.redelivered.clear();
    this.touched.add(queue);
    return had;
  }

  /**
   * What is due by itself: leases and delays by (time, queue, sequence), then retention by (queue, sequence). Gives the
   * steps left.
   */
  passTime(at: Moment): number {
    let steps = TIME_STEPS_MAX;
    for (;;) {
      const alarm = this.#alarms.peek();
      if (alarm === undefined || alarm.atMs > at.now) break;
      const { message } = alarm;
      const isCurrent =
        message.visibleAt === alarm.atMs &&
        (message.place === "leased" || message.place === "delayed");
      if (isCurrent) {
        if (steps === 0) return 0;
        steps -= 1;
        this.touched.add(message.queue);
        if (message.place === "leased") this.#comeBack(message, "deadline", at);
        else setPlace(message, "ready");
      }
      this.#alarms.pop();
    }
    return this.#retire(steps, at);
  }

  #retire(steps: number, at: Moment): number {
    const second = Math.floor(at.now / 1_000);
    if (this.#retiredSecond >= second) return steps;
    let left = steps;
    for (const id of [...this.queues.keys()].sort((a, b) => a - b)) {
      const queue = this.queues.get(id);
      if (queue === undefined) continue;
      const kept = Math.ceil(queue.number("retentionMs") / 1_000);
      for (const message of [...queue.live.values()]) {
        if (message.enqueuedSecond >= second - kept) continue;
        if (left === 0) return 0;
        left -= 1;
        this.touched.add(queue);
        leave(message, "expired", at);
      }
    }
    this.#retiredSecond = second;
    return left;
  }
}

/** A message stays among those of its queue's kind. */
export function isSameKind(one: Queue, other: Queue): boolean {
  return (one.fifo === undefined) === (other.fifo === undefined);
}

function isOver(message: Message, at: Moment): boolean {
  return message.place !== "leased" || message.visibleAt <= at.now;
}

/** The first message that is really ready and of this class; drops others on the way. */
function firstReady(ready: Heap<Message>, redelivered: boolean): Message | undefined {
  for (;;) {
    const message = ready.peek();
    if (message === undefined) return undefined;
    if (message.place === "ready" && isRedelivered(message) === redelivered) return message;
    ready.pop();
  }
}

/** Sizes count as the next number whose binary form has four digits before its zeroes. */
export function roundedBytes(bytes: number): number {
  if (bytes < 16) return bytes;
  const unit = 2 ** (31 - Math.clz32(bytes) - 3);
  return Math.ceil(bytes / unit) * unit;
}
