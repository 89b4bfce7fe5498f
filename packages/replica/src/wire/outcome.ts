/** Outcomes of commands (all but grants, see grant.ts) as bytes. */
import type { ByteReader, ByteWriter } from "@kqueuey/base";
import { groupId } from "@kqueuey/base";
import type { CatalogueState, GrantedOutcome, Outcome, RefusalReason } from "@kqueuey/queue";
import { queueId, sequence, sessionId, TASK_ID_BYTES } from "@kqueuey/queue";

type Plain = Exclude<Outcome, GrantedOutcome>;

const REFUSED = 1;
const SENT = 2;
const SETTLED = 3;
const DONE = 4;
const RESERVED = 5;
const SESSION = 6;
const ACCEPTED = 7;
const MOVE = 8;
/** With a sent: the sequence of each message follows. */
const EACH = 2;
const REASONS: readonly RefusalReason[] = [
  "queue-not-found",
  "session-expired",
  "request-id-reused",
  "limit-reached",
  "queue-deleted",
  "wrong-group",
  "wrong-state",
  "malformed",
  "task-running",
  "task-not-found",
  "in-flight-limit",
  "wrong-kind",
  "not-as-expected",
  "purged-recently",
];
const STATES: readonly CatalogueState[] = ["reserved", "active", "deleting"];

export function encodeOutcome(writer: ByteWriter, outcome: Plain): void {
  switch (outcome.kind) {
    case "refused":
      writer.u8(REFUSED);
      writer.u8(REASONS.indexOf(outcome.reason));
      return;
    case "sent":
      writer.u8(SENT);
      writer.u48(outcome.queueId);
      writer.u48(outcome.firstSequence);
      writer.u16(outcome.count);
      writer.u8((outcome.replayed ? 1 : 0) | (outcome.sequences === undefined ? 0 : EACH));
      for (const number of outcome.sequences ?? []) writer.u48(number);
      return;
    case "settled":
      writer.u8(SETTLED);
      writer.u48(outcome.queueId);
      writer.blob(outcome.results);
      writer.u8(outcome.replayed ? 1 : 0);
      return;
    case "done":
      writer.u8(DONE);
      writer.u8(outcome.changed ? 1 : 0);
      writer.u8(outcome.replayed ? 1 : 0);
      return;
    case "reserved":
      writer.u8(RESERVED);
      writer.u48(outcome.queueId);
      writer.u16(outcome.group);
      writer.u32(outcome.placement);
      writer.u8(STATES.indexOf(outcome.state));
      writer.u8(outcome.created ? 1 : 0);
      writer.u8(outcome.replayed ? 1 : 0);
      return;
    case "session":
      writer.u8(SESSION);
      writer.u48(outcome.sessionId);
      writer.u8(outcome.replayed ? 1 : 0);
      return;
    case "accepted":
      writer.u8(ACCEPTED);
      writer.u8(outcome.duplicate ? 1 : 0);
      return;
    case "move":
      writer.u8(MOVE);
      writer.raw(outcome.taskId);
      writer.u48(outcome.moved);
      writer.u8(outcome.replayed ? 1 : 0);
      return;
  }
}

/** Undefined when the bytes are none. */
export function decodeOutcome(reader: ByteReader): Plain | undefined {
  switch (reader.u8()) {
    case REFUSED: {
      const reason = REASONS[reader.u8()];
      return reason === undefined ? undefined : { kind: "refused", reason };
    }
    case SENT: {
      const [id, first, count] = [reader.u48(), reader.u48(), reader.u16()];
      if (!reader.ok || id === 0 || first === 0) return undefined;
      const flags = reader.u8();
      const each = (flags & EACH) === 0 ? {} : { sequences: readSequences(reader, count) };
      if (!reader.ok) return undefined;
      const sent = { kind: "sent", queueId: queueId(id), firstSequence: sequence(first) } as const;
      return { ...sent, count, ...each, replayed: (flags & 1) === 1 };
    }
    case SETTLED: {
      const id = reader.u48();
      const results = reader.blob();
      if (!reader.ok || id === 0) return undefined;
      return { kind: "settled", queueId: queueId(id), results, replayed: reader.u8() === 1 };
    }
    case DONE:
      return { kind: "done", changed: reader.u8() === 1, replayed: reader.u8() === 1 };
    case RESERVED:
      return decodeReserved(reader);
    case SESSION: {
      const id = reader.u48();
      if (!reader.ok || id === 0) return undefined;
      return { kind: "session", sessionId: sessionId(id), replayed: reader.u8() === 1 };
    }
    case ACCEPTED:
      return { kind: "accepted", duplicate: reader.u8() === 1 };
    case MOVE: {
      const taskId = reader.raw(TASK_ID_BYTES).slice();
      const moved = reader.u48();
      return { kind: "move", taskId, moved, replayed: reader.u8() === 1 };
    }
    default:
      return undefined;
  }
}

function readSequences(reader: ByteReader, count: number): Float64Array | undefined {
  if (reader.remaining < count * 6) reader.fail();
  return reader.ok ? Float64Array.from({ length: count }, () => reader.u48()) : undefined;
}

function decodeReserved(reader: ByteReader): Plain | undefined {
  const id = reader.u48();
  const group = groupId(reader.u16());
  const placement = reader.u32();
  const state = STATES[reader.u8()];
  const created = reader.u8() === 1;
  const replayed = reader.u8() === 1;
  if (!reader.ok || id === 0 || state === undefined) return undefined;
  return { kind: "reserved", queueId: queueId(id), group, placement, state, created, replayed };
}
