/**
 * The limits of the SQS API as data, in two profiles. `aws` has those of the hosted service, so that what works
 * here works there; `relaxed` has what the engine bears. Where a limit is enforced it comes from here.
 * Source: Amazon SQS Developer Guide, "Amazon SQS quotas".
 */

export type SqsLimitsProfile = "aws" | "relaxed";

/** Whole numbers from `least` to `most`. */
export interface SqsRange {
  readonly least: number;
  readonly most: number;
}

export interface SqsLimits {
  /** Entries of a batch. */
  readonly batchEntriesMax: number;
  /** Bodies and attributes of a batch together. */
  readonly batchBytesMax: number;
  /** MaxNumberOfMessages. */
  readonly receiveMessages: SqsRange;
  /** WaitTimeSeconds, and the queue's ReceiveMessageWaitTimeSeconds. */
  readonly waitSeconds: SqsRange;
  /** VisibilityTimeout, of a receive, a change and a queue. */
  readonly visibilitySeconds: SqsRange;
  /** DelaySeconds, of a message and a queue. */
  readonly delaySeconds: SqsRange;
  /** MessageRetentionPeriod. */
  readonly retentionSeconds: SqsRange;
  /** MaximumMessageSize. */
  readonly messageBytes: SqsRange;
  /** Messages of a standard queue in flight; undefined: as many as there are. */
  readonly inFlightMax: number | undefined;
}

const AWS: SqsLimits = {
  batchEntriesMax: 10,
  batchBytesMax: 1_048_576,
  receiveMessages: { least: 1, most: 10 },
  waitSeconds: { least: 0, most: 20 },
  visibilitySeconds: { least: 0, most: 43_200 },
  delaySeconds: { least: 0, most: 900 },
  retentionSeconds: { least: 60, most: 1_209_600 },
  messageBytes: { least: 1_024, most: 1_048_576 },
  inFlightMax: 120_000,
};

const RELAXED: SqsLimits = {
  ...AWS,
  batchEntriesMax: 1_000,
  batchBytesMax: 4_194_304,
  receiveMessages: { least: 1, most: 1_000 },
  // A year, and a retention that outlasts it: it counts from the send, and ends a message that still waits.
  delaySeconds: { least: 0, most: 31_536_000 },
  retentionSeconds: { least: 60, most: 63_072_000 },
  inFlightMax: undefined,
};

export const SQS_LIMITS: Readonly<Record<SqsLimitsProfile, SqsLimits>> = {
  aws: AWS,
  relaxed: RELAXED,
};

export function isWithinRange({ least, most }: SqsRange, value: number): boolean {
  return value >= least && value <= most;
}
