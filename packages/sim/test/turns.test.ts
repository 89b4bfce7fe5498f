/** How much one step of the engine does at most: work is counted, never time. */
import { ByteWriter, must, type NodeId, wallTime } from "@kqueuey/base";
import {
  COMMAND_OPERATIONS_MAX,
  DEFAULT_ATTRIBUTES,
  encodeCreateQueue,
  encodeReceive,
  encodeSend,
  NO_REQUEST_ID,
  queueId,
  readEntryHeader,
  validateCommand,
} from "@kqueuey/queue";
import type { EngineReply, EngineRequest } from "@kqueuey/replica";
import { expect, test } from "vitest";
import type { Checker } from "../src/checkers/checker.ts";
import { GROUP, SimCluster } from "../src/cluster.ts";
import { crc32 } from "../src/digests.ts";

/** What is applied in a step, and the last entry of it, which began below that. */
const OPERATIONS_MAX = 1_024 + 1_024 + COMMAND_OPERATIONS_MAX;
const QUEUE = queueId(5);
/** Before the first command of an entry. */
const ENTRY_HEADER_BYTES = 16;

/** Counts the operations of what a node applies between two of its steps. */
class Turns implements Checker {
  readonly name = "turns";
  readonly promise = "a step applies a bounded number of operations";
  readonly violations = [];
  readonly most = new Map<NodeId, number>();
  readonly #now = new Map<NodeId, number>();

  applied(node: { readonly id: NodeId }, entry: { readonly kind: string; data: Uint8Array }): void {
    if (entry.kind !== "commands") return;
    this.#now.set(node.id, (this.#now.get(node.id) ?? 0) + operationsOf(entry.data));
  }

  stepped({ id }: { readonly id: NodeId }): void {
    this.most.set(id, Math.max(this.most.get(id) ?? 0, this.#now.get(id) ?? 0));
    this.#now.set(id, 0);
  }
}

function operationsOf(data: Uint8Array): number {
  let at = ENTRY_HEADER_BYTES;
  let operations = 0;
  for (let left = readEntryHeader(data)?.commands ?? 0; left > 0; left--) {
    const command = validateCommand(data, at);
    if (!command.ok) break;
    at += command.length;
    operations += command.operations;
  }
  return operations;
}

function command(encode: (writer: ByteWriter) => void): EngineRequest {
  const writer = new ByteWriter();
  encode(writer);
  return { kind: "command", command: writer.take() };
}

const about = { requestId: NO_REQUEST_ID, queueId: QUEUE };
const create = command((writer) =>
  encodeCreateQueue(writer, {
    ...about,
    name: "turns",
    placement: 1,
    attributes: DEFAULT_ATTRIBUTES,
    extra: new Map(),
    tags: new Map(),
  }),
);
const message = {
  sentAtMs: wallTime(1),
  bodyMd5: new Uint8Array(16),
  sender: "",
  traceHeader: undefined,
  attributes: [],
  body: new Uint8Array(4),
};
const send = command((writer) =>
  encodeSend(writer, { ...about, messages: Array(COMMAND_OPERATIONS_MAX).fill(message) }, crc32),
);

/** Asks the leader for all of it at once, and runs until all is answered. */
function ask(cluster: SimCluster, requests: readonly EngineRequest[]): EngineReply[] {
  const engine = must(cluster.engine(must(cluster.leader(), "a leader")), "its engine");
  const replies: EngineReply[] = [];
  for (const request of requests) engine.call(GROUP, request, (reply) => replies.push(reply));
  expect(cluster.world.runUntil(() => replies.length === requests.length, 60_000)).toBe(true);
  return replies;
}

function start(): { cluster: SimCluster; turns: Turns } {
  const turns = new Turns();
  const sizes = { checkpointEveryBytes: 1 << 30, walSegmentBytes: 16 << 20 };
  const cluster = new SimCluster({ seed: 7, nodes: 3, observers: [turns], ...sizes });
  cluster.startAll();
  cluster.awaitLeader(30_000);
  ask(cluster, [create]);
  return { cluster, turns };
}

test("a leader and its followers apply a bounded number of operations in a step, whatever is asked at once", () => {
  const { cluster, turns } = start();
  const sent = ask(cluster, Array<EngineRequest>(40).fill(send));
  expect(sent.every((reply) => reply.kind === "outcome")).toBe(true);
  const writer = new ByteWriter();
  const limits = { limit: COMMAND_OPERATIONS_MAX, maxBytes: 1 << 24 };
  encodeReceive(writer, { ...about, ...limits });
  const receive: EngineRequest = { kind: "receive", command: writer.take(), waitMs: 0 };
  const granted = ask(cluster, Array<EngineRequest>(40).fill(receive));
  const counts = granted.map((reply) => (reply.kind === "granted" ? reply.grant.count : 0));
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(40 * COMMAND_OPERATIONS_MAX);
  expect(turns.most.size).toBe(3);
  for (const most of turns.most.values()) expect(most).toBeLessThanOrEqual(OPERATIONS_MAX);
});

test("a node that comes back applies what it missed in bounded steps", () => {
  const { cluster, turns } = start();
  const late = must(
    cluster.ids.find((id) => id !== cluster.leader()),
    "a follower",
  );
  cluster.crash(late, "process");
  ask(cluster, Array<EngineRequest>(40).fill(send));
  turns.most.clear();
  cluster.start(late);
  const leader = must(cluster.replica(must(cluster.leader(), "a leader")), "its replica");
  const isThere = (): boolean =>
    cluster.replica(late)?.machine.appliedIndex === leader.machine.appliedIndex;
  expect(cluster.world.runUntil(isThere, 60_000)).toBe(true);
  expect(turns.most.get(late)).toBeGreaterThan(0);
  expect(turns.most.get(late)).toBeLessThanOrEqual(OPERATIONS_MAX);
});
