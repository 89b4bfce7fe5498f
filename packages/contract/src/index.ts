/** What client and server agree on: schema, errors, limits, ids, the stream. Browser-safe. */
export type { Brand } from "./brand.ts";
export { errorFromDetail, errorToDetail } from "./error-detail.ts";
export type { ErrorCode, ErrorDetails, ErrorSpec } from "./errors.ts";
export { ERRORS, isErrorCode, KQueueyError } from "./errors.ts";
export * from "./gen/kqueuey/v1/cluster_pb.ts";
export * from "./gen/kqueuey/v1/error_pb.ts";
export * from "./gen/kqueuey/v1/queue_pb.ts";
export * from "./gen/kqueuey/v1/stream_pb.ts";
export type { MessageId, Parsed, QueueName, ReceiptHandle } from "./ids.ts";
export {
  isFifoQueueName,
  parseMessageId,
  parseQueueName,
  parseReceiptHandle,
  QUEUE_NAME_LENGTH_MAX,
  RECEIPT_HANDLE_LENGTH_MAX,
} from "./ids.ts";
export type { Limits, Range } from "./limits.ts";
export {
  describeOutOfRange,
  isWithin,
  QUEUE_ATTRIBUTE_DEFAULTS,
  RELAXED_LIMITS,
  REQUEST_ID_BYTES,
  REQUEST_ID_WINDOW_MS,
  STRICT_LIMITS,
} from "./limits.ts";
export type { Frame, FrameHeader, FrameKind, Method, MethodName } from "./stream.ts";
export {
  beginFrame,
  decodeFrame,
  FLAG_LEADER_HINT,
  FRAME_BYTES_MAX,
  FRAME_HEADER_BYTES,
  FRAME_KIND,
  HANDSHAKE_TIMEOUT_MS,
  METHOD,
  methodName,
  REQUESTS_IN_FLIGHT_MAX,
  STREAM_PATH,
} from "./stream.ts";
export type { ProtocolVersion } from "./version.ts";
export { PROTOCOL_HISTORY, PROTOCOL_VERSION, PROTOCOL_VERSION_MIN } from "./version.ts";
export type { HotAttribute } from "./wire/attributes.ts";
export { decodeErrorPayload, encodeErrorDetail } from "./wire/error-detail.ts";
export type { HotPackedMessages, HotReceiptRun, PackedBodies } from "./wire/packed.ts";
export {
  checkReceiptParts,
  encodePackedMessages,
  MESSAGE_ID_BYTES,
  RECEIPT_PART_BYTES,
  uuidText,
} from "./wire/packed.ts";
export type {
  HotExtendRequest,
  HotIndexedReceiptResult,
  HotReceiptResult,
  HotReleaseRequest,
  HotTombstoneRequest,
} from "./wire/receipts.ts";
export {
  decodeExtendRequest,
  decodeReceiptResponse,
  decodeReleaseRequest,
  decodeTombstoneRequest,
  encodeExtendRequest,
  encodeReceiptResponse,
  encodeReleaseRequest,
  encodeTombstoneRequest,
} from "./wire/receipts.ts";
export type {
  HotReceivedMessage,
  HotReceiveRequest,
  HotReceiveResponse,
} from "./wire/receive.ts";
export {
  decodeReceiveRequest,
  decodeReceiveResponse,
  encodeReceiveRequest,
  encodeReceiveResponse,
} from "./wire/receive.ts";
export type {
  HotIndexedSendResult,
  HotNewMessage,
  HotNewMessageInput,
  HotSendRequest,
  HotSendResult,
} from "./wire/send.ts";
export {
  decodeSendRequest,
  decodeSendResponse,
  encodeNewMessage,
  encodePackedSendRequest,
  encodePackedSendResponse,
  encodeSendRequest,
  encodeSendResponse,
  packedOf,
} from "./wire/send.ts";
export { WireWriter } from "./wire/writer.ts";
