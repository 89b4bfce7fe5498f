/** The first 16 bytes of every file of a group's store: what it is, of which format, group and number. */
import { ByteReader, ByteWriter, type Crc32, type GroupId } from "@kqueuey/base";

/** Bytes of the header: magic u32, format u16, group u16, number u32, CRC-32 of those. */
export const FILE_HEADER_BYTES = 16;

/** Format of everything in a group's folder. A file of a later one is refused. */
export const STORE_FORMAT = 1;

/** "KQPG", "KQBS", "KQMF", "KQSN", "KQCU": read as little-endian words. */
export const FILE_MAGIC = {
  pages: 0x4750514b,
  bodies: 0x5342514b,
  manifest: 0x464d514b,
  snapshot: 0x4e53514b,
  current: 0x5543514b,
} as const;

export type FileKind = keyof typeof FILE_MAGIC;

export interface FileIdentity {
  readonly kind: FileKind;
  readonly group: GroupId;
  readonly number: number;
}

/** Says that a file was written by a later version; anything else that is wrong with it is damage. */
export const NEWER_FORMAT = "was written in a newer format";

export function encodeFileHeader(identity: FileIdentity, crc32: Crc32): Uint8Array {
  const writer = new ByteWriter(FILE_HEADER_BYTES);
  writer.u32(FILE_MAGIC[identity.kind]);
  writer.u16(STORE_FORMAT);
  writer.u16(identity.group);
  writer.u32(identity.number);
  writer.u32(crc32(writer.view()));
  return writer.take();
}

/** What is wrong with a header, or undefined if it is the one of `identity`. */
export function checkFileHeader(
  bytes: Uint8Array,
  identity: FileIdentity,
  crc32: Crc32,
): string | undefined {
  const reader = new ByteReader(bytes);
  const magic = reader.u32();
  const format = reader.u16();
  const group = reader.u16();
  const number = reader.u32();
  const crc = reader.u32();
  if (!reader.ok) return "its header is cut off";
  if (crc32(bytes.subarray(0, FILE_HEADER_BYTES - 4)) !== crc) return "its header is damaged";
  if (magic !== FILE_MAGIC[identity.kind]) return `is not a file of ${identity.kind}`;
  if (format !== STORE_FORMAT) return `${NEWER_FORMAT} (${format}, this is ${STORE_FORMAT})`;
  if (group !== identity.group) return `belongs to group ${group}`;
  if (number !== identity.number) return `is file ${number} under another name`;
  return undefined;
}

/** `bodies-00000007` and the like. */
export function numberedName(kind: "pages" | "bodies" | "gen", number: number): string {
  return `${kind}-${String(number).padStart(8, "0")}`;
}

/** The number in such a name, or undefined. */
export function numberInName(kind: "pages" | "bodies" | "gen", name: string): number | undefined {
  const digits = name.startsWith(`${kind}-`) ? name.slice(kind.length + 1) : "";
  return /^\d{8,10}$/.test(digits) ? Number(digits) : undefined;
}
