/** What the auditor keeps of a queue and of each message, for as long as the run lasts. */
import { Heap } from "@kqueuey/base";
import type { FairnessCounts, MessageId } from "../history/event.ts";
import type { DeadLetterPolicy, DeduplicationScope, FairnessSettings } from "./entry-reader.ts";
import { Groups } from "./groups.ts";

/** Where a message is; "gone" for good. */
export type Place = "ready" | "delayed" | "leased" | "gone";

/** How a message left its queue. */
export type Fate = "tombstoned" | "expired" | "purged" | "deleted" | "dead-lettered" | "moved";

/** How a lease ended. */
export type LeaseEnd = "deadline" | "released" | "undelivered" | Fate;

/** One grant of one message. */
export interface Grant {
  readonly message: Message;
  readonly token: number;
  /** Index of the entry that made it. */
  readonly index: number;
  readonly receiveCount: number;
  /** Cluster time. */
  readonly grantedAt: number;
  /** Cluster time before which the message was not to be granted, as things stood then. */
  readonly notBefore: number;
  /** As granted, and every later one that an extension gave. */
  readonly deadlines: number[];
  /** Cluster time of its end, once it is over. */
  endedAt: number | undefined;
  end: LeaseEnd | undefined;
}

export interface Message {
  readonly id: MessageId;
  readonly body: string;
  readonly queue: Queue;
  readonly sequence: number;
  /** Where its body is in the log. */
  readonly entry: number;
  readonly offset: number;
  readonly bytes: number;
  /** "": it has none. */
  readonly group: string;
  /** Cluster time at which it came to this queue, and left it. */
  readonly cameAtMs: number;
  leftAtMs: number;
  /** Second of cluster time in which its first queue took it in. */
  readonly enqueuedSecond: number;
  /** The queue that it came from as a dead letter; 0: none, or a task moved it here. */
  readonly source: number;
  /** Receives in the queues before this one. */
  readonly countOnArrival: number;
  /** Cluster time before which it must not be granted for the first time. */
  delayedUntil: number;
  place: Place;
  /** While delayed or leased: when that ends. */
  visibleAt: number;
  /** Of the last grant; 0: none that counts. */
  token: number;
  count: number;
  grant: Grant | undefined;
  /** An attempt was given its lease again: nobody can say any more that it never arrived. */
  isShownAgain: boolean;
  fate: Fate | undefined;
  /** Index of the entry in which it left. */
  leftAt: number;
}

export interface QueueCounters {
  available: number;
  inFlight: number;
  delayed: number;
}

export interface Attributes {
  readonly numbers: ReadonlyMap<string, number>;
  readonly deadLetter: DeadLetterPolicy | undefined;
  /** Of a standard queue that was told. */
  readonly fairness: FairnessSettings | undefined;
}

/** What a reader would have been told after some entry. */
export interface ReadableState {
  readonly index: number;
  readonly counters: QueueCounters & FairnessCounts;
  readonly attributes: Attributes;
}

const bySequence = (a: Message, b: Message): boolean => a.sequence < b.sequence;

/** A receive under the name of an attempt, and what it was given. */
export interface Attempt {
  readonly atMs: number;
  /** Of its leases. */
  readonly deadline: number;
  readonly leaseMs: number;
  readonly grants: readonly Grant[];
}

/** What a FIFO queue has besides its messages. */
export class Fifo {
  readonly scope: DeduplicationScope;
  readonly groups: Groups<Message> = new Groups();
  /** By deduplication id, within its scope: what was stored under it last. */
  readonly sends: Map<string, { readonly id: MessageId; readonly atMs: number }> = new Map();
  readonly attempts: Map<string, Attempt> = new Map();

  constructor(scope: DeduplicationScope) {
    this.scope = scope;
  }

  clear(): void {
    this.groups.clear();
    this.sends.clear();
    this.attempts.clear();
  }
}

export class Queue {
  readonly id: number;
  readonly name: string;
  attributes: Attributes;
  isDeleted = false;
  nextSequence = 1;
  readonly counters: QueueCounters = { available: 0, inFlight: 0, delayed: 0 };
  /** By sequence, which is also the order of insertion. */
  readonly live: Map<number, Message> = new Map();
  /** The grant under token n is at n - 1: tokens have no gaps. */
  readonly grants: Grant[] = [];
  /** Messages that are ready, and perhaps some that no longer are: looked at again when they come up. */
  readonly fresh: Heap<Message> = new Heap(bySequence);
  readonly redelivered: Heap<Message> = new Heap(bySequence);
  /** Its readable state after each entry that changed it, ascending. */
  readonly states: ReadableState[] = [];
  /** A standard queue that was ever given a message with a group. */
  hasGroups = false;
  /** Undefined: a standard queue. */
  readonly fifo: Fifo | undefined;

  constructor(id: number, name: string, attributes: Attributes, fifo?: Fifo) {
    this.id = id;
    this.name = name;
    this.attributes = attributes;
    this.fifo = fifo;
  }

  number(attribute: string): number {
    return this.attributes.numbers.get(attribute) ?? 0;
  }

  get nextToken(): number {
    return this.grants.length + 1;
  }
}

/** Whether it was received in the queue where it is. */
export function isRedelivered(message: Message): boolean {
  return message.count > message.countOnArrival;
}

/** Moves a message from the place where it is to another, with the counters. */
export function setPlace(message: Message, place: Place): void {
  const { counters } = message.queue;
  count(counters, message.place, -1);
  count(counters, place, 1);
  message.place = place;
  const { fifo, fresh, redelivered } = message.queue;
  if (fifo !== undefined) fifo.groups.follow(message.group);
  else if (place === "ready") (isRedelivered(message) ? redelivered : fresh).push(message);
}

function count(counters: QueueCounters, place: Place, by: number): void {
  if (place === "ready") counters.available += by;
  else if (place === "leased") counters.inFlight += by;
  else if (place === "delayed") counters.delayed += by;
}

/** The grant that holds the message is over. */
export function endLease(message: Message, end: LeaseEnd, now: number): void {
  const { grant } = message;
  if (grant === undefined || grant.end !== undefined) return;
  grant.end = end;
  grant.endedAt = now;
}

/** The grant that held the message last holds it again. */
export function reviveLease({ grant }: Message): void {
  if (grant === undefined) return;
  grant.end = undefined;
  grant.endedAt = undefined;
}

/** The message leaves its queue for good. */
export function leave(message: Message, fate: Fate, at: { index: number; now: number }): void {
  if (message.place === "leased") endLease(message, fate, at.now);
  setPlace(message, "gone");
  message.fate = fate;
  message.leftAt = at.index;
  message.leftAtMs = at.now;
  message.queue.live.delete(message.sequence);
  message.queue.fifo?.groups.leave(message);
}
