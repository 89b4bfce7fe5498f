/** Queue attributes as SQS has them, texts by name, from and to the broker's. */
import { KQueueyError } from "@kqueuey/contract";
import type { QueueAttributeChanges, QueueAttributes, QueueDescription } from "../../broker.ts";
import type { SqsCall, SqsIdentity } from "./call.ts";
import { invalidAttributeValue, invalidParameter, SqsError, unknownAttribute } from "./errors.ts";
import {
  checkThroughputLimit,
  FIFO_ATTRIBUTES,
  fifoOnly,
  fifoTexts,
  readFifoAttribute,
} from "./fifo-attributes.ts";
import { isWithinRange, type SqsLimits, type SqsRange } from "./limits.ts";
import { checkPolicyCounts, parsePolicy } from "./policy.ts";
import { isFifoQueueName, queueArn } from "./queue-url.ts";
import {
  allowsSource,
  checkRedriveAllowPolicy,
  parseRedrivePolicy,
  redrivePolicyText,
} from "./redrive-policy.ts";

interface NumberAttribute {
  readonly key: Exclude<keyof QueueAttributes, "deadLetter" | "fifo" | "fairness">;
  readonly range: (limits: SqsLimits) => SqsRange;
  /** The broker's units in one of SQS's: ms in a second, 1 for bytes. */
  readonly scale: number;
}

const SECOND = 1_000;

const NUMBERS: Readonly<Record<string, NumberAttribute>> = {
  DelaySeconds: { key: "delayMs", range: (limits) => limits.delaySeconds, scale: SECOND },
  MaximumMessageSize: {
    key: "maximumMessageBytes",
    range: (limits) => limits.messageBytes,
    scale: 1,
  },
  MessageRetentionPeriod: {
    key: "retentionMs",
    range: (limits) => limits.retentionSeconds,
    scale: SECOND,
  },
  ReceiveMessageWaitTimeSeconds: {
    key: "receiveWaitMs",
    range: (limits) => limits.waitSeconds,
    scale: SECOND,
  },
  VisibilityTimeout: {
    key: "visibilityTimeoutMs",
    range: (limits) => limits.visibilitySeconds,
    scale: SECOND,
  },
};

/** Kept as texts with the queue; what they have when nobody set them ("" is nothing). */
const TEXT_DEFAULTS: Readonly<Record<string, string>> = {
  KmsDataKeyReusePeriodSeconds: "300",
  KmsMasterKeyId: "",
  Policy: "",
  RedriveAllowPolicy: "",
  SqsManagedSseEnabled: "true",
};

const COMPUTED: Readonly<
  Record<string, (queue: QueueDescription, identity: SqsIdentity) => string>
> = {
  ApproximateNumberOfMessages: (queue) => String(queue.available),
  ApproximateNumberOfMessagesDelayed: (queue) => String(queue.delayed),
  ApproximateNumberOfMessagesNotVisible: (queue) => String(queue.inFlight),
  CreatedTimestamp: (queue) => String(Math.floor(queue.createdAtMs / SECOND)),
  LastModifiedTimestamp: (queue) => String(Math.floor(queue.modifiedAtMs / SECOND)),
  QueueArn: (queue, identity) => queueArn(identity, queue.name),
};

/** What a request wants changed. */
export interface AttributeChanges {
  readonly attributes: QueueAttributeChanges;
  readonly extra: Readonly<Record<string, string>>;
  /** FIFO attributes, as they are shown. */
  readonly fifo: Readonly<Record<string, string>>;
}

/** Reads `texts`, attributes to set; throws InvalidAttributeName, InvalidAttributeValue or InvalidParameterValue. */
export function readAttributeChanges(
  limits: SqsLimits,
  texts: ReadonlyMap<string, string>,
  kind: "standard" | "fifo" = "standard",
): AttributeChanges {
  const attributes: { -readonly [K in keyof QueueAttributeChanges]: QueueAttributeChanges[K] } = {};
  const extra: Record<string, string> = {};
  const fifo: Record<string, string> = {};
  for (const [name, text] of texts) {
    const number = Object.hasOwn(NUMBERS, name) ? NUMBERS[name] : undefined;
    if (number !== undefined) {
      attributes[number.key] = readNumber(name, text, number.range(limits)) * number.scale;
    } else if (name === "RedrivePolicy") {
      attributes.deadLetter = text === "" ? undefined : parseRedrivePolicy(text);
    } else if (Object.hasOwn(TEXT_DEFAULTS, name)) {
      extra[name] = readTextAttribute(name, text);
    } else if (kind === "fifo" && FIFO_ATTRIBUTES.includes(name)) {
      fifo[name] = readFifoAttribute(name, text);
    } else {
      throw fifoOnly(name) ?? unknownAttribute(name);
    }
  }
  if ((extra["KmsMasterKeyId"] ?? "") !== "") {
    if (extra["SqsManagedSseEnabled"] === "true") {
      throw new SqsError(
        "InvalidAttributeName",
        "You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or SQS SSE.",
      );
    }
    extra["SqsManagedSseEnabled"] = "false";
  }
  return { attributes, extra, fifo };
}

/** The changes as those that make a FIFO queue. */
export function asNewFifo(changes: AttributeChanges): AttributeChanges {
  const { fifo } = changes;
  checkThroughputLimit(fifo);
  const deduplicationScope =
    fifo["DeduplicationScope"] === "messageGroup" ? "messageGroup" : "queue";
  const contentBasedDeduplication = fifo["ContentBasedDeduplication"] === "true";
  const limit = fifo["FifoThroughputLimit"];
  return {
    ...changes,
    attributes: { ...changes.attributes, fifo: { deduplicationScope, contentBasedDeduplication } },
    extra: limit === undefined ? changes.extra : { ...changes.extra, FifoThroughputLimit: limit },
  };
}

/** The changes of a FIFO queue that is there; its scope stays, and another one is shown. */
export function asFifoChange(changes: AttributeChanges, queue: QueueDescription): AttributeChanges {
  const { fifo } = changes;
  checkThroughputLimit({ ...fifoTexts(queue), ...fifo });
  const extra: Record<string, string> = { ...changes.extra };
  for (const name of ["DeduplicationScope", "FifoThroughputLimit"]) {
    const text = fifo[name];
    if (text !== undefined) extra[name] = text;
  }
  const isContentBased = fifo["ContentBasedDeduplication"];
  const known = queue.attributes.fifo;
  if (known === undefined || isContentBased === undefined) return { ...changes, extra };
  const kept = { ...known, contentBasedDeduplication: isContentBased === "true" };
  return { ...changes, attributes: { ...changes.attributes, fifo: kept }, extra };
}

function readNumber(name: string, text: string, range: SqsRange): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : -1;
  if (!isWithinRange(range, value)) throw invalidAttributeValue(name);
  return value;
}

function readTextAttribute(name: string, text: string): string {
  switch (name) {
    case "SqsManagedSseEnabled": {
      const value = text.toLowerCase();
      if (value !== "true" && value !== "false") throw invalidAttributeValue(name);
      return value;
    }
    case "KmsDataKeyReusePeriodSeconds":
      return String(readNumber(name, text, { least: 60, most: 86_400 }));
    case "RedriveAllowPolicy":
      if (text !== "") checkRedriveAllowPolicy(text);
      return text;
    case "Policy":
      if (text !== "") checkPolicy(text);
      return text;
    default:
      // A key id or an alias has 256 characters at most; an ARN around it somewhat more.
      if (text.length > 2_048) throw invalidAttributeValue(name);
      return text;
  }
}

function checkPolicy(text: string): void {
  const policy = parsePolicy(text);
  if (policy === undefined) throw invalidAttributeValue("Policy");
  checkPolicyCounts(policy);
}

/** Throws InvalidParameterValue unless the dead-letter target exists and takes messages of `source`. */
export async function checkDeadLetterTarget(
  call: SqsCall,
  source: string,
  changes: AttributeChanges,
): Promise<void> {
  const { deadLetter } = changes.attributes;
  if (deadLetter === undefined) return;
  const text = redrivePolicyText(call.identity, deadLetter);
  if (isFifoQueueName(deadLetter.queue) !== isFifoQueueName(source)) {
    const reason = "Dead-letter queue must be same type of queue as the source.";
    throw invalidParameter("RedrivePolicy", text, reason);
  }
  // A queue may be its own target, also before it exists.
  if (deadLetter.queue === source) return;
  const target = await findQueue(call, deadLetter.queue);
  if (target === undefined) {
    throw invalidParameter("RedrivePolicy", text, "Dead letter target does not exist.");
  }
  if (!allowsSource(target.extra["RedriveAllowPolicy"], source)) {
    throw invalidParameter(
      "RedrivePolicy",
      text,
      "The dead letter target's RedriveAllowPolicy does not allow this source queue.",
    );
  }
}

/** The queue, or undefined when there is none of that name. */
export async function findQueue(
  call: SqsCall,
  name: string,
): Promise<QueueDescription | undefined> {
  try {
    return await call.broker.describeQueue(call.context, name);
  } catch (error) {
    if (KQueueyError.is(error) && error.code === "QUEUE_NOT_FOUND") return undefined;
    throw error;
  }
}

/** The attributes in `names` that the queue has; "All" is every one that is set. Throws InvalidAttributeName. */
export function writeAttributes(
  queue: QueueDescription,
  names: readonly string[],
  identity: SqsIdentity,
): Readonly<Record<string, string>> {
  for (const name of names) {
    if (name !== "All" && !isKnown(name)) throw unknownAttribute(name);
  }
  const wanted = names.includes("All") ? ALL_NAMES : names;
  const written: Record<string, string> = {};
  for (const name of wanted) {
    const value = attributeText(queue, name, identity);
    if (isShown(name, value)) written[name] = value;
  }
  return written;
}

const ALL_NAMES: readonly string[] = [
  ...Object.keys(COMPUTED),
  ...Object.keys(NUMBERS),
  "RedrivePolicy",
  ...Object.keys(TEXT_DEFAULTS),
  ...FIFO_ATTRIBUTES,
];

function isKnown(name: string): boolean {
  return ALL_NAMES.includes(name);
}

function isShown(name: string, value: string): boolean {
  return name === "SqsManagedSseEnabled" || value !== (TEXT_DEFAULTS[name] ?? "");
}

/** An attribute's value as a text; "" when it is not set. */
function attributeText(queue: QueueDescription, name: string, identity: SqsIdentity): string {
  const computed = COMPUTED[name];
  if (computed !== undefined) return computed(queue, identity);
  const number = NUMBERS[name];
  if (number !== undefined) return String(Math.floor(queue.attributes[number.key] / number.scale));
  if (name === "RedrivePolicy") {
    const { deadLetter } = queue.attributes;
    return deadLetter === undefined ? "" : redrivePolicyText(identity, deadLetter);
  }
  if (FIFO_ATTRIBUTES.includes(name)) return fifoTexts(queue)[name] ?? "";
  return queue.extra[name] ?? TEXT_DEFAULTS[name] ?? "";
}

/**
 * The first attribute of `wanted` that `queue` has otherwise, in the order of the request; undefined when
 * all agree. Values are compared by meaning: "030" is 30, "True" is true, a policy's keys have no order.
 */
export function differingAttribute(
  queue: QueueDescription,
  wanted: { readonly names: Iterable<string>; readonly changes: AttributeChanges },
  identity: SqsIdentity,
): string | undefined {
  const { attributes, extra } = wanted.changes;
  const asked: QueueDescription = {
    ...queue,
    attributes: { ...queue.attributes, ...definedOnly(attributes) },
    extra: { ...queue.extra, ...extra },
  };
  const names = [...wanted.names];
  const withoutDeadLetter =
    names.includes("RedrivePolicy") && attributes.deadLetter === undefined
      ? { ...asked, attributes: { ...asked.attributes, deadLetter: undefined } }
      : asked;
  return names.find(
    (name) =>
      attributeText(queue, name, identity) !== attributeText(withoutDeadLetter, name, identity),
  );
}

function definedOnly(changes: QueueAttributeChanges): Partial<QueueAttributes> {
  return Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
}
