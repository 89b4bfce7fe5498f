/**
 * Writes a log by hand and has it applied: by the real machine, or by one that heard something else. The checkers
 * are told as they are by a cluster.
 */
import {
  ByteWriter,
  clusterTime,
  encodeUtf8,
  groupId,
  incarnation,
  logIndex,
  type NodeId,
  nodeId,
  term,
  wallTime,
} from "@kqueuey/base";
import {
  type BodyRecord,
  DEFAULT_ATTRIBUTES,
  EntryBuilder,
  encodeConfirmQueue,
  encodeCreateQueue,
  encodeExtend,
  encodeReceive,
  encodeReserveQueue,
  encodeSend,
  encodeSendFifo,
  encodeSendGrouped,
  encodeStartMove,
  encodeTombstone,
  fencingToken,
  NO_REQUEST_ID,
  type QueueAttributes,
  QueueMachine,
  queueId,
  type RequestId,
  sequence,
  TASK_ID_BYTES,
  validateCommand,
} from "@kqueuey/queue";
import type { Entry, RaftStatus } from "@kqueuey/raft";
import type { Checker, NodeView, Violation } from "../../src/checkers/checker.ts";
import { crc32, digest16 } from "../../src/digests.ts";
import type { History } from "../../src/history/history.ts";
import { requestKeyOf } from "../../src/workload/request-ids.ts";

const GROUP = groupId(0);

export function encode(write: (writer: ByteWriter) => void): Uint8Array {
  const writer = new ByteWriter();
  write(writer);
  return writer.take();
}

/** A request id and its name, by number. */
export function requestId(number: number): { readonly id: RequestId; readonly key: string } {
  const hash = new Uint8Array(16).fill(number);
  return { id: { kind: "hash", hash }, key: requestKeyOf(hash) };
}

/** The commands of a queue's creation, which gets the id `id`: those of ids 1, 2, … in order. */
export function creation(
  id: number,
  name: string,
  changes: Partial<QueueAttributes> = {},
): Uint8Array[] {
  const attributes = { ...DEFAULT_ATTRIBUTES, visibilityTimeoutMs: 1_000, ...changes };
  const about = { name, attributes, extra: new Map(), tags: new Map() };
  const on = { requestId: NO_REQUEST_ID, queueId: queueId(id) };
  return [
    encode((to) => encodeReserveQueue(to, { requestId: NO_REQUEST_ID, group: GROUP, ...about })),
    encode((to) => encodeCreateQueue(to, { ...on, placement: 1, ...about })),
    encode((to) => encodeConfirmQueue(to, on)),
  ];
}

export function send(
  body: string,
  options: { delayMs?: number; request?: number } = {},
): Uint8Array {
  const message = { ...recordOf(body), delayMs: options.delayMs };
  const id = options.request === undefined ? NO_REQUEST_ID : requestId(options.request).id;
  const command = { requestId: id, queueId: queueId(1), messages: [message] };
  return encode((to) => encodeSend(to, command, crc32));
}

function recordOf(body: string): BodyRecord {
  return {
    sentAtMs: wallTime(1),
    bodyMd5: new Uint8Array(16),
    sender: "",
    traceHeader: undefined,
    attributes: [],
    body: encodeUtf8(body),
  };
}

/** To the FIFO queue 1, each message in the group "g" unless said otherwise, under its body as deduplication id. */
export function sendFifo(bodies: readonly string[], group = "g"): Uint8Array {
  const messages = bodies.map((body) => ({
    ...recordOf(body),
    groupKey: keyOf(group),
    deduplicationKey: keyOf(body),
  }));
  const command = { requestId: NO_REQUEST_ID, queueId: queueId(1), messages };
  return encode((to) => encodeSendFifo(to, command, crc32));
}

/** To the standard queue 1: each body with its message group, or with none. */
export function sendGrouped(groups: Readonly<Record<string, string | undefined>>): Uint8Array {
  const messages = Object.entries(groups).map(([body, group]) => ({
    ...recordOf(body),
    groupKey: group === undefined ? undefined : keyOf(group),
  }));
  const command = { requestId: NO_REQUEST_ID, queueId: queueId(1), messages };
  return encode((to) => encodeSendGrouped(to, command, crc32));
}

function keyOf(name: string): Uint8Array {
  return digest16(encodeUtf8(name));
}

export function receive(
  options: {
    queue?: number;
    request?: number;
    limit?: number;
    attempt?: string;
    inFlightMax?: number;
  } = {},
): Uint8Array {
  const id = options.request === undefined ? NO_REQUEST_ID : requestId(options.request).id;
  const command = {
    requestId: id,
    queueId: queueId(options.queue ?? 1),
    limit: options.limit ?? 10,
    maxBytes: 1_000_000,
    inFlightMax: options.inFlightMax,
    attemptKey: options.attempt === undefined ? undefined : keyOf(options.attempt),
  };
  return encode((to) => encodeReceive(to, command));
}

export function tombstone(at: number, token: number, request?: number): Uint8Array {
  const id = request === undefined ? NO_REQUEST_ID : requestId(request).id;
  const leases = [{ sequence: sequence(at), token: fencingToken(token) }];
  return encode((to) => encodeTombstone(to, { requestId: id, queueId: queueId(1), leases }));
}

/** Has a lease end `ms` from now, also one that is over. */
export function extend(at: number, token: number, ms: number): Uint8Array {
  const leases = [{ sequence: sequence(at), token: fencingToken(token), ms }];
  const about = { requestId: NO_REQUEST_ID, queueId: queueId(1) };
  return encode((to) => encodeExtend(to, { ...about, leases, revives: true }));
}

/** Begins to move what is in a queue, to another one or back to where it came from. */
export function startMove(
  from: number,
  options: { to?: number; perSecond?: number; task?: number } = {},
): Uint8Array {
  const { to, perSecond, task = 1 } = options;
  const about = { requestId: NO_REQUEST_ID, queueId: queueId(from) };
  const destination = to === undefined ? undefined : queueId(to);
  const taskId = new Uint8Array(TASK_ID_BYTES).fill(task);
  return encode((writer) => encodeStartMove(writer, { ...about, taskId, destination, perSecond }));
}

export function entryAt(
  index: number,
  atMs: number,
  commands: readonly Uint8Array[],
  inTerm = 1,
): Entry {
  const builder = new EntryBuilder();
  for (const command of commands) {
    const valid = validateCommand(command);
    builder.append(command, valid.ok ? valid.operations : 1);
  }
  const stamp = { clusterTimeMs: clusterTime(atMs), wallTimeMs: wallTime(1_000) };
  const data = builder.finish(stamp);
  return { index: logIndex(index), term: term(inTerm), kind: "commands", data };
}

const STATUS: RaftStatus = {
  id: nodeId(1),
  incarnation: incarnation(1),
  probation: false,
  role: "follower",
  term: term(1),
  vote: 0,
  voteIsDurable: true,
  leader: 0,
  commit: logIndex(0),
  applied: logIndex(0),
  firstIndex: logIndex(1),
  lastIndex: logIndex(1_000_000),
  durable: logIndex(0),
  bootLastIndex: logIndex(0),
  membership: {
    members: [1, 2, 3].map((id) => ({
      id: nodeId(id),
      incarnation: incarnation(1),
      role: "voter" as const,
    })),
    outgoing: [],
    lastIncarnation: incarnation(1),
  },
  membershipCommitted: true,
  transferTo: 0,
  tailBytes: 0,
  uncommittedBytes: 0,
  peers: [],
};

/** A Raft state as observers see it: a follower's of three, but for `changes`. */
export function statusOf(changes: Partial<RaftStatus> = {}): RaftStatus {
  return { ...STATUS, ...changes };
}

/** Nodes that apply what they are told, and the checkers that watch them. */
export class LogBook {
  readonly #checkers: readonly Checker[];
  readonly #restarts = new Map<number, number>();
  readonly #machines = new Map<NodeId, QueueMachine>();
  #index = 0;

  constructor(checkers: readonly Checker[]) {
    this.#checkers = checkers;
  }

  /** Node 1 applies an entry at cluster time `atMs`. */
  apply(atMs: number, ...commands: Uint8Array[]): this {
    this.#index += 1;
    return this.applyAt(1, entryAt(this.#index, atMs, commands));
  }

  /** A node applies an entry; `told` is what the observers are told that it was. */
  applyAt(id: number, entry: Entry, told: Entry = entry): this {
    const node = nodeId(id);
    const machine = this.machine(id);
    machine.apply(entry.index, entry.data, undefined);
    for (const checker of this.#checkers) checker.applied?.({ id: node }, told, machine);
    return this;
  }

  /** A node passes over an entry that is not for its machine. */
  skip(id: number, entry: Entry): this {
    const machine = this.machine(id);
    machine.skip(entry.index);
    for (const checker of this.#checkers) checker.applied?.({ id: nodeId(id) }, entry, machine);
    return this;
  }

  machine(id: number): QueueMachine {
    const node = nodeId(id);
    let machine = this.#machines.get(node);
    if (machine === undefined) {
      machine = new QueueMachine({ group: GROUP });
      this.#machines.set(node, machine);
    }
    return machine;
  }

  view(id: number, changes: Partial<RaftStatus> = {}): NodeView {
    const status = statusOf({ id: nodeId(id), ...changes });
    return {
      id: nodeId(id),
      process: 1 + (this.#restarts.get(id) ?? 0),
      replica: {
        machine: this.machine(id),
        role: { role: status.role, leader: status.leader, term: status.term },
        raft: { status: () => status },
      },
    };
  }

  /** A node made a step, after which it is as `changes` says. */
  step(id: number, nowMs: number, changes: Partial<RaftStatus> = {}): this {
    for (const checker of this.#checkers) checker.stepped?.(this.view(id, changes), nowMs);
    return this;
  }

  /** The node's process ended, and another one begins. */
  start(id: number): this {
    this.#restarts.set(id, 1 + (this.#restarts.get(id) ?? 0));
    for (const checker of this.#checkers) checker.started?.(nodeId(id));
    return this;
  }

  /** The run is over; gives what was found, in words. */
  end(history: History): string[] {
    const nodes = [...this.#machines.keys()].map((id) => this.view(id));
    for (const checker of this.#checkers) checker.ended?.({ drained: true, nodes, history });
    return this.#checkers.flatMap((checker) => checker.violations.map(textOf));
  }
}

function textOf(violation: Violation): string {
  return violation.what;
}
