/**
 * Commands as a peer or an edge may hand them in: what is no command is refused before the log, and what is one
 * can be applied, whatever it asks for, with the same result on every replica and after every restore.
 */
import { clusterTime, groupId, logIndex, wallTime } from "@kqueuey/base";
import {
  type DeadLetter,
  EntryBuilder,
  type FifoAttributes,
  QueueMachine,
  queueId,
  validateCommand,
} from "@kqueuey/queue";
import {
  checkpoint,
  encodeCommand,
  restore,
  type TestCommand,
  type UnitStore,
} from "../../../packages/queue/test/driver.ts";
import { Decisions } from "../decisions.ts";
import { numberBytes } from "../mutate.ts";
import { joined } from "../samples.ts";
import { promise, type Target } from "../target.ts";

const ENTRIES_MAX = 60;
const GROUP = groupId(0);
const CHECKED_EVERY = 8;

export const commands: Target = {
  name: "commands",
  promise:
    "What is no command is refused; what is one is applied alike everywhere, and counters stay true.",
  smokeInputs: 400,
  open: () => {
    let inputs = 0;
    return {
      samples: samples(),
      run(input) {
        inputs += 1;
        const machines = apply(input);
        // The dear checks are made of a part of the inputs: they are the same for all.
        if (inputs % CHECKED_EVERY === 0) compareRestored(machines.leader);
      },
    };
  },
};

/** A replica whose outcomes somebody waits for, and one without. */
interface Machines {
  readonly leader: QueueMachine;
  readonly follower: QueueMachine;
}

/** The input: entries of a byte of time, a length and a command. */
function apply(input: Uint8Array): Machines {
  const machines = {
    leader: new QueueMachine({ group: GROUP }),
    follower: new QueueMachine({ group: GROUP }),
  };
  const decisions = new Decisions(input);
  let timeMs = 1_000;
  let index = 0;
  while (index < ENTRIES_MAX && !decisions.empty) {
    timeMs += decisions.byte() ** 2;
    const command = decisions.take(decisions.byte() + decisions.byte() * 0x100);
    const valid = validateCommand(command);
    if (!valid.ok || valid.length !== command.length) continue;
    index += 1;
    const data = entryOf(command, valid.operations, timeMs);
    let outcomes = 0;
    const sink = {
      outcome: () => {
        outcomes += 1;
      },
    };
    machines.leader.apply(logIndex(index), data, sink);
    machines.follower.apply(logIndex(index), data, undefined);
    promise(outcomes === 1, "a valid command has one outcome");
  }
  const { leader, follower } = machines;
  const wrong = leader.checkInvariants();
  promise(wrong === undefined, `an invariant is broken: ${wrong}`);
  promise(leader.chainHash === follower.chainHash, "two replicas differ");
  return machines;
}

function entryOf(command: Uint8Array, operations: number, timeMs: number): Uint8Array {
  const builder = new EntryBuilder();
  const ordinal = builder.append(command, operations);
  promise(ordinal === 0, "an empty entry takes any valid command");
  return builder.finish({
    clusterTimeMs: clusterTime(timeMs),
    wallTimeMs: wallTime(1_700_000_000_000 + timeMs),
  });
}

function compareRestored(machine: QueueMachine): void {
  const units: UnitStore = new Map();
  checkpoint(machine, units, { mode: "full" });
  const restored = restore(units);
  promise(typeof restored !== "string", `a checkpoint does not load: ${String(restored)}`);
  promise(restored.stateHash() === machine.stateHash(), "a checkpoint holds another state");
  const wrong = restored.checkInvariants();
  promise(wrong === undefined, `a restored invariant is broken: ${wrong}`);
}

const one = { size: 20 } as const;
const STORY: readonly TestCommand[] = [
  { op: "init", secret: 7 },
  { op: "create", queue: 1, attributes: { retentionMs: 60_000, visibilityTimeoutMs: 2_000 } },
  { op: "create", queue: 2, attributes: { deadLetter: dead(1, 0), delayMs: 300 } },
  { op: "create", queue: 3, attributes: { deadLetter: dead(99, 7) } },
  { op: "create", queue: 5, attributes: { fifo: fifo("queue"), deadLetter: dead(6, 0) } },
  { op: "create", queue: 6, attributes: { fifo: fifo("messageGroup"), delayMs: 400 } },
  { op: "send", queue: 1, messages: [one, one, { size: 0, delayMs: 5_000 }], id: "a" },
  { op: "send", queue: 2, messages: Array.from({ length: 40 }, () => one) },
  { op: "send", queue: 3, messages: [one] },
  { op: "receive", queue: 1, limit: 2, id: "b" },
  { op: "receive", queue: 2, limit: 100, maxBytes: 400, visibilityMs: 0 },
  { op: "receive", queue: 3, limit: 1, visibilityMs: 0 },
  { op: "receive", queue: 3, limit: 1, visibilityMs: 43_200_000 },
  { op: "extend", queue: 1, leases: [[1, 1, 30_000]] },
  {
    op: "tombstone",
    queue: 1,
    leases: [
      [1, 1],
      [2, 2],
      [9, 9],
    ],
    id: "c",
  },
  { op: "release", queue: 2, leases: [[1, 1, 1_500]] },
  { op: "undelivered", queue: 2, leases: [[2, 2]] },
  { op: "openSession" },
  { op: "purge", queue: 1, id: { session: 1, count: 1 } },
  { op: "set", queue: 1, attributes: { retentionMs: 2_000 }, tags: new Map([["a", "b"]]) },
  { op: "reserve", name: "orders" },
  { op: "confirm", queue: 4 },
  { op: "mark", queue: 4 },
  { op: "forget", queue: 4 },
  { op: "dropOutbox", queue: 3, through: 1, disposition: "returned" },
  { op: "startMove", queue: 2, task: 1, destination: 1, perSecond: 50 },
  { op: "startMove", queue: 2, task: 2 },
  { op: "cancelMove", queue: 2, task: 1 },
  {
    op: "accept",
    queue: 1,
    source: 70,
    outboxSequence: 1,
    origin: [60, 5],
    count: 2,
    firstReceived: 1_000,
    ageMs: 900,
    size: 12,
  },
  { op: "sendFifo", queue: 5, messages: [grouped("x", "1"), grouped("y", "2")], id: "d" },
  { op: "sendFifo", queue: 5, messages: [grouped("x", "1"), grouped("x", "3")] },
  { op: "sendFifo", queue: 6, messages: [grouped("x", "1"), grouped("y", "1")] },
  { op: "receive", queue: 5, limit: 2, attempt: "try", visibilityMs: 3_000 },
  { op: "receive", queue: 5, limit: 9, attempt: "try", inFlightMax: 5 },
  { op: "receive", queue: 5, limit: 1, visibilityMs: 0 },
  { op: "extend", queue: 5, leases: [[1, 1, 200]], revives: true },
  { op: "undelivered", queue: 5, leases: [[2, 2]] },
  { op: "set", queue: 6, attributes: { delayMs: 100, fifo: fifo("queue") } },
  { op: "startMove", queue: 5, task: 3, destination: 6 },
  { op: "startMove", queue: 6, task: 4, destination: 1 },
  {
    op: "accept",
    queue: 6,
    source: 70,
    outboxSequence: 1,
    origin: [60, 5],
    count: 1,
    firstReceived: 1_000,
    ageMs: 900,
    size: 12,
    group: "x",
  },
  { op: "purge", queue: 5 },
  { op: "delete", queue: 2 },
];
/** What makes the queues that the rest is about. */
const CREATIONS = 6;

function dead(queue: number, group: number): DeadLetter {
  return { queueId: queueId(queue), group: groupId(group), maximumReceives: 1 };
}

function fifo(deduplicationScope: FifoAttributes["deduplicationScope"]): FifoAttributes {
  return { deduplicationScope, contentBasedDeduplication: true };
}

function grouped(
  group: string,
  deduplicationId: string,
): { readonly size: number; readonly group: string; readonly deduplicationId: string } {
  return { size: 20, group, deduplicationId };
}

function samples(): readonly Uint8Array[] {
  const all = STORY.map((command) => step(20, encodeCommand(command)));
  const creations = all.slice(0, CREATIONS);
  return [joined(all), ...all.slice(CREATIONS).map((command) => joined([...creations, command]))];
}

function step(time: number, command: Uint8Array): Uint8Array {
  return joined([Uint8Array.of(time), numberBytes(command.length, 2, "little"), command]);
}
