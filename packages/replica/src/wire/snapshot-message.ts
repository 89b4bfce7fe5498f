/**
 * The talk of a snapshot transfer, on the bulk connection. The receiver asks for the pieces it lacks,
 * so a transfer that broke off goes on with whichever leader offers the same pieces.
 *
 *     offer   u8 1 · u53 raft term · blob manifest     leader: this is what I can give you
 *     want    u8 2 · 16 snapshot id · u32 piece        follower: send that piece
 *     piece   u8 3 · 16 snapshot id · u32 piece · bytes
 *     done    u8 4 · 16 snapshot id · u8 1 installed, 0 given up
 *     gone    u8 5 · 16 snapshot id                    leader: I no longer have it, ask for another
 */
import type { Term } from "@kqueuey/base";
import { ByteReader, ByteWriter, term } from "@kqueuey/base";

export type SnapshotMessage =
  | { readonly kind: "offer"; readonly term: Term; readonly manifest: Uint8Array }
  | { readonly kind: "want"; readonly id: Uint8Array; readonly piece: number }
  | {
      readonly kind: "piece";
      readonly id: Uint8Array;
      readonly piece: number;
      readonly bytes: Uint8Array;
    }
  | { readonly kind: "done"; readonly id: Uint8Array; readonly installed: boolean }
  | { readonly kind: "gone"; readonly id: Uint8Array };

const ID_BYTES = 16;
const OFFER = 1;
const WANT = 2;
const PIECE = 3;
const DONE = 4;
const GONE = 5;

export function encodeSnapshotMessage(message: SnapshotMessage): Uint8Array {
  const writer = new ByteWriter(64);
  switch (message.kind) {
    case "offer":
      writer.u8(OFFER);
      writer.u53(message.term);
      writer.raw(message.manifest);
      break;
    case "want":
      writer.u8(WANT);
      writer.raw(message.id);
      writer.u32(message.piece);
      break;
    case "piece":
      writer.reserve(32 + message.bytes.length);
      writer.u8(PIECE);
      writer.raw(message.id);
      writer.u32(message.piece);
      writer.raw(message.bytes);
      break;
    case "done":
      writer.u8(DONE);
      writer.raw(message.id);
      writer.u8(message.installed ? 1 : 0);
      break;
    case "gone":
      writer.u8(GONE);
      writer.raw(message.id);
      break;
  }
  return writer.take();
}

/** The message in `bytes`, sharing memory with them, or undefined when they are none. */
export function decodeSnapshotMessage(bytes: Uint8Array): SnapshotMessage | undefined {
  const reader = new ByteReader(bytes);
  const kind = reader.u8();
  if (kind === OFFER) {
    const at = reader.u53();
    const manifest = reader.raw(reader.remaining);
    return reader.ok ? { kind: "offer", term: term(at), manifest } : undefined;
  }
  const id = reader.raw(ID_BYTES);
  switch (kind) {
    case WANT: {
      const piece = reader.u32();
      return whole(reader) ? { kind: "want", id, piece } : undefined;
    }
    case PIECE: {
      const piece = reader.u32();
      const rest = reader.raw(reader.remaining);
      return reader.ok ? { kind: "piece", id, piece, bytes: rest } : undefined;
    }
    case DONE: {
      const installed = reader.u8() === 1;
      return whole(reader) ? { kind: "done", id, installed } : undefined;
    }
    case GONE:
      return whole(reader) ? { kind: "gone", id } : undefined;
    default:
      return undefined;
  }
}

function whole(reader: ByteReader): boolean {
  return reader.ok && reader.remaining === 0;
}
