/** One command under execution: where it is read, what it answers, what a retry must know. One object, used again. */
import { ByteWriter } from "@kqueuey/base";
import type { CommandKind } from "./command.ts";
import {
  COMMAND,
  COMMAND_HEADER_BYTES,
  REQUEST_HASH,
  REQUEST_NONE,
  REQUEST_SESSION,
} from "./command.ts";
import type { Core } from "./core.ts";
import { STEP } from "./core.ts";
import type { QueueId } from "./ids.ts";
import { KEY_BYTES, type Key, readKey } from "./key-index.ts";
import { COMMAND_OPERATIONS_MAX } from "./limits.ts";
import type { Outcome, RefusalReason } from "./outcome.ts";
import type { Page } from "./page.ts";
import type { QueueState } from "./queue.ts";

const NO_BYTES = new Uint8Array(0);

export class Call {
  data: Uint8Array = NO_BYTES;
  #view: DataView = new DataView(NO_BYTES.buffer);
  /** Where the next field is. The command was validated: reads can't run over. */
  at = 0;
  /** Where the command ends. */
  #end = 0;
  /** Index of the entry. */
  index = 0;
  /** Whether somebody waits for the outcome. */
  wanted = false;
  kind: CommandKind = "send";
  queueId: QueueId | 0 = 0;
  /** Tag and content of the request id; undefined when there is none. */
  requestId: Uint8Array | undefined = undefined;
  outcome: Outcome | undefined = undefined;
  /** What the ledger is to keep for retries; empty for what needs no memory, such as refusals. */
  readonly record: ByteWriter = new ByteWriter(256);
  /** Messages of the grant under way, in order. */
  readonly pages: Page[] = [];
  readonly slots: number[] = [];
  /** Results of the receipts under way. */
  readonly results: Uint8Array = new Uint8Array(COMMAND_OPERATIONS_MAX);

  /** Begins an entry. */
  enter(index: number, data: Uint8Array, wanted: boolean): void {
    this.index = index;
    this.data = data;
    this.#view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    this.wanted = wanted;
  }

  /** Begins the validated command at `start`. */
  begin(kind: CommandKind, start: number): void {
    this.kind = kind;
    this.outcome = undefined;
    this.record.truncate(0);
    this.pages.length = 0;
    this.slots.length = 0;
    const tagAt = start + COMMAND_HEADER_BYTES;
    const tag = this.data[tagAt];
    let length = 1;
    if (tag === REQUEST_HASH || tag === REQUEST_SESSION) length = 17;
    this.requestId = tag === REQUEST_NONE ? undefined : this.data.subarray(tagAt, tagAt + length);
    this.at = tagAt + length;
    this.#end = start + COMMAND_HEADER_BYTES + this.#view.getUint32(start + 1, true);
    this.queueId = this.u48() as QueueId | 0;
  }

  u8(): number {
    this.at += 1;
    return this.#view.getUint8(this.at - 1);
  }

  u16(): number {
    this.at += 2;
    return this.#view.getUint16(this.at - 2, true);
  }

  u32(): number {
    this.at += 4;
    return this.#view.getUint32(this.at - 4, true);
  }

  u48(): number {
    const at = this.at;
    this.at = at + 6;
    return this.#view.getUint32(at, true) + this.#view.getUint16(at + 4, true) * 0x1_0000_0000;
  }

  u53(): number {
    const at = this.at;
    this.at = at + 8;
    return this.#view.getUint32(at, true) + this.#view.getUint32(at + 4, true) * 0x1_0000_0000;
  }

  /** Whether a field that may be absent follows. */
  get hasMore(): boolean {
    return this.at < this.#end;
  }

  /** Reads a key; false, and nothing read, when the command ends before it. */
  key(into: Key): boolean {
    if (this.at + KEY_BYTES > this.#end) return false;
    readKey(this.data, this.at, into);
    this.at += KEY_BYTES;
    return true;
  }

  /** Begins the record of what a retry is to be told; undefined when the command has no request id. */
  remember(): ByteWriter | undefined {
    if (this.requestId === undefined) return undefined;
    this.record.truncate(0);
    this.record.u8(rememberedKind(this.kind));
    this.record.u48(this.queueId);
    return this.record;
  }
}

/** The kind byte under which a request is remembered: a send is the same action with groups and without. */
export function rememberedKind(kind: CommandKind): number {
  return COMMAND[kind === "sendGrouped" ? "send" : kind];
}

const REASONS: Readonly<Record<RefusalReason, number>> = {
  "queue-not-found": 1,
  "session-expired": 2,
  "request-id-reused": 3,
  "limit-reached": 4,
  "queue-deleted": 5,
  "wrong-group": 6,
  "wrong-state": 7,
  malformed: 8,
  "task-running": 9,
  "task-not-found": 10,
  "in-flight-limit": 11,
  "wrong-kind": 16,
  "not-as-expected": 17,
  "purged-recently": 18,
};

/** Ends a command that changed nothing. */
export function refuse(core: Core, call: Call, reason: RefusalReason): void {
  core.chain.mix(STEP.refuse);
  core.chain.mix(REASONS[reason]);
  if (call.wanted) call.outcome = { kind: "refused", reason };
}

/** Ends a command that only succeeds. */
export function finish(call: Call, changed: boolean): void {
  call.remember()?.u8(changed ? 1 : 0);
  if (call.wanted) call.outcome = { kind: "done", changed, replayed: false };
}

/** The command's queue, about to be changed; undefined, and the command refused, when there is none. */
export function queueOf(core: Core, call: Call): QueueState | undefined {
  const queue = core.queues.get(call.queueId);
  if (queue === undefined) refuse(core, call, "queue-not-found");
  return queue;
}
