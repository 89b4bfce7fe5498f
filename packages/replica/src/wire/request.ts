/** Engine requests as bytes, for forwarding frames. See frame.ts for the envelope. */
import { ByteReader, ByteWriter } from "@kqueuey/base";
import { queueId } from "@kqueuey/queue";
import type { EngineRequest } from "../engine-request.ts";

const COMMAND = 1;
const RECEIVE = 2;
const DESCRIBE = 3;
const FIND = 4;
const LIST = 5;
const MOVE_TASKS = 6;

export function encodeRequest(request: EngineRequest): Uint8Array {
  const writer = new ByteWriter(64);
  switch (request.kind) {
    case "command":
      writer.reserve(1 + request.command.length);
      writer.u8(COMMAND);
      writer.raw(request.command);
      break;
    case "receive":
      writer.u8(RECEIVE);
      writer.u32(request.waitMs);
      writer.raw(request.command);
      break;
    case "describe":
      writer.u8(DESCRIBE);
      writer.u48(request.queueId);
      break;
    case "moveTasks":
      writer.u8(MOVE_TASKS);
      writer.u48(request.queueId);
      break;
    case "find":
      writer.u8(FIND);
      writer.text(request.name);
      break;
    case "list":
      writer.u8(LIST);
      writer.text(request.prefix);
      writer.text(request.after);
      writer.u16(request.limit);
      break;
  }
  return writer.take();
}

/** The request in `bytes`, sharing memory with them; undefined when they are none. Commands are not looked into. */
export function decodeRequest(bytes: Uint8Array): EngineRequest | undefined {
  const reader = new ByteReader(bytes);
  const kind = reader.u8();
  switch (kind) {
    case COMMAND: {
      const command = reader.raw(reader.remaining);
      return reader.ok ? { kind: "command", command } : undefined;
    }
    case RECEIVE: {
      const waitMs = reader.u32();
      const command = reader.raw(reader.remaining);
      return reader.ok ? { kind: "receive", command, waitMs } : undefined;
    }
    case DESCRIBE:
    case MOVE_TASKS: {
      const id = reader.u48();
      if (!reader.ok || id === 0 || reader.remaining > 0) return undefined;
      return { kind: kind === DESCRIBE ? "describe" : "moveTasks", queueId: queueId(id) };
    }
    case FIND: {
      const name = reader.text();
      return reader.ok && reader.remaining === 0 ? { kind: "find", name } : undefined;
    }
    case LIST: {
      const prefix = reader.text();
      const after = reader.text();
      const limit = reader.u16();
      if (!reader.ok || reader.remaining > 0) return undefined;
      return { kind: "list", prefix, after, limit };
    }
    default:
      return undefined;
  }
}
