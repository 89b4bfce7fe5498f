/** A queue of the naive model, and its messages. */
import type { QueueAttributes } from "../src/index.ts";
import type { PlainOutcome } from "./driver.ts";
import type { FifoModel } from "./fifo-model.ts";
import type { ModelTask } from "./model-moves.ts";

export interface Message {
  readonly sequence: number;
  readonly entry: number;
  readonly size: number;
  place: "ready" | "delayed" | "leased" | "outbox";
  visibleAt: number;
  token: number;
  grantedAt: number;
  count: number;
  firstReceived: number;
  enqueuedSecond: number;
  origin: { queue: number; sequence: number; source: number } | undefined;
  countOnArrival: number;
  outboxSequence: number;
  target: number;
  /** "" for none in a standard queue. */
  group: string;
  shownAgain: boolean;
}

export interface ModelQueue {
  readonly id: number;
  attributes: QueueAttributes;
  messages: Message[];
  nextSequence: number;
  nextToken: number;
  nextOutbox: number;
  /** Of the last purge with an interval. */
  purgedAt: number;
  accepted: Map<number, number>;
  readonly fifo: FifoModel | undefined;
  tasks: ModelTask[];
}

export function remove(queue: ModelQueue, message: Message): void {
  queue.messages.splice(queue.messages.indexOf(message), 1);
  follow(queue);
}

/** After every single change of a message. */
export function follow(queue: ModelQueue): void {
  queue.fifo?.follow(queue.messages);
}

export function isRedelivered(message: Message): boolean {
  return message.count > message.countOnArrival;
}

/** The ready messages of a standard queue as receives take them. */
export function inReceiveOrder(queue: ModelQueue): Message[] {
  const noisy = noisyGroups(queue);
  const ready = queue.messages.filter(({ place }) => place === "ready");
  const inOrder = [...ready.filter(isRedelivered), ...ready.filter((m) => !isRedelivered(m))];
  const isNoisy = ({ group }: Message): boolean => noisy.has(group);
  return [...inOrder.filter((m) => !isNoisy(m)), ...inOrder.filter(isNoisy)];
}

/** The groups of a standard queue that hold too much of what is in flight. */
function noisyGroups(queue: ModelQueue): Set<string> {
  const least = queue.attributes.fairness?.inFlightMin ?? 30;
  const percent = queue.attributes.fairness?.inFlightPercent ?? 10;
  const leased = queue.messages.filter(({ place }) => place === "leased");
  const groups = new Set(leased.map(({ group }) => group).filter((group) => group !== ""));
  return new Set(
    [...groups].filter((name) => {
      const held = leased.filter(({ group }) => group === name).length;
      return queue.fifo === undefined && held >= least && held / leased.length > percent / 100;
    }),
  );
}

export interface Counters {
  available: number;
  inFlight: number;
  delayed: number;
  outbox: number;
  noisyGroups: number;
  availableQuiet: number;
}

/** What the machine's description says of the queue. */
export function countersOf(queue: ModelQueue): Counters {
  const count = (place: Message["place"]): number =>
    queue.messages.filter((message) => message.place === place).length;
  const noisy = noisyGroups(queue);
  const quiet = queue.messages.filter(({ place, group }) => place === "ready" && !noisy.has(group));
  return {
    available: count("ready"),
    inFlight: count("leased"),
    delayed: count("delayed"),
    outbox: count("outbox"),
    noisyGroups: noisy.size,
    availableQuiet: quiet.length,
  };
}

/** The outcome of a grant of these messages. */
export function granted(
  queue: ModelQueue,
  now: number,
  messages: readonly Message[],
  grant: { first: number; count: number; leaseMs: number; replayed: boolean },
): PlainOutcome {
  const moved = messages.some((message) => message.origin !== undefined);
  const column = (value: (message: Message) => number): number[] => messages.map(value);
  return {
    kind: "granted",
    queueId: queue.id,
    replayed: grant.replayed,
    grantFirst: grant.first,
    grantCount: grant.count,
    count: messages.length,
    leaseMs: grant.leaseMs,
    nowMs: now,
    sequences: column((message) => message.sequence),
    entries: column((message) => message.entry),
    tokens: column((message) => message.token),
    deadlines: column((message) => message.visibleAt),
    receiveCounts: column((message) => message.count),
    firstReceived: column((message) => message.firstReceived),
    originQueues: moved ? column((message) => message.origin?.queue ?? 0) : undefined,
    originSequences: moved ? column((message) => message.origin?.sequence ?? 0) : undefined,
    sourceQueues: moved ? column((message) => message.origin?.source ?? 0) : undefined,
  };
}
