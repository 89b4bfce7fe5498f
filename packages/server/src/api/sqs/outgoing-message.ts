/** A message to send: its members checked, its digests made, its size counted. Used by single sends and batches. */
import { decodeUtf8, encodeUtf8 } from "@kqueuey/base";
import type { KQueueyError } from "@kqueuey/contract";
import type { MessageAttribute, NewMessage, SendResult } from "../../broker.ts";
import { sqsErrorOf } from "./broker-errors.ts";
import type { SqsCall } from "./call.ts";
import { ALLOWED_CHARACTERS, hasAllowedCharacters } from "./characters.ts";
import { invalidParameter, missingParameter, SqsError } from "./errors.ts";
import { checkFifoId, NOT_FOR_THIS_TYPE } from "./fifo-attributes.ts";
import { type Members, optionalInteger, optionalText, requiredText } from "./input.ts";
import { isWithinRange } from "./limits.ts";
import {
  attributesBytes,
  isTraceHeader,
  readMessageAttributes,
  readTraceAttribute,
} from "./message-attributes.ts";
import { attributesDigest, digestOf } from "./message-digest.ts";
import { isFifoQueueName } from "./queue-url.ts";

/** A checked message and what its answer will say of it. */
export interface OutgoingMessage {
  readonly message: NewMessage;
  /** Body and attributes: what counts against the queue's maximum. */
  readonly bytes: number;
  /** The digests, in the members that the answer has. */
  readonly digests: Members;
}

/** Reads MessageBody, DelaySeconds, MessageAttributes and MessageSystemAttributes; throws `SqsError`. */
export function readOutgoingMessage(call: SqsCall, input: Members, queue: string): OutgoingMessage {
  const text = requiredText(input, "MessageBody");
  const grouping = readGrouping(input, queue);
  const delaySeconds = optionalInteger(input, "DelaySeconds");
  const { delaySeconds: range } = call.limits;
  if (delaySeconds !== undefined && !isWithinRange(range, delaySeconds)) {
    throw invalidParameter(
      "DelaySeconds",
      delaySeconds,
      `DelaySeconds must be >= ${range.least} and <= ${range.most}.`,
    );
  }
  if (!hasAllowedCharacters(text)) {
    throw new SqsError(
      "InvalidMessageContents",
      `Invalid characters found. Valid unicode characters are ${ALLOWED_CHARACTERS}`,
    );
  }
  const attributes = readMessageAttributes(input);
  const trace = readTraceAttribute(input);
  // Into memory that the host sets aside for short texts.
  const body = Buffer.from(text);
  const bodyDigest = call.digests.md5(body);
  const traceHeader = trace === undefined ? call.traceHeader : decodeUtf8(trace.value);
  // Most messages have neither delay nor trace header, and copying optional members costs as much as the digest.
  const plain = { body, bodyMd5: digestOf(bodyDigest), attributes };
  const isDelayed = delaySeconds !== undefined && !isFifoQueueName(queue);
  const delayed = isDelayed ? { ...plain, delayMs: delaySeconds * 1_000 } : plain;
  const grouped = grouping === undefined ? delayed : { ...delayed, ...grouping };
  return {
    message: traceHeader === undefined ? grouped : { ...grouped, traceHeader },
    bytes: body.length + attributesBytes(attributes),
    digests: writeDigests(call, bodyDigest, { attributes, trace }),
  };
}

function writeDigests(
  call: SqsCall,
  bodyDigest: string,
  given: {
    readonly attributes: readonly MessageAttribute[];
    readonly trace: MessageAttribute | undefined;
  },
): Members {
  const { attributes, trace } = given;
  if (attributes.length === 0 && trace === undefined) return { MD5OfMessageBody: bodyDigest };
  return {
    MD5OfMessageBody: bodyDigest,
    ...(attributes.length === 0
      ? {}
      : { MD5OfMessageAttributes: attributesDigest(call.digests, attributes) }),
    ...(trace === undefined
      ? {}
      : { MD5OfMessageSystemAttributes: attributesDigest(call.digests, [trace]) }),
  };
}

/** MessageGroupId and MessageDeduplicationId; a FIFO queue also has no delays but its own. */
function readGrouping(
  input: Members,
  queue: string,
): Pick<NewMessage, "groupId" | "deduplicationId"> | undefined {
  const deduplicationId = optionalText(input, "MessageDeduplicationId");
  const groupId = optionalText(input, "MessageGroupId");
  if (isFifoQueueName(queue)) {
    const delay = optionalInteger(input, "DelaySeconds") ?? 0;
    if (delay > 0) {
      throw invalidParameter(
        "DelaySeconds",
        delay,
        "The request include parameter that is not valid for this queue type.",
      );
    }
    if (groupId === undefined) throw missingParameter("MessageGroupId");
  } else if (deduplicationId !== undefined) {
    throw invalidParameter("MessageDeduplicationId", deduplicationId, NOT_FOR_THIS_TYPE);
  }
  if (groupId === undefined) return undefined;
  checkFifoId("MessageGroupId", groupId);
  if (deduplicationId === undefined) return { groupId };
  checkFifoId("MessageDeduplicationId", deduplicationId);
  return { groupId, deduplicationId };
}

/** The HTTP header that stands in for an AWSTraceHeader attribute; one that is too long is ignored. */
export function usableTraceHeader(header: string | undefined): string | undefined {
  if (header === undefined || !hasAllowedCharacters(header)) return undefined;
  return isTraceHeader(encodeUtf8(header)) ? header : undefined;
}

/** `SequenceNumber`, where the queue has such numbers. */
export function sequenceNumber(sent: SendResult): Members {
  if (!sent.ok || sent.sequenceNumber === undefined) return {};
  return { SequenceNumber: sent.sequenceNumber };
}

/** A refused message in the words of SQS; the limit named is the queue's own. */
export async function refusedMessage(
  call: SqsCall,
  queue: string,
  refusal: { readonly error: KQueueyError | "too-large"; readonly inBatch: boolean },
): Promise<SqsError> {
  const { error, inBatch } = refusal;
  if (error !== "too-large" && error.code !== "MESSAGE_TOO_LARGE") return sqsErrorOf(error);
  const { attributes } = await call.broker.describeQueue(call.context, queue);
  const what = inBatch ? "cannot be validated" : "are invalid";
  return new SqsError(
    "InvalidParameterValue",
    `One or more parameters ${what}. Reason: Message must be shorter than ${attributes.maximumMessageBytes} bytes.`,
  );
}
