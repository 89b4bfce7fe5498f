/** Drives a machine by commands as plain values: encodes entries, collects outcomes as plain values. */
import type { GroupId, LogIndex } from "@kqueuey/base";
import {
  ByteReader,
  ByteWriter,
  clusterTime,
  encodeUtf8,
  groupId,
  logIndex,
  wallTime,
} from "@kqueuey/base";
import { Core } from "../src/core.ts";
import {
  DEFAULT_ATTRIBUTES,
  EntryBuilder,
  encodeAccept,
  encodeBodyRecord,
  encodeCancelMove,
  encodeConfirmQueue,
  encodeCreateQueue,
  encodeDeleteQueue,
  encodeDropOutbox,
  encodeExtend,
  encodeForgetQueue,
  encodeInitCluster,
  encodeMarkDeleting,
  encodeOpenSession,
  encodePurgeQueue,
  encodeReceive,
  encodeRelease,
  encodeReserveQueue,
  encodeSend,
  encodeSendFifo,
  encodeSendGrouped,
  encodeSetQueue,
  encodeStartMove,
  encodeTombstone,
  encodeUndelivered,
  fencingToken,
  type MatchVector,
  NO_REQUEST_ID,
  type Outcome,
  type QueueAttributeChanges,
  QueueMachine,
  queueId,
  type RequestId,
  type SendMessage,
  sequence,
  sessionId,
  TASK_ID_BYTES,
  type TextChanges,
  validateCommand,
} from "../src/index.ts";
import { decodeQueue } from "../src/queue.ts";
import { UNIT_KIND, unitKey } from "../src/units.ts";

/** A request id as a text (hashed by padding) or as a session's count. */
export type TestRequest = string | { readonly session: number; readonly count: number } | undefined;

/** A lease: sequence, token and, for extend and release, ms. */
export type TestLease = readonly [sequence: number, token: number, ms?: number];

export type TestCommand = { readonly id?: TestRequest } & (
  | {
      readonly op: "send";
      readonly queue: number;
      /** Body sizes in bytes, and delays where not the queue's. */
      readonly messages: readonly {
        readonly size: number;
        readonly delayMs?: number | undefined;
        readonly group?: string | undefined;
      }[];
    }
  | {
      readonly op: "sendFifo";
      readonly queue: number;
      readonly messages: readonly {
        readonly size: number;
        readonly group: string;
        readonly deduplicationId: string;
      }[];
    }
  | {
      readonly op: "receive";
      readonly queue: number;
      readonly attempt?: string | undefined;
      readonly limit: number;
      readonly inFlightMax?: number | undefined;
      readonly maxBytes?: number | undefined;
      readonly visibilityMs?: number | undefined;
    }
  | {
      readonly op: "tombstone" | "extend" | "release" | "undelivered";
      readonly queue: number;
      readonly leases: readonly TestLease[];
      readonly revives?: boolean | undefined;
    }
  | { readonly op: "create"; readonly queue: number; readonly attributes: QueueAttributeChanges }
  | {
      readonly op: "set";
      readonly queue: number;
      readonly attributes: QueueAttributeChanges;
      readonly extra?: TextChanges;
      readonly tags?: TextChanges;
      readonly expected?: TextChanges;
    }
  | { readonly op: "purge"; readonly queue: number; readonly intervalMs?: number | undefined }
  | { readonly op: "delete" | "confirm" | "mark" | "forget"; readonly queue: number }
  | {
      readonly op: "startMove";
      readonly queue: number;
      /** Byte that the task's id is made of. */
      readonly task: number;
      readonly destination?: number | undefined;
      readonly perSecond?: number | undefined;
    }
  | { readonly op: "cancelMove"; readonly queue: number; readonly task: number }
  | { readonly op: "reserve"; readonly name: string; readonly group?: number }
  | { readonly op: "openSession" }
  | { readonly op: "init"; readonly secret: number }
  | {
      readonly op: "accept";
      readonly queue: number;
      readonly source: number;
      readonly outboxSequence: number;
      readonly origin: readonly [queue: number, sequence: number];
      readonly count: number;
      readonly firstReceived: number;
      readonly ageMs: number;
      readonly size: number;
      readonly group?: string | undefined;
    }
  | {
      readonly op: "dropOutbox";
      readonly queue: number;
      readonly through: number;
      readonly disposition: "accepted" | "returned";
    }
);

/** An outcome with arrays in place of typed arrays, to print and compare. */
export type PlainOutcome = Readonly<Record<string, unknown>>;

/** A stand-in for the checksum that the edge brings along. */
export function sum32(bytes: Uint8Array): number {
  let sum = 0x811c9dc5;
  for (const byte of bytes) sum = Math.imul(sum ^ byte, 0x01000193);
  return sum >>> 0;
}

/** Bytes of the record that `bodyOf(size)` makes, its prefix included. */
export function recordBytes(size: number): number {
  return 8 + 6 + 16 + 1 + 1 + 1 + size;
}

function bodyOf(size: number, delayMs?: number | undefined): SendMessage {
  return {
    sentAtMs: wallTime(1),
    bodyMd5: new Uint8Array(16),
    sender: "",
    traceHeader: undefined,
    attributes: [],
    body: new Uint8Array(size).fill(120),
    delayMs,
  };
}

export function requestIdOf(id: TestRequest): RequestId {
  if (id === undefined) return NO_REQUEST_ID;
  if (typeof id !== "string") {
    return { kind: "session", session: sessionId(id.session), sequence: id.count };
  }
  const hash = new Uint8Array(16);
  hash.set(encodeUtf8(id).subarray(0, 16));
  return { kind: "hash", hash };
}

/** 16 bytes that stand for a text: spread as a hash would be, and different for different short texts. */
export function keyOf(text: string): Uint8Array {
  const key = new Uint8Array(16);
  const bytes = encodeUtf8(text);
  if (bytes.length > 12) throw new Error("a test's id is too long");
  key.set(bytes, 4);
  let word = sum32(bytes);
  word = Math.imul(word ^ (word >>> 16), 0x85eb_ca6b);
  word = Math.imul(word ^ (word >>> 13), 0xc2b2_ae35);
  new DataView(key.buffer).setUint32(0, word ^ (word >>> 16));
  return text === "" ? new Uint8Array(16) : key;
}

const writer = new ByteWriter(64 * 1024);

/** The command's bytes. */
export function encodeCommand(command: TestCommand): Uint8Array {
  const requestId = requestIdOf(command.id);
  switch (command.op) {
    case "send": {
      const messages = command.messages.map(({ size, delayMs, group }) => ({
        ...bodyOf(size, delayMs),
        groupKey: group === undefined ? undefined : keyOf(group),
      }));
      const isGrouped = messages.some(({ groupKey }) => groupKey !== undefined);
      const encode = isGrouped ? encodeSendGrouped : encodeSend;
      encode(writer, { requestId, queueId: queueId(command.queue), messages }, sum32);
      break;
    }
    case "sendFifo": {
      const messages = command.messages.map(({ size, group, deduplicationId }) => ({
        ...bodyOf(size),
        groupKey: keyOf(group),
        deduplicationKey: keyOf(deduplicationId),
      }));
      encodeSendFifo(writer, { requestId, queueId: queueId(command.queue), messages }, sum32);
      break;
    }
    case "receive":
      encodeReceive(writer, {
        requestId,
        queueId: queueId(command.queue),
        limit: command.limit,
        maxBytes: command.maxBytes ?? 4_194_304,
        visibilityTimeoutMs: command.visibilityMs,
        inFlightMax: command.inFlightMax,
        attemptKey: command.attempt === undefined ? undefined : keyOf(command.attempt),
      });
      break;
    case "tombstone":
    case "undelivered":
    case "extend":
    case "release":
      encodeLeases(command, requestId);
      break;
    case "accept":
      encodeAccepted(command, requestId);
      break;
    case "startMove":
    case "cancelMove":
      encodeMove(command, requestId);
      break;
    case "dropOutbox":
      encodeDropOutbox(writer, {
        requestId,
        queueId: queueId(command.queue),
        throughSequence: command.through,
        disposition: command.disposition,
      });
      break;
    default:
      encodeAdministration(command, requestId);
  }
  return writer.take();
}

function encodeMove(
  command: Extract<TestCommand, { readonly task: number }>,
  requestId: RequestId,
): void {
  const taskId = new Uint8Array(TASK_ID_BYTES).fill(command.task);
  const about = { requestId, queueId: queueId(command.queue), taskId };
  if (command.op === "cancelMove") {
    encodeCancelMove(writer, about);
    return;
  }
  const { destination, perSecond } = command;
  const to = destination === undefined ? undefined : queueId(destination);
  encodeStartMove(writer, { ...about, destination: to, perSecond });
}

function encodeLeases(
  command: Extract<TestCommand, { readonly leases: unknown }>,
  requestId: RequestId,
): void {
  const leases = command.leases.map(([number, token, ms = 0]) => ({
    sequence: sequence(number),
    token: fencingToken(token),
    ms,
  }));
  const { revives } = command;
  const whole = { requestId, queueId: queueId(command.queue), leases, revives };
  if (command.op === "tombstone") encodeTombstone(writer, whole);
  else if (command.op === "undelivered") encodeUndelivered(writer, whole);
  else if (command.op === "extend") encodeExtend(writer, whole);
  else encodeRelease(writer, whole);
}

function encodeAccepted(
  command: Extract<TestCommand, { readonly op: "accept" }>,
  requestId: RequestId,
): void {
  const record = new ByteWriter();
  encodeBodyRecord(record, bodyOf(command.size), sum32);
  encodeAccept(writer, {
    requestId,
    queueId: queueId(command.queue),
    sourceQueue: queueId(command.source),
    outboxSequence: command.outboxSequence,
    originQueue: queueId(command.origin[0]),
    originSequence: sequence(command.origin[1]),
    receiveCount: command.count,
    firstReceivedMs: wallTime(command.firstReceived),
    ageMs: command.ageMs,
    record: record.take(),
    groupKey:
      command.group === undefined ? undefined : new Uint32Array(keyOf(command.group).buffer),
  });
}

type Administration = Extract<
  TestCommand,
  {
    readonly op:
      | "create"
      | "set"
      | "delete"
      | "purge"
      | "confirm"
      | "mark"
      | "forget"
      | "reserve"
      | "openSession"
      | "init";
  }
>;

function encodeAdministration(command: Administration, requestId: RequestId): void {
  const none = new Map<string, string>();
  switch (command.op) {
    case "create":
      encodeCreateQueue(writer, {
        requestId,
        queueId: queueId(command.queue),
        name: `q${command.queue}`,
        placement: 1,
        attributes: { ...DEFAULT_ATTRIBUTES, ...command.attributes },
        extra: none,
        tags: none,
      });
      return;
    case "set":
      encodeSetQueue(writer, {
        requestId,
        queueId: queueId(command.queue),
        attributes: command.attributes,
        extra: command.extra ?? none,
        tags: command.tags ?? none,
        expected: command.expected,
      });
      return;
    case "reserve":
      encodeReserveQueue(writer, {
        requestId,
        name: command.name,
        group: groupId(command.group ?? 0),
        attributes: DEFAULT_ATTRIBUTES,
        extra: none,
        tags: none,
      });
      return;
    case "openSession":
      encodeOpenSession(writer, { requestId });
      return;
    case "init":
      encodeInitCluster(writer, {
        requestId,
        secret: new Uint8Array(32).fill(command.secret),
      });
      return;
    case "delete":
      encodeDeleteQueue(writer, { requestId, queueId: queueId(command.queue) });
      return;
    case "purge":
      encodePurgeQueue(writer, {
        requestId,
        queueId: queueId(command.queue),
        intervalMs: command.intervalMs,
      });
      return;
    case "confirm":
      encodeConfirmQueue(writer, { requestId, queueId: queueId(command.queue) });
      return;
    case "mark":
      encodeMarkDeleting(writer, { requestId, queueId: queueId(command.queue) });
      return;
    case "forget":
      encodeForgetQueue(writer, { requestId, queueId: queueId(command.queue) });
      return;
  }
}

/** Wall clock of entries: ahead of cluster time by this, to tell them apart. */
export const WALL_AHEAD_MS = 1_700_000_000_000;

/** An entry's data of these commands at a cluster time and a wall clock's. */
export function encodeEntry(
  commands: readonly TestCommand[],
  timeMs: number,
  matchVector?: MatchVector,
  wallMs: number = timeMs + WALL_AHEAD_MS,
): Uint8Array {
  const builder = new EntryBuilder();
  for (const command of commands) {
    const bytes = encodeCommand(command);
    const valid = validateCommand(bytes);
    if (!valid.ok) throw new Error(`${command.op}: ${valid.error}`);
    if (builder.append(bytes, valid.operations) === undefined) throw new Error("entry too large");
  }
  return builder.finish({
    clusterTimeMs: clusterTime(timeMs),
    wallTimeMs: wallTime(wallMs),
    matchVector,
  });
}

/** The outcome with plain arrays. */
export function plain(outcome: Outcome): PlainOutcome {
  return Object.fromEntries(
    Object.entries(outcome).map(([name, value]) => [
      name,
      ArrayBuffer.isView(value) ? Object.values(value) : value,
    ]),
  );
}

/** Applies one entry; gives the outcomes in order. */
export function applyEntry(
  machine: QueueMachine,
  index: number,
  data: Uint8Array,
): readonly PlainOutcome[] {
  const outcomes: PlainOutcome[] = [];
  machine.apply(logIndex(index), data, {
    outcome(ordinal, outcome) {
      if (ordinal !== outcomes.length) throw new Error("outcomes out of order");
      outcomes.push(plain(outcome));
    },
  });
  return outcomes;
}

/** A machine with a log of its own. */
export class Driver {
  machine: QueueMachine;
  index = 0;
  timeMs = 0;
  /** Live bodies by entry, from births and deaths. */
  readonly bodies: Map<number, number> = new Map();

  constructor(group: GroupId = groupId(0)) {
    this.machine = new QueueMachine({ group });
  }

  /** Applies one entry of these commands at `timeMs`. */
  run(
    commands: readonly TestCommand[],
    timeMs: number = this.timeMs,
    wallMs: number = timeMs + WALL_AHEAD_MS,
  ): readonly PlainOutcome[] {
    this.timeMs = timeMs;
    return this.apply(encodeEntry(commands, timeMs, undefined, wallMs));
  }

  /** Goes on with a machine restored from this one's state. */
  replace(machine: QueueMachine): void {
    this.machine = machine;
    this.bodies.clear();
    machine.forEachLiveBody((entry, count) => {
      this.bodies.set(entry, (this.bodies.get(entry) ?? 0) + count);
    });
  }

  /** Applies an entry's data at the next index. */
  apply(data: Uint8Array): readonly PlainOutcome[] {
    this.index += 1;
    const outcomes = applyEntry(this.machine, this.index, data);
    this.countBodies();
    return outcomes;
  }

  countBodies(): void {
    const count = (entry: LogIndex, more: number): void => {
      const left = (this.bodies.get(entry) ?? 0) + more;
      if (left === 0) this.bodies.delete(entry);
      else this.bodies.set(entry, left);
    };
    this.machine.drainBodyBirths(count);
    this.machine.drainBodyDeaths((entry, deaths) => count(entry, -deaths));
  }
}

/** Units by key, as a storage would keep them. */
export type UnitStore = Map<number, Uint8Array>;

/** Writes one whole checkpoint into `store`, `between` running after each pump. */
export function checkpoint(
  machine: QueueMachine,
  store: UnitStore,
  options: {
    readonly mode: "changed" | "full";
    readonly bytes?: number;
    readonly between?: () => void;
  },
): void {
  machine.beginCheckpoint(options.mode);
  for (;;) {
    const part = machine.nextCheckpointUnits(options.bytes ?? 65_536);
    for (const key of part.removed) store.delete(key);
    for (const unit of part.units) store.set(unit.key, unit.bytes);
    if (part.done) break;
    options.between?.();
  }
  machine.endCheckpoint(true);
}

/** A fresh machine from units, or the error text. */
export function restore(store: UnitStore, group: GroupId = groupId(0)): QueueMachine | string {
  const machine = new QueueMachine({ group });
  for (const [key, bytes] of store) {
    const error = machine.loadUnit(key, bytes);
    if (error !== undefined) return error;
  }
  return machine.finishLoad() ?? machine;
}

/** A machine restored from this one's state, with its queue's lease counter gone on by `more` meanwhile. */
export function withMoreTokens(machine: QueueMachine, queue: number, more: number): QueueMachine {
  const store: UnitStore = new Map();
  checkpoint(machine, store, { mode: "full" });
  const key = unitKey(UNIT_KIND.queue, queue);
  const state = decodeQueue(
    queueId(queue),
    new ByteReader(store.get(key) ?? new Uint8Array()),
    new Core(groupId(0)),
  );
  if (state === undefined) throw new Error(`no queue ${queue}`);
  state.nextToken += more;
  state.encode(writer);
  store.set(key, writer.take());
  const raised = restore(store);
  if (typeof raised === "string") throw new Error(raised);
  return raised;
}
