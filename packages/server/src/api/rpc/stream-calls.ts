/**
 * What a request on the stream asks for: decodes its payload, makes the call and gives back what writes
 * the answer. The five hot methods go from bytes to the broker and back by hand-written codecs; the
 * others use the schema's.
 */
import type { DescMessage, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { Frame, MethodName, WireWriter } from "@kqueuey/contract";
import {
  CancelMoveTaskRequestSchema,
  CancelMoveTaskResponseSchema,
  CreateQueueRequestSchema,
  CreateQueueResponseSchema,
  DeleteQueueRequestSchema,
  DeleteQueueResponseSchema,
  DescribeQueueRequestSchema,
  DescribeQueueResponseSchema,
  decodeExtendRequest,
  decodeReceiveRequest,
  decodeReleaseRequest,
  decodeSendRequest,
  decodeTombstoneRequest,
  encodePackedMessages,
  encodePackedSendResponse,
  encodeReceiptResponse,
  encodeReceiveResponse,
  encodeSendResponse,
  KQueueyError,
  ListMoveTasksRequestSchema,
  ListMoveTasksResponseSchema,
  ListQueuesRequestSchema,
  ListQueuesResponseSchema,
  PurgeQueueRequestSchema,
  PurgeQueueResponseSchema,
  SetQueueAttributesRequestSchema,
  SetQueueAttributesResponseSchema,
  StartMoveTaskRequestSchema,
  StartMoveTaskResponseSchema,
  StatusRequestSchema,
  StatusResponseSchema,
} from "@kqueuey/contract";
import type { Broker, Delivery, PackedMessages } from "../../broker.ts";
import { createAdministration } from "./administration.ts";
import type { Caller } from "./calls.ts";
import { extend, receive, release, send, sendPacked, tombstone } from "./calls.ts";

/** What a call came to. */
export interface StreamAnswer {
  /** Writes the response's payload. */
  readonly encode: (writer: WireWriter) => void;
  /** For a receive: to be settled when the answer was written, or not. */
  readonly delivery: Delivery | undefined;
}

/** Makes the call that `frame` asks for. Throws, or fails with, a `KQueueyError` when it can't. */
export type StreamCall = (caller: Caller, frame: Frame) => Promise<StreamAnswer>;

function answer(encode: (writer: WireWriter) => void): StreamAnswer {
  return { encode, delivery: undefined };
}

/** One call a method. */
export function createStreamCalls(broker: Broker): Readonly<Record<MethodName, StreamCall>> {
  return { ...hotCalls(broker), ...administrativeCalls(broker) };
}

type HotMethod = "send" | "receive" | "tombstone" | "extend" | "release";

function hotCalls(broker: Broker): Readonly<Record<HotMethod, StreamCall>> {
  return {
    async send(caller, frame) {
      const request = decodeSendRequest(frame.bytes, frame.payloadStart);
      const { queue, packed, requestId, omitSuccesses } = request;
      const results =
        packed === undefined
          ? await send(broker, caller, request)
          : await sendPacked(broker, caller, { queue, packed, requestId });
      if ("count" in results) {
        if (omitSuccesses) return answer(nothing);
        const { firstSequence } = results;
        const messageIds = results.messageIds();
        return answer((writer) => encodePackedSendResponse(writer, { firstSequence, messageIds }));
      }
      return answer((writer) => encodeSendResponse(writer, results, omitSuccesses));
    },
    async receive(caller, frame) {
      const request = decodeReceiveRequest(frame.bytes, frame.payloadStart);
      const delivery = await receive(broker, caller, request);
      const packed = request.packed ? delivery.packed() : undefined;
      if (packed !== undefined) {
        return { encode: (writer) => encodePacked(writer, packed), delivery };
      }
      const { messages } = delivery;
      return { encode: (writer) => encodeReceiveResponse(writer, messages), delivery };
    },
    async tombstone(caller, frame) {
      const request = decodeTombstoneRequest(frame.bytes, frame.payloadStart);
      const results = await tombstone(broker, caller, request);
      return answer((writer) => encodeReceiptResponse(writer, results, request.omitSuccesses));
    },
    async extend(caller, frame) {
      const request = decodeExtendRequest(frame.bytes, frame.payloadStart);
      const results = await extend(broker, caller, request);
      return answer((writer) => encodeReceiptResponse(writer, results, request.omitSuccesses));
    },
    async release(caller, frame) {
      const request = decodeReleaseRequest(frame.bytes, frame.payloadStart);
      const results = await release(broker, caller, request);
      return answer((writer) => encodeReceiptResponse(writer, results, request.omitSuccesses));
    },
  };
}

function nothing(): void {}

function encodePacked(writer: WireWriter, packed: PackedMessages): void {
  const { records, bodyStarts } = packed;
  encodePackedMessages(writer, 2, {
    ...packed,
    writeBodies: (into) => {
      for (let i = 0; i < records.length; i++)
        into.raw(records[i]?.subarray(bodyStarts[i]) ?? NONE);
    },
  });
}

const NONE: Uint8Array = new Uint8Array(0);

function administrativeCalls(
  broker: Broker,
): Readonly<Record<Exclude<MethodName, HotMethod>, StreamCall>> {
  const administration = createAdministration(broker);
  return {
    createQueue: schemaCall(
      CreateQueueRequestSchema,
      CreateQueueResponseSchema,
      administration.createQueue,
    ),
    describeQueue: schemaCall(
      DescribeQueueRequestSchema,
      DescribeQueueResponseSchema,
      administration.describeQueue,
    ),
    listQueues: schemaCall(
      ListQueuesRequestSchema,
      ListQueuesResponseSchema,
      administration.listQueues,
    ),
    setQueueAttributes: schemaCall(
      SetQueueAttributesRequestSchema,
      SetQueueAttributesResponseSchema,
      administration.setQueueAttributes,
    ),
    deleteQueue: schemaCall(
      DeleteQueueRequestSchema,
      DeleteQueueResponseSchema,
      administration.deleteQueue,
    ),
    purgeQueue: schemaCall(
      PurgeQueueRequestSchema,
      PurgeQueueResponseSchema,
      administration.purgeQueue,
    ),
    startMoveTask: schemaCall(
      StartMoveTaskRequestSchema,
      StartMoveTaskResponseSchema,
      administration.startMoveTask,
    ),
    listMoveTasks: schemaCall(
      ListMoveTasksRequestSchema,
      ListMoveTasksResponseSchema,
      administration.listMoveTasks,
    ),
    cancelMoveTask: schemaCall(
      CancelMoveTaskRequestSchema,
      CancelMoveTaskResponseSchema,
      administration.cancelMoveTask,
    ),
    clusterStatus: schemaCall(
      StatusRequestSchema,
      StatusResponseSchema,
      administration.clusterStatus,
    ),
  };
}

function schemaCall<I extends DescMessage, O extends DescMessage>(
  input: I,
  output: O,
  call: (caller: Caller, request: MessageShape<I>) => Promise<MessageInitShape<O>>,
): StreamCall {
  return async (caller, frame) => {
    const request = decode(input, frame.bytes.subarray(frame.payloadStart));
    const bytes = toBinary(output, create(output, await call(caller, request)));
    return answer((writer) => writer.raw(bytes));
  };
}

/** A message of the schema from bytes. Throws MALFORMED_REQUEST. */
export function decode<S extends DescMessage>(schema: S, bytes: Uint8Array): MessageShape<S> {
  try {
    return fromBinary(schema, bytes);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw new KQueueyError("MALFORMED_REQUEST", `not a ${schema.typeName}: ${text}`);
  }
}
