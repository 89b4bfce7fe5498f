/** The attributes of a queue as options of `queue create` and `queue set`, and as text. */
import type {
  DeadLetterPolicy,
  Fairness,
  NewQueueAttributes,
  QueueAttributes,
  QueueDescription,
} from "@kqueuey/client";
import type { Command } from "commander";
import { UsageError } from "../cluster-command.ts";
import { formatBytes, formatDuration } from "../render/table.ts";
import { countParser, parseDuration, parseSize } from "../values.ts";

/** What the options give. */
export interface AttributeOptions {
  readonly visibilityTimeout?: number;
  readonly delay?: number;
  readonly retention?: number;
  readonly maximumMessageSize?: number;
  readonly receiveWait?: number;
  readonly deadLetterQueue?: string;
  readonly maximumReceives?: number;
  readonly noisyInFlight?: number;
  readonly noisyPercent?: number;
}

/** Adds the options of the attributes. */
export function addAttributeOptions(command: Command): Command {
  return command
    .option("--visibility-timeout <time>", "how long a delivery is leased: 0 to 12h", parseDuration)
    .option("--delay <time>", "how long a new message waits: 0 to 15m", parseDuration)
    .option("--retention <time>", "how long a message is kept: 1m to 14d", parseDuration)
    .option("--maximum-message-size <bytes>", "1KiB to 1MiB, attributes included", parseSize)
    .option("--receive-wait <time>", "how long a poll waits for a message: 0 to 20s", parseDuration)
    .option("--dead-letter-queue <name>", "where a message goes that is received too often")
    .option(
      "--maximum-receives <count>",
      "how often is too often: 1 to 1000",
      countParser(1, 1_000),
    )
    .option(
      "--noisy-in-flight <count>",
      "with how many in flight a message group is noisy: 1 to 1000000",
      countParser(1, 1_000_000),
    )
    .option(
      "--noisy-percent <percent>",
      "with more than which part of all in flight: 1 to 100; 100: no group ever",
      countParser(1, 100),
    );
}

/** The dead-letter policy that the options name; undefined for none. Throws when it is only half there. */
function deadLetterOf(options: AttributeOptions): DeadLetterPolicy | undefined {
  const { deadLetterQueue: queue, maximumReceives } = options;
  if (queue === undefined && maximumReceives === undefined) return undefined;
  if (queue === undefined) {
    throw new UsageError("--maximum-receives needs --dead-letter-queue: where such messages go");
  }
  if (maximumReceives === undefined) {
    throw new UsageError("--dead-letter-queue needs --maximum-receives: after how many deliveries");
  }
  return { queue, maximumReceives };
}

/** When groups are noisy, as the options say; undefined when they do not. */
function fairnessOf(options: AttributeOptions): Fairness | undefined {
  const { noisyInFlight: inFlightMin, noisyPercent: inFlightPercent } = options;
  if (inFlightMin === undefined && inFlightPercent === undefined) return undefined;
  if (inFlightMin === undefined || inFlightPercent === undefined) {
    throw new UsageError("--noisy-in-flight and --noisy-percent need each other: give both");
  }
  return { inFlightMin, inFlightPercent };
}

/** The attributes that the options name. */
export function attributesOf(options: AttributeOptions): NewQueueAttributes {
  const { visibilityTimeout, delay, retention, maximumMessageSize, receiveWait } = options;
  const deadLetter = deadLetterOf(options);
  const fairness = fairnessOf(options);
  return {
    ...(visibilityTimeout === undefined ? {} : { visibilityTimeoutMs: visibilityTimeout }),
    ...(delay === undefined ? {} : { delayMs: delay }),
    ...(retention === undefined ? {} : { retentionMs: retention }),
    ...(maximumMessageSize === undefined ? {} : { maximumMessageBytes: maximumMessageSize }),
    ...(receiveWait === undefined ? {} : { receiveWaitMs: receiveWait }),
    ...(deadLetter === undefined ? {} : { deadLetter }),
    ...(fairness === undefined ? {} : { fairness }),
  };
}

/** Names and values of attributes, for people. */
export function attributePairs(
  attributes: QueueAttributes,
): readonly (readonly [name: string, value: string])[] {
  const { deadLetter } = attributes;
  const target =
    deadLetter === undefined ? "none" : `${deadLetter.queue} after ${deadLetter.maximumReceives}`;
  return [
    ["visibility timeout", formatDuration(attributes.visibilityTimeoutMs)],
    ["delay", formatDuration(attributes.delayMs)],
    ["retention", formatDuration(attributes.retentionMs)],
    ["maximum message size", formatBytes(attributes.maximumMessageBytes)],
    ["receive wait", formatDuration(attributes.receiveWaitMs)],
    ["dead-letter queue", target],
    ...fifoPairs(attributes),
    ...fairnessPairs(attributes),
  ];
}

function fifoPairs({ fifo }: QueueAttributes): readonly (readonly [string, string])[] {
  if (fifo === undefined) return [];
  return [
    ["deduplication scope", fifo.deduplicationScope],
    ["content-based deduplication", fifo.contentBasedDeduplication ? "yes" : "no"],
  ];
}

function fairnessPairs({ fairness }: QueueAttributes): readonly (readonly [string, string])[] {
  if (fairness === undefined) return [];
  const { inFlightMin, inFlightPercent } = fairness;
  const rule = `${inFlightMin} in flight, and more than ${inFlightPercent} %`;
  return [["a group is noisy with", inFlightPercent === 100 ? "nothing" : rule]];
}

/** A description as JSON has it. */
export function descriptionToJson(description: QueueDescription): Record<string, unknown> {
  const { deadLetter, fifo, fairness, ...attributes } = description.attributes;
  const fair = fairness === undefined ? {} : { fairness };
  const kind = fifo === undefined ? fair : { fifo };
  return { ...description, attributes: { ...attributes, deadLetter: deadLetter ?? null, ...kind } };
}
