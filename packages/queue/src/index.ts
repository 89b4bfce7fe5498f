/**
 * What a queue is, deterministically: commands in, outcomes out, applied in log order on every
 * replica. Pure: no clock, no randomness, no I/O, no promise.
 *
 * Duties of the one who runs a `QueueMachine`: apply entries in index order (skip those of other kinds);
 * drain births and deaths of bodies and woken queues after each apply; propose a time entry (an entry
 * without commands) when `nextDue()` is near or `pending()`; call `sweep` when idle; feed
 * `readMatchVector` of each entry to raft.
 */
export type {
  DeadLetter,
  FifoAttributes,
  QueueAttributeChanges,
  QueueAttributes,
  TextChanges,
  Texts,
} from "./attributes.ts";
export { DEFAULT_ATTRIBUTES } from "./attributes.ts";
export type { BodyAttribute, BodyRecord, PlainRecord } from "./body-record.ts";
export {
  bodyRecordLength,
  decodeBodyRecord,
  encodeBodyRecord,
  isWholeBodyRecord,
  PLAIN_SENDER_START,
  readPlainRecord,
} from "./body-record.ts";
export type { CatalogueEntry, Creation } from "./catalogue.ts";
export type {
  AcceptCommand,
  CancelMoveCommand,
  CommandKind,
  CreateQueueCommand,
  DropOutboxCommand,
  FifoMessage,
  GroupedMessage,
  LeaseReference,
  LeaseRun,
  LeasesCommand,
  PackedSendCommand,
  QueueCommand,
  ReceiveCommand,
  RequestId,
  ReserveQueueCommand,
  SendCommand,
  SendFifoCommand,
  SendGroupedCommand,
  SendMessage,
  SetQueueCommand,
  StartMoveCommand,
  TimedLeasesCommand,
} from "./command.ts";
export {
  attemptKeyBytes,
  encodeAccept,
  encodeCancelMove,
  encodeConfirmQueue,
  encodeCreateQueue,
  encodeDeleteQueue,
  encodeDropOutbox,
  encodeExtend,
  encodeForgetQueue,
  encodeInitCluster,
  encodeMarkDeleting,
  encodeOpenSession,
  encodePackedSend,
  encodePackedTombstone,
  encodePurgeQueue,
  encodeReceive,
  encodeRelease,
  encodeReserveQueue,
  encodeSend,
  encodeSendFifo,
  encodeSendGrouped,
  encodeSetQueue,
  encodeStartMove,
  encodeTombstone,
  encodeUndelivered,
  NO_REQUEST_ID,
  requestIdBytes,
  SENDS,
} from "./command.ts";
export type { ValidateResult } from "./command-walk.ts";
export { promptMessages, validateCommand } from "./command-walk.ts";
export type { EntryHeader, EntryStamp, Match, MatchVector } from "./entry.ts";
export { EntryBuilder, readEntryHeader, readMatchVector } from "./entry.ts";
export type { FencingToken, QueueId, Sequence, SessionId } from "./ids.ts";
export { fencingToken, queueId, sequence, sessionId } from "./ids.ts";
export { KEY_BYTES } from "./key-index.ts";
export {
  BODY_RECORD_BYTES_MAX,
  CLUSTER_TIME_END,
  COMMAND_OPERATIONS_MAX,
  ENTRY_BYTES_MAX,
  ENTRY_COMMANDS_MAX,
  ENTRY_OPERATIONS_MAX,
  LEASE_MS_MAX,
  MOVE_RATE_MAX,
  MOVE_STEP_MS,
  MOVE_TASKS_MAX,
  SESSION_WINDOW,
} from "./limits.ts";
export type { OutboxMessage, QueueView } from "./machine.ts";
export { QueueMachine } from "./machine.ts";
export type { MemoryView } from "./memory.ts";
export { MESSAGE_ID_BYTES, messageId, messageIdRun, writeMessageId } from "./message-id.ts";
export {
  MOVE_FAILURES,
  MOVE_STATUSES,
  type MoveFailure,
  type MoveStatus,
  TASK_ID_BYTES,
} from "./move-tasks.ts";
export type { MoveTaskView } from "./move-view.ts";
export type {
  AcceptedOutcome,
  CatalogueState,
  DoneOutcome,
  GrantedOutcome,
  MoveOutcome,
  Outcome,
  OutcomeSink,
  RefusalReason,
  RefusedOutcome,
  ReservedOutcome,
  SentOutcome,
  SessionOutcome,
  SettledOutcome,
} from "./outcome.ts";
export { SETTLED } from "./outcome.ts";
export type { Base64Url, Grant, Mac, Receipt, ReceiptDecode, ReceiptRunDecode } from "./receipt.ts";
export {
  decodeReceipt,
  decodeReceiptRun,
  encodeGrantReceipts,
  grantMac,
  packReceipts,
  RECEIPT_PART_BYTES,
} from "./receipt.ts";
export type { CheckpointPart, CheckpointUnit } from "./units.ts";
