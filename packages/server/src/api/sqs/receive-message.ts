import { decodeUtf8, encodeUtf8 } from "@kqueuey/base";
import { KQueueyError } from "@kqueuey/contract";
import type { Delivery, ReceivedMessage, ReceiveOptions } from "../../broker.ts";
import {
  type AttributeSelection,
  readAttributeSelection,
  readSystemSelection,
  type SystemSelection,
} from "./attribute-selection.ts";
import type { SqsAction, SqsCall } from "./call.ts";
import { hasAllowedCharacters } from "./characters.ts";
import { invalidParameter } from "./errors.ts";
import { checkFifoId, NOT_FOR_THIS_TYPE } from "./fifo-attributes.ts";
import { type Members, optionalInteger, optionalText } from "./input.ts";
import { isWithinRange, type SqsLimits } from "./limits.ts";
import { writeMessageAttributes } from "./message-attributes.ts";
import { attributesDigest, hexOf } from "./message-digest.ts";
import { isFifoQueueName, queueArn, queueNameOf } from "./queue-url.ts";
import { checkVisibilityTimeout } from "./visibility-timeout.ts";
import { replaceForbidden } from "./xml.ts";

/** ReceiveMessage, waiting for a first message when asked to. */
export const receiveMessage: SqsAction = async (call, input) => {
  const queue = queueNameOf(input);
  const options = readOptions(input, queue, call.limits);
  const selections: Selections = {
    system: readSystemSelection(input),
    user: readAttributeSelection(input),
  };
  const delivery = await receiveOrWait(call, queue, options);
  if (delivery === undefined) return { output: {} };
  if (delivery.messages.length === 0) {
    delivery.written();
    return { output: {} };
  }
  return { output: writeDelivery(call, delivery, selections), delivery };
};

/** Undefined after a poll that waited in vain for room among the messages in flight: who does not wait is told why. */
async function receiveOrWait(
  call: SqsCall,
  queue: string,
  options: ReceiveOptions,
): Promise<Delivery | undefined> {
  try {
    return await call.broker.receive(call.context, queue, options);
  } catch (error) {
    if (!KQueueyError.is(error) || error.code !== "LIMIT_REACHED") throw error;
    if (error.details["waitMs"] === undefined) throw error;
    return undefined;
  }
}

interface Selections {
  readonly system: SystemSelection;
  readonly user: AttributeSelection;
}

function readOptions(input: Members, queue: string, limits: SqsLimits): ReceiveOptions {
  const maxMessages = optionalInteger(input, "MaxNumberOfMessages") ?? 1;
  const { receiveMessages, waitSeconds: waits, inFlightMax } = limits;
  if (!isWithinRange(receiveMessages, maxMessages)) {
    throw invalidParameter(
      "MaxNumberOfMessages",
      maxMessages,
      `Must be between ${receiveMessages.least} and ${receiveMessages.most}, if provided.`,
    );
  }
  const waitSeconds = optionalInteger(input, "WaitTimeSeconds");
  if (waitSeconds !== undefined && !isWithinRange(waits, waitSeconds)) {
    throw invalidParameter(
      "WaitTimeSeconds",
      waitSeconds,
      `Must be >= ${waits.least} and <= ${waits.most}, if provided.`,
    );
  }
  const visibilitySeconds = optionalInteger(input, "VisibilityTimeout");
  if (visibilitySeconds !== undefined) checkVisibilityTimeout(limits, visibilitySeconds);
  const attempt = optionalText(input, "ReceiveRequestAttemptId");
  if (attempt !== undefined) {
    if (!isFifoQueueName(queue)) {
      throw invalidParameter("ReceiveRequestAttemptId", attempt, NOT_FOR_THIS_TYPE);
    }
    checkFifoId("ReceiveRequestAttemptId", attempt);
  }
  return {
    maxMessages,
    ...(visibilitySeconds === undefined ? {} : { visibilityTimeoutMs: visibilitySeconds * 1_000 }),
    ...(waitSeconds === undefined ? {} : { waitMs: waitSeconds * 1_000 }),
    ...(inFlightMax === undefined ? {} : { inFlightMax }),
    ...(attempt === undefined ? {} : { attemptId: attempt }),
  };
}

/** The answer's members; a fault while writing gives the messages back before it is reported. */
function writeDelivery(call: SqsCall, delivery: Delivery, selections: Selections): Members {
  try {
    return {
      Messages: delivery.messages.map((message) => writeMessage(call, message, selections)),
    };
  } catch (error) {
    delivery.undelivered();
    throw error;
  }
}

function writeMessage(call: SqsCall, message: ReceivedMessage, selections: Selections): Members {
  const { text, md5 } = writeBody(call, message);
  const attributes = selections.user(message.attributes);
  const system = writeSystemAttributes(call, message, selections.system);
  return {
    MessageId: message.messageId,
    ReceiptHandle: message.receiptHandle,
    MD5OfBody: md5,
    Body: text,
    ...(Object.keys(system).length === 0 ? {} : { Attributes: system }),
    // The digest covers what is returned, not what is stored.
    ...(attributes.length === 0
      ? {}
      : {
          MD5OfMessageAttributes: attributesDigest(call.digests, attributes),
          MessageAttributes: writeMessageAttributes(attributes),
        }),
  };
}

const lossyDecoder = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * The native API can send bytes that are no text, or characters that XML cannot carry: U+FFFD is shown in
 * their place, under a digest that fits.
 */
function writeBody(call: SqsCall, message: ReceivedMessage): { text: string; md5: string } {
  const { body, bodyMd5 } = message;
  const text = decodeUtf8(body);
  const isShowable = call.protocol === "json" || hasAllowedCharacters(text ?? "");
  if (text !== undefined && isShowable) {
    return { text, md5: bodyMd5 === undefined ? call.digests.md5(body) : hexOf(bodyMd5) };
  }
  const decoded = text ?? lossyDecoder.decode(body);
  const replaced = call.protocol === "json" ? decoded : replaceForbidden(decoded);
  return { text: replaced, md5: call.digests.md5(encodeUtf8(replaced)) };
}

function writeSystemAttributes(
  call: SqsCall,
  message: ReceivedMessage,
  isAsked: SystemSelection,
): Readonly<Record<string, string>> {
  const written: Record<string, string> = {};
  const add = (name: string, value: string | number | undefined): void => {
    if (value !== undefined && isAsked(name)) written[name] = String(value);
  };
  const source = message.deadLetterSource;
  add("SenderId", message.sender);
  add("SentTimestamp", message.sentAtMs);
  add("ApproximateReceiveCount", message.receiveCount);
  add("ApproximateFirstReceiveTimestamp", message.firstReceivedAtMs);
  add("SequenceNumber", message.sequenceNumber);
  add("MessageDeduplicationId", message.deduplicationId);
  add("MessageGroupId", message.groupId);
  add("AWSTraceHeader", message.traceHeader);
  add(
    "DeadLetterQueueSourceArn",
    source === undefined ? undefined : queueArn(call.identity, source),
  );
  return written;
}
