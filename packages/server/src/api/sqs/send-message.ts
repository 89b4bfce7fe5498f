import { must } from "@kqueuey/base";
import type { SqsAction } from "./call.ts";
import { readOutgoingMessage, refusedMessage, sequenceNumber } from "./outgoing-message.ts";
import { queueNameOf } from "./queue-url.ts";

/** SendMessage. */
export const sendMessage: SqsAction = async (call, input) => {
  const queue = queueNameOf(input);
  const { message, bytes, digests } = readOutgoingMessage(call, input, queue);
  if (bytes > call.limits.messageBytes.most) {
    throw await refusedMessage(call, queue, { error: "too-large", inBatch: false });
  }
  const results = await call.broker.send(call.context, queue, [message]);
  const result = must(results[0], "a send has a result");
  if (!result.ok) {
    throw await refusedMessage(call, queue, { error: result.error, inBatch: false });
  }
  return { output: { MessageId: result.messageId, ...digests, ...sequenceNumber(result) } };
};
