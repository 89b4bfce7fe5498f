import { clusterTime, incarnation, logIndex, nodeId, wallTime } from "@kqueuey/base";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeCommand, encodeEntry, type TestCommand } from "../test/driver.ts";
import { COMMAND } from "./command.ts";
import { promptMessages, validateCommand } from "./command-walk.ts";
import { EntryBuilder, readEntryHeader, readMatchVector } from "./entry.ts";
import { ENTRY_OPERATIONS_MAX } from "./limits.ts";

const COMMANDS: readonly TestCommand[] = [
  { op: "send", queue: 1, messages: [{ size: 0 }, { size: 100, delayMs: 5 }], id: "request" },
  { op: "receive", queue: 2, limit: 10, visibilityMs: 0 },
  { op: "tombstone", queue: 3, leases: [[1, 1]], id: { session: 4, count: 9 } },
  { op: "extend", queue: 3, leases: [[1, 1, 43_200_000]] },
  { op: "release", queue: 3, leases: [[2 ** 48 - 1, 2 ** 48 - 1, 0]] },
  {
    op: "undelivered",
    queue: 2 ** 48 - 1,
    leases: [
      [1, 2],
      [2, 3],
    ],
  },
  { op: "create", queue: 1, attributes: { retentionMs: 1_000 } },
  {
    op: "set",
    queue: 1,
    attributes: { deadLetter: undefined },
    extra: new Map([
      ["Policy", "{}"],
      ["Old", undefined],
    ]),
  },
  { op: "set", queue: 1, attributes: { delayMs: 5 }, expected: new Map([["Policy", "{}"]]) },
  { op: "delete", queue: 1 },
  { op: "purge", queue: 1 },
  { op: "purge", queue: 1, intervalMs: 43_200_000 },
  { op: "reserve", name: "orders" },
  { op: "confirm", queue: 1 },
  { op: "mark", queue: 1 },
  { op: "forget", queue: 1 },
  { op: "openSession" },
  { op: "init", secret: 1 },
  {
    op: "accept",
    queue: 1,
    source: 2,
    outboxSequence: 1,
    origin: [2, 1],
    count: 3,
    firstReceived: 5,
    ageMs: 7,
    size: 9,
  },
  { op: "dropOutbox", queue: 1, through: 5, disposition: "returned" },
  { op: "startMove", queue: 1, task: 1, destination: 2 ** 48 - 1, perSecond: 100_000 },
  { op: "cancelMove", queue: 1, task: 1 },
  {
    op: "sendFifo",
    queue: 1,
    messages: [{ size: 3, group: "g", deduplicationId: "d" }],
  },
  {
    op: "send",
    queue: 1,
    messages: [
      { size: 3, group: "g" },
      { size: 0, delayMs: 5 },
    ],
  },
  { op: "receive", queue: 1, limit: 3, attempt: "again" },
];

describe("validateCommand", () => {
  it("knows every kind, its queue, operations and length", () => {
    const kinds = new Set<string>();
    for (const command of COMMANDS) {
      const bytes = encodeCommand(command);
      const valid = validateCommand(bytes);
      if (!valid.ok) throw new Error(`${command.op}: ${valid.error}`);
      expect(valid.length).toBe(bytes.length);
      expect(valid.queueId).toBe("queue" in command ? command.queue : 0);
      kinds.add(valid.kind);
    }
    expect([...kinds].sort()).toEqual(Object.keys(COMMAND).sort());
    expect(validateCommand(encodeCommand({ op: "receive", queue: 1, limit: 7 }))).toMatchObject({
      operations: 7,
    });
  });

  it("refuses every command cut short, and one with bytes between", () => {
    for (const command of COMMANDS) {
      const bytes = encodeCommand(command);
      for (let length = 0; length < bytes.length; length++) {
        expect(validateCommand(bytes.subarray(0, length)).ok).toBe(false);
      }
      const longer = new Uint8Array([...bytes, 0]);
      new DataView(longer.buffer).setUint32(1, longer.length - 5, true);
      expect(validateCommand(longer).ok).toBe(false);
    }
  });

  it("never throws on any bytes", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...COMMANDS),
        fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 6 }),
        (command, changes) => {
          const bytes = encodeCommand(command);
          for (const [at, value] of changes) bytes[at % bytes.length] = value;
          const valid = validateCommand(bytes);
          if (valid.ok) expect(valid.length).toBeLessThanOrEqual(bytes.length);
        },
      ),
      { numRuns: 500 },
    );
  });

  it.each([
    ["a lease over 12 hours", { op: "extend", queue: 1, leases: [[1, 1, 43_200_001]] }],
    ["a visibility over 12 hours", { op: "receive", queue: 1, limit: 1, visibilityMs: 43_200_001 }],
    ["a limit of none", { op: "receive", queue: 1, limit: 0 }],
    ["a limit over 1,000", { op: "receive", queue: 1, limit: 1_001 }],
    ["no message", { op: "send", queue: 1, messages: [] }],
    ["a retention under a second", { op: "create", queue: 1, attributes: { retentionMs: 999 } }],
    ["no name", { op: "reserve", name: "" }],
    ["a name of 300 letters", { op: "reserve", name: "n".repeat(300) }],
    [
      "an outbox number of 0",
      {
        op: "accept",
        queue: 1,
        source: 2,
        outboxSequence: 0,
        origin: [2, 1],
        count: 0,
        firstReceived: 0,
        ageMs: 0,
        size: 1,
      },
    ],
    ["a purge with an interval of none", { op: "purge", queue: 1, intervalMs: 0 }],
    ["a purge with one of more than 12 hours", { op: "purge", queue: 1, intervalMs: 43_200_001 }],
    [
      "too much text",
      { op: "set", queue: 1, attributes: {}, extra: new Map([["Policy", "x".repeat(30_000)]]) },
    ],
  ] as const satisfies readonly (readonly [string, TestCommand])[])(
    "refuses %s",
    (_what, command) => {
      expect(validateCommand(encodeCommand(command)).ok).toBe(false);
    },
  );
});

describe("an entry", () => {
  const stamp = { clusterTimeMs: clusterTime(7), wallTimeMs: wallTime(8) };

  it("takes 4,096 message operations and not one more", () => {
    const builder = new EntryBuilder();
    const bytes = encodeCommand({ op: "receive", queue: 1, limit: 1_000 });
    for (let i = 0; i < 4; i++) expect(builder.append(bytes, 1_000)).toBe(i);
    expect(builder.append(bytes, 97)).toBeUndefined();
    expect(builder.append(bytes, 96)).toBe(4);
    expect(builder.operations).toBe(ENTRY_OPERATIONS_MAX);
    const data = builder.finish(stamp);
    expect(readEntryHeader(data)).toEqual({ version: 1, ...stamp, commands: 5 });
    expect(builder.empty).toBe(true);
    expect(readMatchVector(data)).toBeUndefined();
  });

  it("carries a match vector behind its commands", () => {
    const matchVector = [
      { node: nodeId(1), incarnation: incarnation(2), boot: 3, match: logIndex(4) },
      {
        node: nodeId(65_535),
        incarnation: incarnation(1),
        boot: 2 ** 40,
        match: logIndex(2 ** 40),
      },
    ];
    const data = encodeEntry([{ op: "purge", queue: 1 }], 5, matchVector);
    expect(readMatchVector(data)).toEqual(matchVector);
    expect(readMatchVector(encodeEntry([], 5, matchVector))).toEqual(matchVector);
    for (let length = 0; length < data.length; length++) {
      expect(readMatchVector(data.subarray(0, length))).toBeUndefined();
    }
  });

  it("keeps its bytes when the builder goes on", () => {
    const builder = new EntryBuilder();
    const big = encodeCommand({ op: "send", queue: 1, messages: [{ size: 15_000 }] });
    builder.append(big, 1);
    const first = builder.finish(stamp);
    const copy = first.slice();
    builder.append(encodeCommand({ op: "purge", queue: 2 }), 1);
    builder.finish(stamp);
    expect(first).toEqual(copy);
  });
});

describe("promptMessages", () => {
  const messages = [{ size: 0 }, { size: 100, delayMs: 5 }, { size: 7, delayMs: 0 }];

  it("counts the messages of a send that are not delayed, by themselves or by their queue", () => {
    const send = encodeCommand({ op: "send", queue: 1, messages, id: "request" });
    expect(promptMessages(send, 0)).toBe(2);
    expect(promptMessages(send, 1_000)).toBe(1);
  });

  it("passes over the groups' keys", () => {
    const grouped = messages.map((message) => ({ ...message, group: "g" }));
    expect(promptMessages(encodeCommand({ op: "send", queue: 1, messages: grouped }), 0)).toBe(2);
  });

  it("knows nothing of what a FIFO send makes available, and of other commands", () => {
    const fifo = [{ size: 3, group: "g", deduplicationId: "d" }];
    const commands: readonly TestCommand[] = [
      { op: "sendFifo", queue: 1, messages: fifo },
      { op: "tombstone", queue: 3, leases: [[1, 1]] },
    ];
    for (const command of commands) expect(promptMessages(encodeCommand(command), 0)).toBe(0);
  });
});
