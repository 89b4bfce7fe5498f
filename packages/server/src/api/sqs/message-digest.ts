/**
 * The MD5 digests that clients check. Over attributes: sorted by name, each as length and name, length
 * and type (label included), one byte for how the value travels (1 text, 2 binary), length and value;
 * lengths are 4 bytes, big-endian. Source: Amazon SQS Developer Guide, "Calculating the MD5 message
 * digest for message attributes".
 */
import { encodeUtf8 } from "@kqueuey/base";
import type { MessageAttribute } from "../../broker.ts";
import type { Digests } from "../../digests.ts";

/** Lower-case hex of a digest. */
export function hexOf(digest: Uint8Array): string {
  return Buffer.from(digest.buffer, digest.byteOffset, digest.byteLength).toString("hex");
}

/** The bytes of a digest in lower-case hex. */
export function digestOf(hex: string): Uint8Array {
  const digest = new Uint8Array(hex.length / 2);
  for (let at = 0; at < digest.length; at++) {
    digest[at] = digitValue(hex.charCodeAt(2 * at)) * 16 + digitValue(hex.charCodeAt(2 * at + 1));
  }
  return digest;
}

/** Of a hex digit: 0 to 9, a to f. */
function digitValue(code: number): number {
  return code <= 0x39 ? code - 0x30 : code - 0x57;
}

/** Hex MD5 over `attributes` (at least one), in whatever order they come. */
export function attributesDigest(
  digests: Digests,
  attributes: readonly MessageAttribute[],
): string {
  const parts: Uint8Array[] = [];
  let length = 0;
  const add = (bytes: Uint8Array): void => {
    parts.push(bytes);
    length += bytes.length;
  };
  const addWithLength = (bytes: Uint8Array): void => {
    add(bigEndian(bytes.length));
    add(bytes);
  };
  for (const { name, type, value } of [...attributes].sort(byName)) {
    addWithLength(encodeUtf8(name));
    addWithLength(encodeUtf8(type));
    add(isBinary(type) ? BINARY : TEXT);
    addWithLength(value);
  }
  const joined = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return digests.md5(joined);
}

/** Whether values of `type` are bytes rather than text: "Binary", with a label or without. */
export function isBinary(type: string): boolean {
  return type === "Binary" || type.startsWith("Binary.");
}

const TEXT = new Uint8Array([1]);
const BINARY = new Uint8Array([2]);

/** Names hold no surrogates, so code units are in the order of the UTF-8 bytes. */
function byName(a: MessageAttribute, b: MessageAttribute): number {
  return a.name < b.name ? -1 : 1;
}

function bigEndian(value: number): Uint8Array {
  return new Uint8Array([value >>> 24, value >>> 16, value >>> 8, value]);
}
