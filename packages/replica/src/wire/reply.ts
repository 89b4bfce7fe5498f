/** Engine replies as bytes, for forwarding frames. */
import type { ByteReader } from "@kqueuey/base";
import { ByteWriter, groupId, nodeId } from "@kqueuey/base";
import { isErrorCode } from "@kqueuey/contract";
import type { CatalogueEntry, CatalogueState } from "@kqueuey/queue";
import { queueId } from "@kqueuey/queue";
import type { EngineReply } from "../engine-request.ts";
import { decodeGranted, encodeGranted } from "./grant.ts";
import { decodeTasks, encodeTasks } from "./move-tasks.ts";
import { decodeOutcome, encodeOutcome } from "./outcome.ts";
import { decodeView, encodeView } from "./view.ts";

const OUTCOME = 1;
const GRANTED = 2;
const DESCRIBED = 3;
const FOUND = 4;
const LISTED = 5;
const FAILED = 6;
const NOT_LEADER = 7;
const TASKS = 8;
const CATALOGUE_STATES: readonly CatalogueState[] = ["reserved", "active", "deleting"];
const LIST_MAX = 1_000;

export function encodeReply(reply: EngineReply): Uint8Array {
  const writer = new ByteWriter(64);
  switch (reply.kind) {
    case "outcome":
      writer.u8(OUTCOME);
      encodeOutcome(writer, reply.outcome);
      break;
    case "granted":
      writer.u8(GRANTED);
      encodeGranted(writer, reply);
      break;
    case "described":
      writer.u8(DESCRIBED);
      writer.u8(reply.view === undefined ? 0 : 1);
      if (reply.view !== undefined) encodeView(writer, reply.view);
      break;
    case "tasks":
      writer.u8(TASKS);
      writer.u8(reply.tasks === undefined ? 0 : 1);
      if (reply.tasks !== undefined) encodeTasks(writer, reply.tasks);
      break;
    case "found":
      writer.u8(FOUND);
      writer.u8(reply.entry === undefined ? 0 : 1);
      if (reply.entry !== undefined) encodeEntry(writer, reply.entry);
      break;
    case "listed":
      writer.u8(LISTED);
      writer.u16(reply.names.length);
      for (const name of reply.names) writer.text(name);
      break;
    case "failed":
      writer.u8(FAILED);
      writer.text(reply.code);
      writer.text(reply.message);
      break;
    case "not-leader":
      writer.u8(NOT_LEADER);
      writer.u16(reply.leader);
      break;
  }
  return writer.take();
}

/** The reply that `reader` is at, sharing memory with it; undefined when the bytes are none. */
export function decodeReply(reader: ByteReader): EngineReply | undefined {
  const kind = reader.u8();
  if (kind === GRANTED) return decodeGranted(reader);
  const reply = decodeSmall(kind, reader);
  return reader.ok && reader.remaining === 0 ? reply : undefined;
}

function decodeSmall(kind: number, reader: ByteReader): EngineReply | undefined {
  switch (kind) {
    case OUTCOME: {
      const outcome = decodeOutcome(reader);
      return outcome === undefined ? undefined : { kind: "outcome", outcome };
    }
    case DESCRIBED: {
      if (reader.u8() === 0) return { kind: "described", view: undefined };
      const view = decodeView(reader);
      return view === undefined ? undefined : { kind: "described", view };
    }
    case TASKS: {
      if (reader.u8() === 0) return { kind: "tasks", tasks: undefined };
      const tasks = decodeTasks(reader);
      return tasks === undefined ? undefined : { kind: "tasks", tasks };
    }
    case FOUND: {
      if (reader.u8() === 0) return { kind: "found", entry: undefined };
      const entry = decodeEntry(reader);
      return entry === undefined ? undefined : { kind: "found", entry };
    }
    case LISTED: {
      const count = reader.u16();
      if (count > LIST_MAX) return undefined;
      const names: string[] = [];
      for (let i = 0; i < count && reader.ok; i++) names.push(reader.text());
      return { kind: "listed", names };
    }
    case FAILED: {
      const code = reader.text();
      const message = reader.text();
      return isErrorCode(code) ? { kind: "failed", code, message } : undefined;
    }
    case NOT_LEADER: {
      const leader = reader.u16();
      return { kind: "not-leader", leader: leader === 0 ? 0 : nodeId(leader) };
    }
    default:
      return undefined;
  }
}

/** What is to be created does not travel: only the leader goes on with unfinished creations. */
function encodeEntry(writer: ByteWriter, entry: CatalogueEntry): void {
  writer.text(entry.name);
  writer.u48(entry.queueId);
  writer.u16(entry.group);
  writer.u32(entry.placement);
  writer.u8(CATALOGUE_STATES.indexOf(entry.state));
}

function decodeEntry(reader: ByteReader): CatalogueEntry | undefined {
  const name = reader.text();
  const id = reader.u48();
  const group = groupId(reader.u16());
  const placement = reader.u32();
  const state = CATALOGUE_STATES[reader.u8()];
  if (!reader.ok || id === 0 || state === undefined) return undefined;
  return { name, queueId: queueId(id), group, placement, state, creation: undefined };
}
