/** Receipt handles: what a worker shows to settle a lease, as text. */
import type { GroupId } from "@kqueuey/base";
import { groupId } from "@kqueuey/base";
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

/** Base64url without padding. A host may have a faster one; `decode` gives undefined for what is none. */
export interface Base64Url {
  /** The bytes are only valid during the call. */
  encode(bytes: Uint8Array): string;
  decode(text: string): Uint8Array | undefined;
}

/** The 16 bytes that receipts of `grant` carry. */
export function grantMac(grant: Grant, mac: Mac): Uint8Array {
  const bytes = new Uint8Array(GRANT_BYTES);
  writeGrant(bytes, grant);
  return mac(bytes).slice(0, MAC_BYTES);
}

/** Bytes of the handle being made: text is made of them before anybody else gets to run. */
const scratch = new Uint8Array(RECEIPT_BYTES);

/**
 * The handles of a grant's messages, in its order: 55 characters of base64url each. `mac16` is the
 * grant's `grantMac`; the first `count` elements of the columns count.
 */
export function encodeGrantReceipts(
  grant: Grant,
  messages: {
    readonly count: number;
    readonly sequences: Float64Array;
    readonly tokens: Float64Array;
  },
  tools: { readonly mac16: Uint8Array; readonly base64?: Base64Url },
): string[] {
  writeGrant(scratch, grant);
  scratch.set(tools.mac16, GRANT_BYTES + 8);
  const base64 = tools.base64 ?? BASE64_URL;
  const handles: string[] = [];
  for (let i = 0; i < messages.count; i++) {
    let sequenceNumber = messages.sequences[i] ?? 0;
    for (let at = GRANT_BYTES; at < GRANT_BYTES + 6; at++) {
      scratch[at] = sequenceNumber & 0xff;
      sequenceNumber = Math.floor(sequenceNumber / 0x100);
    }
    const offset = (messages.tokens[i] ?? 0) - grant.grantFirst;
    scratch[GRANT_BYTES + 6] = offset & 0xff;
    scratch[GRANT_BYTES + 7] = offset >>> 8;
    handles.push(base64.encode(scratch));
  }
  return handles;
}

/** Bytes of one message in a run of receipts: sequence (6), token after the grant's first (2). */
export const RECEIPT_PART_BYTES = 8;

/**
 * The receipts of a grant's messages in columns: a handle is base64url of `head`, the message's 8 bytes
 * of `parts`, and the grant's MAC.
 */
export function packReceipts(
  grant: Grant,
  messages: {
    readonly count: number;
    readonly sequences: Float64Array;
    readonly tokens: Float64Array;
  },
): { readonly head: Uint8Array; readonly parts: Uint8Array } {
  const head = new Uint8Array(GRANT_BYTES);
  writeGrant(head, grant);
  const parts = new Uint8Array(messages.count * RECEIPT_PART_BYTES);
  let at = 0;
  for (let i = 0; i < messages.count; i++) {
    let number = messages.sequences[i] ?? 0;
    for (let byte = 0; byte < 6; byte++) {
      parts[at++] = number & 0xff;
      number = Math.floor(number / 0x100);
    }
    const offset = (messages.tokens[i] ?? 0) - grant.grantFirst;
    parts[at++] = offset & 0xff;
    parts[at++] = offset >>> 8;
  }
  return { head, parts };
}

/** A run of receipts that this cluster made: of which grant. */
export type ReceiptRunDecode =
  | { readonly ok: true; readonly grant: Grant }
  | { readonly ok: false };

/** Checks a run of receipts; not ok when any of them is not one that this cluster made. Never throws. */
export function decodeReceiptRun(
  run: { readonly head: Uint8Array; readonly parts: Uint8Array; readonly tail: Uint8Array },
  mac: Mac,
): ReceiptRunDecode {
  const { head, parts, tail } = run;
  if (head.length !== GRANT_BYTES || tail.length !== MAC_BYTES) return NOT_OURS;
  if (parts.length % RECEIPT_PART_BYTES !== 0) return NOT_OURS;
  const grant = readGrant(head, tail, mac);
  if (grant === undefined) return NOT_OURS;
  for (let at = 0; at < parts.length; at += RECEIPT_PART_BYTES) {
    if (readNumber(parts, at, 6) === 0) return NOT_OURS;
    if (readNumber(parts, at + 6, 2) >= grant.grantCount) return NOT_OURS;
  }
  return { ok: true, grant };
}

/** What `head` says, when `tail` is its MAC. */
function readGrant(head: Uint8Array, tail: Uint8Array, mac: Mac): Grant | undefined {
  const group = readNumber(head, 1, 2);
  const queue = readNumber(head, 3, 6);
  const grantFirst = readNumber(head, 9, 6);
  const grantCount = readNumber(head, 15, 2);
  if (head[0] !== VERSION || queue === 0 || grantFirst === 0) return undefined;
  if (grantFirst + grantCount >= 0x1_0000_0000_0000) return undefined;
  const expected = mac(head);
  for (let i = 0; i < MAC_BYTES; i++) if (tail[i] !== expected[i]) return undefined;
  return {
    group: groupId(group),
    queueId: queueId(queue),
    grantFirst: fencingToken(grantFirst),
    grantCount,
  };
}

/** Reads a handle; not ok for anything that this cluster did not make. Never throws. */
export function decodeReceipt(
  text: string,
  mac: Mac,
  base64: Base64Url = BASE64_URL,
): ReceiptDecode {
  const bytes = text.length > RECEIPT_TEXT_MAX ? undefined : base64.decode(text);
  if (bytes === undefined || bytes.length !== RECEIPT_BYTES) return NOT_OURS;
  const tail = bytes.subarray(GRANT_BYTES + 8);
  const grant = readGrant(bytes.subarray(0, GRANT_BYTES), tail, mac);
  const sequenceNumber = readNumber(bytes, GRANT_BYTES, 6);
  const offset = readNumber(bytes, GRANT_BYTES + 6, 2);
  if (grant === undefined || sequenceNumber === 0 || offset >= grant.grantCount) return NOT_OURS;
  return {
    ok: true,
    receipt: {
      ...grant,
      sequence: sequence(sequenceNumber),
      token: fencingToken(grant.grantFirst + offset),
    },
  };
}

const NOT_OURS: { readonly ok: false } = { ok: false };

function writeGrant(bytes: Uint8Array, grant: Grant): void {
  bytes[0] = VERSION;
  writeNumber(bytes, 1, { value: grant.group, bytes: 2 });
  writeNumber(bytes, 3, { value: grant.queueId, bytes: 6 });
  writeNumber(bytes, 9, { value: grant.grantFirst, bytes: 6 });
  writeNumber(bytes, 15, { value: grant.grantCount, bytes: 2 });
}

/** Little-endian, as everywhere; without a view object, since this runs for every message received. */
function writeNumber(
  bytes: Uint8Array,
  at: number,
  number: { readonly value: number; readonly bytes: number },
): void {
  let rest = number.value;
  for (let i = 0; i < number.bytes; i++) {
    bytes[at + i] = rest & 0xff;
    rest = Math.floor(rest / 0x100);
  }
}

function readNumber(bytes: Uint8Array, at: number, count: number): number {
  let value = 0;
  for (let i = count - 1; i >= 0; i--) value = value * 0x100 + (bytes[at + i] ?? 0);
  return value;
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

/** For hosts without a faster one. */
const BASE64_URL: Base64Url = { encode: toBase64Url, decode: fromBase64Url };
