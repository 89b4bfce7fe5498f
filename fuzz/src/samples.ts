/** Valid values of what nodes say to each other: where mutations begin. */
import {
  ByteWriter,
  clusterTime,
  duration,
  encodeUtf8,
  groupId,
  incarnation,
  logIndex,
  nodeId,
  term,
  wallTime,
} from "@kqueuey/base";
import {
  type BodyRecord,
  DEFAULT_ATTRIBUTES,
  encodeBodyRecord,
  type GrantedOutcome,
  queueId,
  sequence,
  sessionId,
} from "@kqueuey/queue";
import type { Entry, Identity, RaftMessage } from "@kqueuey/raft";
import type { EngineReply, EngineRequest } from "@kqueuey/replica";
import { encodeCommand } from "../../packages/queue/test/driver.ts";
import { crc32 } from "../../packages/sim/src/digests.ts";

/** `chunks` one after another. */
export function joined(chunks: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const chunk of chunks) length += chunk.length;
  const all = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

export const BODY_RECORDS: readonly BodyRecord[] = [
  {
    sentAtMs: wallTime(1_700_000_000_000),
    bodyMd5: new Uint8Array(16).fill(9),
    sender: "anonymous",
    traceHeader: "Root=1-5759e988-bd862e3fe1be46a994272793",
    attributes: [
      { name: "colour", type: "String", value: encodeUtf8("green") },
      { name: "raw", type: "Binary.png", value: Uint8Array.of(0, 1, 255) },
    ],
    body: encodeUtf8("a body"),
  },
  {
    sentAtMs: wallTime(0),
    bodyMd5: new Uint8Array(16),
    sender: "",
    traceHeader: undefined,
    attributes: [],
    body: new Uint8Array(0),
  },
];

export function bodyRecordBytes(record: BodyRecord): Uint8Array {
  const writer = new ByteWriter(128);
  encodeBodyRecord(writer, record, crc32);
  return writer.take();
}

const IDENTITY: Identity = { incarnation: incarnation(1), boot: 77, bootLastIndex: logIndex(3) };
const ENTRIES: readonly Entry[] = [
  { term: term(2), index: logIndex(6), kind: "noop", data: new Uint8Array(0) },
  { term: term(2), index: logIndex(7), kind: "commands", data: Uint8Array.of(1, 2, 3) },
];

/** One message of every kind, as node 2 would send it to node 1 in term 2. */
export function raftMessages(): readonly RaftMessage[] {
  const head = { from: nodeId(2), to: nodeId(1), term: term(2) };
  const last = { lastIndex: logIndex(5), lastTerm: term(1) };
  const identity = IDENTITY;
  const commit = logIndex(4);
  const [prevIndex, prevTerm] = [logIndex(5), term(1)];
  const hint = { hintIndex: logIndex(2), hintTerm: term(1) };
  return [
    { kind: "pre-vote-request", ...head, ...last, identity },
    { kind: "pre-vote-response", ...head, granted: true, identity },
    { kind: "vote-request", ...head, ...last, transfer: false, identity },
    { kind: "vote-response", ...head, granted: true, identity },
    { kind: "append-request", ...head, prevIndex, prevTerm, entries: ENTRIES, commit },
    { kind: "append-request", ...head, prevIndex, prevTerm, entries: [], commit },
    { kind: "append-accepted", ...head, match: logIndex(5), identity },
    { kind: "append-rejected", ...head, rejected: prevIndex, ...hint, identity },
    { kind: "heartbeat", ...head, commit, round: 9 },
    { kind: "heartbeat-response", ...head, round: 9, identity },
    { kind: "timeout-now", ...head },
    { kind: "readmit", ...head, incarnation: incarnation(2), boot: 77 },
  ];
}

export function engineRequests(): readonly EngineRequest[] {
  const send = encodeCommand({ op: "send", queue: 1, messages: [{ size: 10 }], id: "request" });
  const grouped = { size: 10, group: "x", deduplicationId: "id" };
  const sendFifo = { op: "sendFifo", queue: 1, messages: [grouped], id: "other" } as const;
  const receive = encodeCommand({ op: "receive", queue: 1, limit: 10, visibilityMs: 1_000 });
  return [
    { kind: "command", command: send },
    { kind: "command", command: encodeCommand(sendFifo) },
    { kind: "receive", command: receive, waitMs: 20_000 },
    { kind: "describe", queueId: queueId(77) },
    { kind: "find", name: "orders" },
    { kind: "list", prefix: "or", after: "orders", limit: 1_000 },
  ];
}

export function engineReplies(): readonly EngineReply[] {
  const attributes = {
    ...DEFAULT_ATTRIBUTES,
    deadLetter: { queueId: queueId(9), group: groupId(0), maximumReceives: 3 },
  };
  const times = { createdAtMs: 1, modifiedAtMs: 2 };
  const counters = {
    available: 3,
    inFlight: 4,
    delayed: 5,
    outbox: 0,
    noisyGroups: 1,
    availableQuiet: 2,
  };
  const about = { id: queueId(8), name: "orders", placement: 1, attributes };
  const texts = { extra: new Map([["Policy", "{}"]]), tags: new Map([["team", "a"]]) };
  const records = BODY_RECORDS.map(bodyRecordBytes);
  return [
    ...outcomeReplies(),
    { kind: "granted", grant: grantOf(records.length, true), records },
    { kind: "granted", grant: grantOf(1, false), records: records.slice(0, 1) },
    { kind: "described", view: { ...about, ...texts, ...times, ...counters } },
    { kind: "described", view: undefined },
    { kind: "found", entry: undefined },
    { kind: "listed", names: ["a", "b"] },
    { kind: "failed", code: "THROTTLED", message: "later" },
    { kind: "not-leader", leader: nodeId(3) },
  ];
}

function outcomeReplies(): readonly EngineReply[] {
  const id = queueId(1);
  const placed = { group: groupId(0), placement: 1, state: "active" } as const;
  const outcomes = [
    { kind: "refused", reason: "wrong-state" },
    { kind: "sent", queueId: id, firstSequence: sequence(9), count: 3, replayed: true },
    {
      kind: "sent",
      queueId: id,
      firstSequence: sequence(9),
      count: 2,
      sequences: Float64Array.of(9, 4),
      replayed: false,
    },
    { kind: "settled", queueId: id, results: Uint8Array.of(0, 1, 2), replayed: false },
    { kind: "done", changed: true, replayed: false },
    { kind: "reserved", queueId: id, ...placed, created: true, replayed: false },
    { kind: "session", sessionId: sessionId(4), replayed: false },
    { kind: "accepted", duplicate: true },
  ] as const;
  return outcomes.map((outcome) => ({ kind: "outcome", outcome }));
}

function grantOf(count: number, origins: boolean): GrantedOutcome {
  const column = (from: number): Float64Array =>
    Float64Array.from({ length: count }, (_, i) => from + i);
  return {
    kind: "granted",
    queueId: queueId(5),
    replayed: false,
    grantFirst: 10,
    grantCount: count,
    count,
    leaseMs: duration(30_000),
    nowMs: clusterTime(1_234),
    sequences: column(100),
    entries: new Float64Array(0),
    offsets: new Uint32Array(0),
    tokens: column(10),
    deadlines: column(31_234),
    receiveCounts: Uint32Array.from({ length: count }, () => 2),
    firstReceived: column(1_700_000_000_000),
    originQueues: origins ? column(3) : undefined,
    originSequences: origins ? column(50) : undefined,
    sourceQueues: origins ? column(4) : undefined,
  };
}
