/** The load of a run as plain data: which queues there are, who uses them, how often each thing is done. */
import type { Prng } from "@kqueuey/base";
import type { QueueAttributes } from "@kqueuey/queue";

/** What a queue of the plan has when it is a FIFO queue. Chances are out of 10,000. */
export interface FifoPlan {
  readonly deduplicationScope: "queue" | "messageGroup";
  /** Message groups that its messages are spread over. */
  readonly groups: number;
  /** A message is sent under a deduplication id that was used before. */
  readonly repeatedIds: number;
  /** A receive names an attempt, and is made again under the same name. */
  readonly attempts: number;
}

export type FairnessPlan = NonNullable<QueueAttributes["fairness"]>;

/** What a queue of the plan has when it is a standard queue with message groups. Chances are out of 10,000. */
export interface FairPlan {
  /** Message groups that its messages are spread over, besides the loud one. */
  readonly groups: number;
  /** Half of the time: a batch is of the loud group. */
  readonly loud: number;
  /** A message has no group. */
  readonly ungrouped: number;
  /** Absent: the queue is told nothing. */
  readonly fairness?: FairnessPlan;
}

export interface QueuePlan {
  readonly name: string;
  readonly visibilityTimeoutMs: number;
  readonly delayMs: number;
  readonly retentionMs: number;
  /** Receives after which a message goes to the queue `deadLetterQueue`; 0: never. */
  readonly maximumReceives: number;
  /** Place in the plan's list of queues; of no meaning without `maximumReceives`. */
  readonly deadLetterQueue: number;
  /** Absent: a standard queue. */
  readonly fifo?: FifoPlan;
  /** Absent: its messages have no groups, unless it is a FIFO queue. */
  readonly fair?: FairPlan;
}

/** What few clients ask for. Chances are out of 10,000. */
export interface RarePlan {
  /** A receive says how many messages of a standard queue may be in flight. */
  readonly bounded: number;
  readonly inFlightMax: number;
  /** A worker whose lease is over has it begin anew, if nobody was given the message since. */
  readonly revive: number;
  /** A queue that comes and goes is a FIFO queue, or has message groups. */
  readonly otherKinds: number;
}

/** Chances out of 10,000, each of the thing that its owner does next. */
export interface WorkloadRates {
  /** A message gets a delay of its own. */
  readonly delayed: number;
  /** A worker gives a batch back, some of the messages with a delay. */
  readonly release: number;
  /** A worker extends its leases before it is done. */
  readonly extend: number;
  /** A worker takes longer than its lease and shows the receipts then. */
  readonly late: number;
  /** A worker forgets a batch: only the deadline brings it back. */
  readonly abandon: number;
  /** A client hangs up before the answer; with a receive, what it is granted goes back. */
  readonly hangUp: number;
  /** An answered request is made once more under its request id. */
  readonly repeat: number;
  /** Receipts that nobody was given, or that are long used up, are shown. */
  readonly forged: number;
  /** A worker asks for a lease of its own length. */
  readonly ownLease: number;
}

export interface WorkloadPlan {
  readonly queues: readonly QueuePlan[];
  readonly senders: number;
  readonly workers: number;
  /** Clients that read counters, attributes and names. */
  readonly readers: number;
  /** Clients that set attributes, purge, create and delete short-lived queues. */
  readonly administrators: number;
  /** Longest pause of a sender between two batches, ms. */
  readonly pauseMs: number;
  /** Longest pause of readers and administrators, ms. */
  readonly otherPauseMs: number;
  /** Messages of one send. */
  readonly sendMax: number;
  /** Messages of one receive. */
  readonly receiveMax: number;
  readonly bodyBytesMax: number;
  /** Longest wait for a first message, ms. */
  readonly waitMsMax: number;
  /** Out of 10,000 acts of an administrator, those that purge a queue. */
  readonly purge: number;
  /** Out of 10,000 clients, those that count their requests in a session. */
  readonly sessions: number;
  readonly rates: WorkloadRates;
  /** Clients that start and cancel move tasks. */
  readonly movers: number;
  /** Absent: nobody does. */
  readonly rare?: RarePlan;
}

const DAY_MS = 86_400_000;

/** One queue with the defaults of Amazon SQS but its timeout, four clients, no mischief. */
export function plainWorkload(visibilityTimeoutMs: number): WorkloadPlan {
  return {
    queues: [plainQueue("orders", visibilityTimeoutMs)],
    senders: 3,
    workers: 3,
    readers: 0,
    administrators: 0,
    pauseMs: 10,
    otherPauseMs: 100,
    sendMax: 8,
    receiveMax: 10,
    bodyBytesMax: 200,
    waitMsMax: 2_000,
    purge: 0,
    sessions: 0,
    rates: {
      delayed: 0,
      release: 600,
      extend: 0,
      late: 500,
      abandon: 0,
      hangUp: 0,
      repeat: 0,
      forged: 0,
      ownLease: 0,
    },
    movers: 0,
  };
}

/** The load of a seed: each kind of mischief is on or off, so that pure mixtures come up too. */
export function drawWorkload(random: Prng): WorkloadPlan {
  const rate = (oneIn: number, most: number): number =>
    random.chance(1, oneIn) ? random.between(1, most) : 0;
  return {
    queues: drawQueues(random),
    senders: random.between(1, 3),
    workers: random.between(1, 4),
    readers: random.between(0, 2),
    administrators: random.between(0, 2),
    pauseMs: random.pick([60, 150, 400]),
    otherPauseMs: random.pick([100, 300, 800]),
    sendMax: random.pick([1, 3, 6, 12]),
    receiveMax: random.pick([1, 10, 10, 30]),
    bodyBytesMax: random.pick([32, 200, 200, 1_000]),
    waitMsMax: random.pick([0, 500, 2_000, 5_000]),
    purge: rate(3, 1_500),
    sessions: rate(3, 10_000),
    rates: {
      delayed: rate(2, 4_000),
      release: rate(2, 2_000),
      extend: rate(2, 3_000),
      late: rate(2, 1_000),
      abandon: rate(2, 1_000),
      hangUp: rate(2, 2_000),
      repeat: rate(2, 2_000),
      forged: rate(2, 2_000),
      ownLease: rate(2, 3_000),
    },
    movers: random.chance(1, 3) ? random.between(1, 2) : 0,
  };
}

function drawQueues(random: Prng): QueuePlan[] {
  const timeoutMs = random.pick([200, 1_000, 5_000]);
  const queues: QueuePlan[] = [plainQueue("orders", timeoutMs)];
  if (random.chance(1, 2)) {
    const delayMs = random.pick([50, 400, 2_000]);
    queues.push({ ...plainQueue("delayed", timeoutMs), delayMs });
  }
  if (random.chance(1, 2)) {
    const maximumReceives = random.between(1, 4);
    const deadLetterQueue = queues.length + 1;
    queues.push({ ...plainQueue("fragile", timeoutMs), maximumReceives, deadLetterQueue });
    queues.push(plainQueue("dead", timeoutMs));
  }
  if (random.chance(1, 3)) {
    const retentionMs = random.pick([1_000, 2_000, 4_000]);
    queues.push({ ...plainQueue("fleeting", timeoutMs), retentionMs });
  }
  return queues;
}

/** A standard queue with the defaults of Amazon SQS but its timeout. */
export function plainQueue(name: string, visibilityTimeoutMs: number): QueuePlan {
  return {
    name,
    visibilityTimeoutMs,
    delayMs: 0,
    retentionMs: 4 * DAY_MS,
    maximumReceives: 0,
    deadLetterQueue: 0,
  };
}
