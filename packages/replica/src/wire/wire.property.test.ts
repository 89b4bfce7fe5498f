import {
  ByteReader,
  ByteWriter,
  clusterTime,
  duration,
  encodeUtf8,
  groupId,
  logIndex,
  nodeId,
  term,
  wallTime,
} from "@kqueuey/base";
import type { GrantedOutcome } from "@kqueuey/queue";
import { DEFAULT_ATTRIBUTES, encodeBodyRecord, queueId, sequence } from "@kqueuey/queue";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { EngineReply, EngineRequest } from "../engine-request.ts";
import { controlFrame, decodeFrame, type Frame, raftFrame } from "./frame.ts";
import { decodeGroupMeta, encodeGroupMeta } from "./group-meta.ts";
import { decodeReply, encodeReply } from "./reply.ts";
import { decodeRequest, encodeRequest } from "./request.ts";
import { decodeSnapshotMessage, encodeSnapshotMessage } from "./snapshot-message.ts";

const bytes = fc.uint8Array({ maxLength: 64 });
const number48 = fc.integer({ min: 1, max: 2 ** 48 - 1 });

function join(chunks: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(chunks));
}

const requests: EngineRequest[] = [
  { kind: "command", command: new Uint8Array([1, 2, 3]) },
  { kind: "receive", command: new Uint8Array([9]), waitMs: 20_000 },
  { kind: "describe", queueId: queueId(77) },
  { kind: "moveTasks", queueId: queueId(78) },
  { kind: "find", name: "orders" },
  { kind: "list", prefix: "or", after: "", limit: 1_000 },
];

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

function record(text: string): Uint8Array {
  const writer = new ByteWriter();
  encodeBodyRecord(
    writer,
    {
      sentAtMs: wallTime(1),
      bodyMd5: new Uint8Array(16),
      sender: "a",
      traceHeader: undefined,
      attributes: [],
      body: encodeUtf8(text),
    },
    () => 7,
  );
  return writer.take();
}

const replies: EngineReply[] = [
  { kind: "outcome", outcome: { kind: "refused", reason: "wrong-state" } },
  {
    kind: "outcome",
    outcome: {
      kind: "sent",
      queueId: queueId(1),
      firstSequence: sequence(9),
      count: 3,
      replayed: true,
    },
  },
  {
    kind: "outcome",
    outcome: {
      kind: "settled",
      queueId: queueId(1),
      results: new Uint8Array([0, 1, 2]),
      replayed: false,
    },
  },
  { kind: "outcome", outcome: { kind: "done", changed: true, replayed: false } },
  { kind: "granted", grant: grantOf(2, false), records: [record("x"), record("yy")] },
  { kind: "granted", grant: grantOf(1, true), records: [record("")] },
  { kind: "granted", grant: grantOf(0, false), records: [] },
  {
    kind: "outcome",
    outcome: { kind: "move", taskId: new Uint8Array(16).fill(9), moved: 5, replayed: false },
  },
  { kind: "tasks", tasks: undefined },
  {
    kind: "tasks",
    tasks: [
      {
        taskId: new Uint8Array(16).fill(1),
        status: "failed",
        failure: "queue-gone",
        destination: queueId(3),
        perSecond: 500,
        moved: 7,
        toMove: 9,
        startedAtMs: 1_700_000_000_000,
      },
      {
        taskId: new Uint8Array(16).fill(2),
        status: "running",
        failure: "none",
        destination: undefined,
        perSecond: undefined,
        moved: 0,
        toMove: 1,
        startedAtMs: 5,
      },
    ],
  },
  { kind: "described", view: undefined },
  {
    kind: "described",
    view: {
      id: queueId(8),
      name: "orders",
      placement: 1,
      attributes: {
        ...DEFAULT_ATTRIBUTES,
        deadLetter: { queueId: queueId(9), group: groupId(0), maximumReceives: 3 },
      },
      extra: new Map([["Policy", "{}"]]),
      tags: new Map(),
      createdAtMs: 1,
      modifiedAtMs: 2,
      available: 3,
      inFlight: 4,
      delayed: 5,
      outbox: 0,
      noisyGroups: 0,
      availableQuiet: 0,
    },
  },
  { kind: "found", entry: undefined },
  { kind: "listed", names: ["a", "b"] },
  { kind: "failed", code: "THROTTLED", message: "later" },
  { kind: "not-leader", leader: nodeId(3) },
];

describe("what nodes say to each other", () => {
  test("every request and reply comes back as it was", () => {
    for (const request of requests) expect(decodeRequest(encodeRequest(request))).toEqual(request);
    for (const reply of replies) {
      expect(decodeReply(new ByteReader(encodeReply(reply)))).toEqual(reply);
    }
  });

  test("every frame comes back as it was", () => {
    const frames: Exclude<Frame, { kind: "raft" }>[] = [
      { kind: "request", serial: 1, group: groupId(0), waitMs: 5, request: new Uint8Array([1]) },
      { kind: "reply", serial: 2, reply: new Uint8Array([2]) },
      { kind: "cancel", serial: 3 },
      { kind: "greet", state: "new", term: term(4) },
      { kind: "snapshot", group: groupId(1), message: new Uint8Array([5]) },
      { kind: "hash", group: groupId(1), index: logIndex(6), hash: "abc" },
      {
        kind: "status",
        role: "learner",
        term: term(7),
        applied: logIndex(8),
        clientUrl: "http://x",
      },
    ];
    for (const frame of frames) expect(decodeFrame(join(controlFrame(frame)))).toEqual(frame);
  });

  test("raft messages of several groups share a frame", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 65_535 }), fc.option(number48), bytes), {
          minLength: 1,
          maxLength: 5,
        }),
        (parts) => {
          const packets = parts.map(([group, time, message]) => ({
            group: groupId(group),
            clusterTime: time === null ? undefined : clusterTime(time),
            message: new Uint8Array(message),
          }));
          const outgoing = packets.map((packet) => ({ ...packet, message: [packet.message] }));
          expect(decodeFrame(join(raftFrame(outgoing)))).toEqual({ kind: "raft", packets });
        },
      ),
    );
  });

  test("snapshot messages and checkpoint facts come back as they were", () => {
    const id = new Uint8Array(16).fill(3);
    const piece = { kind: "piece", id, piece: 7, bytes: new Uint8Array([1, 2]) } as const;
    expect(decodeSnapshotMessage(encodeSnapshotMessage(piece))).toEqual(piece);
    const offer = { kind: "offer", term: term(2), manifest: new Uint8Array([1]) } as const;
    expect(decodeSnapshotMessage(encodeSnapshotMessage(offer))).toEqual(offer);
  });

  test("any bytes are answered with undefined, never with an exception", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (garbage) => {
        decodeFrame(garbage);
        decodeRequest(garbage);
        decodeReply(new ByteReader(garbage));
        decodeSnapshotMessage(garbage);
        decodeGroupMeta(garbage);
      }),
      { numRuns: 2_000 },
    );
  });

  test("every message cut short, or with a byte changed, is read or refused, never thrown at", () => {
    const whole = [...replies.map(encodeReply), ...requests.map(encodeRequest)];
    for (const message of whole) {
      for (let at = 0; at < message.length; at++) {
        decodeReply(new ByteReader(message.slice(0, at)));
        decodeRequest(message.slice(0, at));
        const changed = message.slice();
        changed[at] = (changed[at] ?? 0) ^ 0xff;
        decodeReply(new ByteReader(changed));
        decodeRequest(changed);
      }
    }
    expect(encodeGroupMeta).toBeTypeOf("function");
  });
});
