/** Receipt handles: made with a MAC under the cluster's secret, one a grant, and checked against it. */
import { createHmac } from "node:crypto";
import { equalBytes, type GroupId } from "@kqueuey/base";
import { KQueueyError } from "@kqueuey/contract";
import type {
  Base64Url,
  FencingToken,
  GrantedOutcome,
  Mac,
  QueueId,
  Receipt,
} from "@kqueuey/queue";
import {
  decodeReceipt,
  decodeReceiptRun,
  encodeGrantReceipts,
  fencingToken,
  grantMac,
  packReceipts,
} from "@kqueuey/queue";
import type { ReceiptRun } from "../broker.ts";

/** The part of a MAC that receipts carry. */
const MAC_BYTES = 16;

let viewed: { readonly bytes: Uint8Array; readonly view: Buffer } | undefined;

/** The host's own, which is many times faster; it reads more than it should, so texts are checked first. */
const BASE64: Base64Url = {
  encode: (bytes) => {
    // The queue encodes from one buffer again and again: one view of it will do.
    if (viewed?.bytes !== bytes) {
      const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      viewed = { bytes, view };
    }
    return viewed.view.toString("base64url");
  },
  decode: (text) => {
    const bytes = /^[A-Za-z0-9_-]*$/.test(text) ? Buffer.from(text, "base64url") : undefined;
    return bytes?.toString("base64url") === text ? bytes : undefined;
  },
};

export class Receipts {
  readonly #mac: Mac;
  /** The grant that was seen last: receipts of one grant usually come back together. */
  #lastGrant = new Uint8Array(0);
  #lastMac: Uint8Array = new Uint8Array(0);

  /** `secret`: the cluster's 32 bytes. */
  constructor(secret: Uint8Array) {
    this.#mac = (bytes) => {
      if (equalBytes(bytes, this.#lastGrant)) return this.#lastMac;
      const mac = createHmac("sha256", secret).update(bytes).digest().subarray(0, MAC_BYTES);
      this.#lastGrant = bytes.slice();
      this.#lastMac = mac;
      return mac;
    };
  }

  /** One handle a message of the grant, in its order. */
  make(group: GroupId, grant: GrantedOutcome): string[] {
    const grantFirst = fencingToken(grant.grantFirst);
    const whole = { group, queueId: grant.queueId, grantFirst, grantCount: grant.grantCount };
    const mac = grantMac(whole, this.#mac);
    return encodeGrantReceipts(whole, grant, { mac16: mac, base64: BASE64 });
  }

  /** The receipts of a whole grant, in columns. */
  pack(group: GroupId, grant: GrantedOutcome): ReceiptRun {
    const grantFirst = fencingToken(grant.grantFirst);
    const whole = { group, queueId: grant.queueId, grantFirst, grantCount: grant.grantCount };
    return { ...packReceipts(whole, grant), tail: grantMac(whole, this.#mac) };
  }

  /** The first token of a run's grant, or RECEIPT_INVALID when this cluster did not make it for this queue. */
  readRun(run: ReceiptRun, queueId: QueueId): FencingToken | KQueueyError {
    const result = decodeReceiptRun(run, this.#mac);
    if (result.ok && result.grant.queueId === queueId) return result.grant.grantFirst;
    return new KQueueyError(
      "RECEIPT_INVALID",
      "a run of receipts was not made by this cluster for this queue: pass its parts exactly as received",
    );
  }

  /** What the handle names, or RECEIPT_INVALID when this cluster did not make it for this queue. */
  read(handle: string, queueId: QueueId): Receipt | KQueueyError {
    const result = decodeReceipt(handle, this.#mac, BASE64);
    if (result.ok && result.receipt.queueId === queueId) return result.receipt;
    const shown = handle.length > 80 ? `${handle.slice(0, 80)}…` : handle;
    return new KQueueyError(
      "RECEIPT_INVALID",
      `receipt handle "${shown}" was not made by this cluster for this queue: pass it exactly as received`,
    );
  }
}
