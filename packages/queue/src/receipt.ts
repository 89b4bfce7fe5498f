/** Receipt handles: what a worker shows to settle a lease, as text. */
import type { GroupId } from "@kqueuey/base";
import { ByteReader, ByteWriter, equalBytes, groupId } from "@kqueuey/base";
import type { FencingToken, QueueId, Sequence } from "./ids.ts";
import { fencingToken, queueId, sequence } from "./ids.ts";

/** A lease of a message, and the grant (a run of tokens given by one receive) that it is part of. */
export interface Receipt {
  readonly group: GroupId;
  readonly queueId: QueueId;
  readonly sequence: Sequence;
  readonly token: FencingToken;
  readonly grantFirst: FencingToken;
  /** 1 … 1,000; `token` is one of `grantFirst … grantFirst + grantCount - 1`. */
  readonly grantCount: number;
}

/** A keyed MAC (such as HMAC-SHA256 under the cluster secret), of 16 bytes or more; the first 16 count. */
export type Mac = (bytes: Uint8Array) => Uint8Array;

/** What `decodeReceipt` says of a text. */
export type ReceiptDecode =
  | { readonly ok: true; readonly receipt: Receipt }
  | { readonly ok: false };

const VERSION = 1;
const MAC_BYTES = 16;
const GRANT_BYTES = 1 + 2 + 6 + 6 + 2;
const RECEIPT_BYTES = GRANT_BYTES + 6 + 2 + MAC_BYTES;
/** Longest text that is looked at. */
export const RECEIPT_TEXT_MAX = 200;

/** What the MAC of a grant covers: one MAC serves all receipts of a grant. */
export interface Grant {
  readonly group: GroupId;
  readonly queueId: QueueId;
  readonly grantFirst: FencingToken;
  readonly grantCount: number;
}

/** The 16 bytes that receipts of `grant` carry. */
export function grantMac(grant: Grant, mac: Mac): Uint8Array {
  const writer = new ByteWriter(GRANT_BYTES);
  writeGrant(writer, grant);
  return mac(writer.view()).slice(0, MAC_BYTES);
}

/** A handle of 55 characters of base64url. `mac16` is the grant's `grantMac`. */
export function encodeReceipt(receipt: Receipt, mac16: Uint8Array): string {
  const writer = new ByteWriter(RECEIPT_BYTES);
  writeGrant(writer, receipt);
  writer.u48(receipt.sequence);
  writer.u16(receipt.token - receipt.grantFirst);
  writer.raw(mac16);
  return toBase64Url(writer.view());
}

/** Reads a handle; not ok for anything that this cluster did not make. Never throws. */
export function decodeReceipt(text: string, mac: Mac): ReceiptDecode {
  const bytes = text.length > RECEIPT_TEXT_MAX ? undefined : fromBase64Url(text);
  if (bytes === undefined || bytes.length !== RECEIPT_BYTES) return { ok: false };
  const reader = new ByteReader(bytes);
  const version = reader.u8();
  const group = groupId(reader.u16());
  const queue = reader.u48();
  const grantFirst = reader.u48();
  const grantCount = reader.u16();
  const sequenceNumber = reader.u48();
  const token = grantFirst + reader.u16();
  const claimed = reader.raw(MAC_BYTES);
  if (version !== VERSION || queue === 0 || grantFirst === 0 || sequenceNumber === 0)
    return { ok: false };
  if (token >= grantFirst + grantCount || grantFirst + grantCount >= 0x1_0000_0000_0000)
    return { ok: false };
  if (!equalBytes(claimed, mac(bytes.subarray(0, GRANT_BYTES)).subarray(0, MAC_BYTES)))
    return { ok: false };
  return {
    ok: true,
    receipt: {
      group,
      queueId: queueId(queue),
      sequence: sequence(sequenceNumber),
      token: fencingToken(token),
      grantFirst: fencingToken(grantFirst),
      grantCount,
    },
  };
}

function writeGrant(writer: ByteWriter, grant: Grant): void {
  writer.u8(VERSION);
  writer.u16(grant.group);
  writer.u48(grant.queueId);
  writer.u48(grant.grantFirst);
  writer.u16(grant.grantCount);
}

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

function toBase64Url(bytes: Uint8Array): string {
  let text = "";
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    bits = (bits << 8) | byte;
    held += 8;
    while (held >= 6) {
      held -= 6;
      text += ALPHABET[(bits >>> held) & 63] ?? "";
    }
    bits &= 0xff;
  }
  if (held > 0) text += ALPHABET[(bits << (6 - held)) & 63] ?? "";
  return text;
}

/** Strict: no padding, no other characters, no bits left over; one receipt has one text. */
function fromBase64Url(text: string): Uint8Array | undefined {
  if (text.length % 4 === 1) return undefined;
  const bytes = new Uint8Array(Math.floor((text.length * 6) / 8));
  let bits = 0;
  let held = 0;
  let at = 0;
  for (const character of text) {
    const value = ALPHABET.indexOf(character);
    if (value < 0) return undefined;
    bits = ((bits << 6) | value) & 0xffff;
    held += 6;
    if (held >= 8) {
      held -= 8;
      bytes[at++] = (bits >>> held) & 0xff;
    }
  }
  return (bits & ((1 << held) - 1)) === 0 ? bytes : undefined;
}
