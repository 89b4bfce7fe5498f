/**
 * Limits as data. `RELAXED_LIMITS` are the native API's; `STRICT_LIMITS` are those of Amazon SQS, for
 * programs that must behave there as they do here. Both ends are inclusive.
 */

/** A range of whole numbers, both ends included. */
export interface Range {
  readonly min: number;
  readonly max: number;
}

/** What a caller may ask for. Times in ms, sizes in bytes. */
export interface Limits {
  /** Messages in a send; receipt handles in a tombstone, extension or release. */
  readonly batchEntries: Range;
  /** Bodies and attributes of one send together. */
  readonly batchBytes: Range;
  /** Messages in one receive. */
  readonly receiveMessages: Range;
  /** Bodies in one receive; the message that reaches it is the last. */
  readonly receiveBytes: Range;
  readonly visibilityTimeoutMs: Range;
  readonly delayMs: Range;
  readonly retentionMs: Range;
  readonly receiveWaitMs: Range;
  readonly maximumMessageBytes: Range;
  readonly maximumReceives: Range;
  readonly attributesPerMessage: Range;
  readonly queueNameBytes: Range;
  readonly listLimit: Range;
  /** Of a move task. */
  readonly moveMessagesPerSecond: Range;
  /** Messages in flight from which a message group may be noisy. */
  readonly fairInFlightMin: Range;
  /** Part of what is in flight beyond which it is. */
  readonly fairPercent: Range;
  /** Messages of one queue that may be leased at a time. */
  readonly inFlightPerQueue: Range;
}

/** The native API's limits. */
export const RELAXED_LIMITS: Limits = {
  batchEntries: { min: 1, max: 1_000 },
  batchBytes: { min: 1, max: 4_194_304 },
  receiveMessages: { min: 1, max: 1_000 },
  receiveBytes: { min: 1, max: 4_194_304 },
  visibilityTimeoutMs: { min: 0, max: 43_200_000 },
  delayMs: { min: 0, max: 900_000 },
  retentionMs: { min: 60_000, max: 1_209_600_000 },
  receiveWaitMs: { min: 0, max: 20_000 },
  maximumMessageBytes: { min: 1_024, max: 1_048_576 },
  maximumReceives: { min: 1, max: 1_000 },
  attributesPerMessage: { min: 0, max: 10 },
  queueNameBytes: { min: 1, max: 80 },
  listLimit: { min: 1, max: 1_000 },
  moveMessagesPerSecond: { min: 1, max: 100_000 },
  fairInFlightMin: { min: 1, max: 1_000_000 },
  fairPercent: { min: 1, max: 100 },
  inFlightPerQueue: { min: 0, max: 4_294_967_295 },
};

/** Amazon SQS's limits for standard queues (developer guide, "Amazon SQS quotas"). */
export const STRICT_LIMITS: Limits = {
  ...RELAXED_LIMITS,
  batchEntries: { min: 1, max: 10 },
  batchBytes: { min: 1, max: 1_048_576 },
  receiveMessages: { min: 1, max: 10 },
  inFlightPerQueue: { min: 0, max: 120_000 },
  moveMessagesPerSecond: { min: 1, max: 500 },
};

/** Attributes that a queue has unless its creator says otherwise. */
export const QUEUE_ATTRIBUTE_DEFAULTS: {
  readonly visibilityTimeoutMs: number;
  readonly delayMs: number;
  readonly retentionMs: number;
  readonly maximumMessageBytes: number;
  readonly receiveWaitMs: number;
} = {
  visibilityTimeoutMs: 30_000,
  delayMs: 0,
  retentionMs: 345_600_000,
  maximumMessageBytes: 1_048_576,
  receiveWaitMs: 0,
};

/** How long the cluster recognises a request id at least, in ms, unless its cap of ids is reached first. */
export const REQUEST_ID_WINDOW_MS = 60_000;

/** Length of a request id in bytes. */
export const REQUEST_ID_BYTES: Range = { min: 1, max: 64 };

/** True for a whole number in the range. */
export function isWithin(range: Range, value: number): boolean {
  return Number.isSafeInteger(value) && value >= range.min && value <= range.max;
}

/** Why `value` is not allowed for `name`, or undefined when it is: "delayMs is 900001; it must be 0 to 900000". */
export function describeOutOfRange(name: string, value: number, range: Range): string | undefined {
  if (isWithin(range, value)) return undefined;
  return `${name} is ${value}; it must be a whole number from ${range.min} to ${range.max}`;
}
