/**
 * Random histories for property tests: fast-check draws small numbers, and these are read as commands
 * about queues, leases and requests that there are. So a failing history shrinks.
 */
import { groupId } from "@kqueuey/base";
import fc from "fast-check";
import { type QueueAttributeChanges, queueId } from "../src/index.ts";
import {
  type PlainOutcome,
  type TestCommand,
  type TestLease,
  type TestRequest,
  WALL_AHEAD_MS,
} from "./driver.ts";

/** Runs of a property: more with `PROPERTY_RUNS=20`, for a longer hunt. */
export function runs(usual: number): number {
  return usual * Number(process.env["PROPERTY_RUNS"] ?? 1);
}

/** A command as drawn: an operation and numbers to be read as it needs. */
export interface Draw {
  readonly op: TestCommand["op"];
  readonly queue: number;
  readonly a: number;
  readonly b: number;
  readonly request: number;
}

/** An entry as drawn. */
export interface DrawnEntry {
  readonly advanceMs: number;
  /** How far this entry's wall clock is off. */
  readonly wallOffMs: number;
  /** How far a queue's lease counter goes on before this entry, where the test can make it. */
  readonly tokens: number;
  readonly draws: readonly Draw[];
}

const op: fc.Arbitrary<TestCommand["op"]> = fc.oneof(
  { weight: 8, arbitrary: fc.constant<TestCommand["op"]>("send") },
  { weight: 10, arbitrary: fc.constant<TestCommand["op"]>("receive") },
  { weight: 6, arbitrary: fc.constant<TestCommand["op"]>("tombstone") },
  { weight: 3, arbitrary: fc.constant<TestCommand["op"]>("extend") },
  { weight: 3, arbitrary: fc.constant<TestCommand["op"]>("release") },
  { weight: 3, arbitrary: fc.constant<TestCommand["op"]>("undelivered") },
  { weight: 2, arbitrary: fc.constant<TestCommand["op"]>("accept") },
  { weight: 2, arbitrary: fc.constant<TestCommand["op"]>("dropOutbox") },
  { weight: 3, arbitrary: fc.constant<TestCommand["op"]>("startMove") },
  { weight: 1, arbitrary: fc.constant<TestCommand["op"]>("cancelMove") },
  {
    weight: 1,
    arbitrary: fc.constantFrom<TestCommand["op"]>(
      "purge",
      "set",
      "openSession",
      "delete",
      "create",
    ),
  },
);

const advanceMs: fc.Arbitrary<number> = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 5 }) },
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 1_500 }) },
  { weight: 3, arbitrary: fc.constantFrom(999, 1_000, 1_023, 1_024, 2_000, 5_000, 9_999) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 70_000 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(60_000, 300_000, 299_999, 1_048_576, 43_200_000, 70_000_000),
  },
);

/** Leaders' clocks differ a little; now and then one is off by as much as a page's times can span, or by far more. */
const wallOffMs: fc.Arbitrary<number> = fc.oneof(
  { weight: 12, arbitrary: fc.constant(0) },
  { weight: 2, arbitrary: fc.integer({ min: -5_000, max: 5_000 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      -WALL_AHEAD_MS,
      -0x8000_0001,
      -0x8000_0000,
      -0x7fff_ffff,
      0x7fff_ffff,
      0x8000_0000,
      0x1_0000_0000,
      0x8000_0000_0000,
    ),
  },
);

const tokens: fc.Arbitrary<number> = fc.oneof(
  { weight: 40, arbitrary: fc.constant(0) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      0x7fff_fffe,
      0x8000_0000,
      0xffff_fffd,
      0x1_0000_0000,
      0x100_0000_0000,
    ),
  },
);

/** Histories of up to `entries` entries. */
export function histories(entries: number): fc.Arbitrary<readonly DrawnEntry[]> {
  const draw: fc.Arbitrary<Draw> = fc.record({
    op,
    queue: fc.nat(7),
    a: fc.nat(999),
    b: fc.nat(999),
    request: fc.nat(60),
  });
  const entry = fc.record({
    advanceMs,
    wallOffMs,
    tokens,
    draws: fc.array(draw, { maxLength: 4 }),
  });
  return fc.array(entry, { minLength: 1, maxLength: entries, size: "max" });
}

const QUEUES = 7;

/** Of messages moved here: mostly few, else about where their count outgrows its bits. */
const COUNTS: readonly number[] = [0, 1, 2, 0, 1, 2, 61, 62, 63, 254, 255, 70_000];

const ATTRIBUTES: readonly QueueAttributeChanges[] = [
  {
    fairness: { inFlightMin: 2, inFlightPercent: 25 },
    deadLetter: { queueId: queueId(2), group: groupId(0), maximumReceives: 2 },
  },
  {
    retentionMs: 5_000,
    visibilityTimeoutMs: 1_500,
    fairness: { inFlightMin: 1, inFlightPercent: 40 },
  },
  {
    deadLetter: { queueId: queueId(99), group: groupId(7), maximumReceives: 1 },
    visibilityTimeoutMs: 700,
  },
  { delayMs: 300, retentionMs: 61_500, visibilityTimeoutMs: 0 },
  {
    fifo: { deduplicationScope: "queue", contentBasedDeduplication: false },
    deadLetter: { queueId: queueId(6), group: groupId(0), maximumReceives: 2 },
    visibilityTimeoutMs: 2_000,
  },
  {
    fifo: { deduplicationScope: "messageGroup", contentBasedDeduplication: false },
    retentionMs: 20_000,
  },
  {
    fifo: { deduplicationScope: "queue", contentBasedDeduplication: false },
    deadLetter: { queueId: queueId(97), group: groupId(7), maximumReceives: 1 },
    delayMs: 200,
    visibilityTimeoutMs: 700,
  },
];

/** Of standard queues: one has many more than the others. */
const GROUPS: readonly (string | undefined)[] = [
  ...[undefined, "quiet 1", "quiet 2", "noisy", "noisy", "noisy", "noisy"],
];

const CHANGES: readonly QueueAttributeChanges[] = [
  { retentionMs: 2_000 },
  { retentionMs: 100_000 },
  { visibilityTimeoutMs: 3_000, delayMs: 0 },
  { delayMs: 1_024 },
  { deadLetter: undefined },
  { deadLetter: { queueId: queueId(2), group: groupId(0), maximumReceives: 1 } },
  { deadLetter: { queueId: queueId(1), group: groupId(0), maximumReceives: 3 } },
  { deadLetter: { queueId: queueId(98), group: groupId(7), maximumReceives: 1 } },
  { deadLetter: { queueId: queueId(6), group: groupId(0), maximumReceives: 1 } },
  { delayMs: 2_500 },
  { fairness: { inFlightMin: 1, inFlightPercent: 50 } },
  { fairness: { inFlightMin: 3, inFlightPercent: 20 } },
  { fairness: { inFlightMin: 1, inFlightPercent: 100 } },
];

/** Receives of few attempt ids, so that they are tried again. */
function attemptOf(draw: Draw): { readonly attempt?: string } {
  return draw.b % 2 === 0 ? { attempt: `try ${draw.a % 2}` } : {};
}

/** Reads draws as commands, from what outcomes told so far. */
export class Scenario {
  timeMs = 1_000;
  readonly #leases: { queue: number; lease: TestLease }[] = [];
  readonly #requests: { id: TestRequest; command: TestCommand }[] = [];
  readonly #sessions: number[] = [];
  #requestCount = 0;
  #lastTask = 0;
  #nextQueue = QUEUES + 1;
  #deduplicationIds = 100;
  readonly #known = new Set<number>();
  readonly #fifo = new Set<number>();
  readonly #ids: number[] = Array.from({ length: QUEUES }, (_, i) => i + 1);

  /** The commands of the first entry. */
  begin(): TestCommand[] {
    return this.#ids.map((queue, i) => this.#create(queue, ATTRIBUTES[i] ?? {}));
  }

  read(entry: DrawnEntry): TestCommand[] {
    this.timeMs += entry.advanceMs;
    return entry.draws.map((draw) => this.#withRequest(draw, this.#command(draw)));
  }

  /** Wall clock of an entry that was read. */
  wallMs(entry: DrawnEntry): number {
    return this.timeMs + WALL_AHEAD_MS + entry.wallOffMs;
  }

  /** The queue whose lease counter goes on before the entry. */
  queueOf(entry: DrawnEntry): number {
    return this.#ids[(entry.draws[0]?.queue ?? 0) % this.#ids.length] ?? 1;
  }

  /** What an entry's outcomes tell a client. */
  learn(outcomes: readonly PlainOutcome[]): void {
    for (const outcome of outcomes) {
      if (outcome["kind"] === "session") this.#sessions.push(Number(outcome["sessionId"]));
      if (outcome["kind"] !== "granted") continue;
      const sequences = outcome["sequences"] as number[];
      const tokens = outcome["tokens"] as number[];
      const queue = Number(outcome["queueId"]);
      sequences.forEach((sequence, i) => {
        this.#leases.push({ queue, lease: [sequence, tokens[i] ?? 1] });
      });
    }
  }

  #create(queue: number, attributes: QueueAttributeChanges): TestCommand {
    if (attributes.fifo !== undefined && !this.#known.has(queue)) this.#fifo.add(queue);
    this.#known.add(queue);
    return { op: "create", queue, attributes };
  }

  #withRequest(draw: Draw, command: TestCommand): TestCommand {
    if (command.op === "accept" || command.op === "dropOutbox") return command;
    const { request } = draw;
    const known = this.#requests.at(-1 - (request % 8));
    if (request >= 54 && known !== undefined) return { ...known.command, id: known.id };
    if (request === 53 && known !== undefined) return { ...command, id: known.id };
    if (request < 25) return command;
    this.#requestCount += 1;
    const session = this.#sessions[request % 3];
    const id: TestRequest =
      request % 2 === 0 && session !== undefined
        ? { session, count: this.#requestCount }
        : `request ${this.#requestCount}`;
    this.#requests.push({ id, command });
    return { ...command, id };
  }

  #command(draw: Draw): TestCommand {
    const { a, b } = draw;
    const queue = this.#ids[draw.queue % this.#ids.length] ?? 1;
    switch (draw.op) {
      case "sendFifo":
      case "send": {
        // Now and then, a message of the other kind.
        if (this.#fifo.has(queue) !== (a % 97 === 96)) return this.#sendFifo(draw, queue);
        const count = a % 10 === 0 ? 40 : (a % 5) + 1;
        const delays = [undefined, undefined, undefined, 0, 1, 500, 1_024, 5_000];
        const messages = Array.from({ length: count }, (_, i) => ({
          size: (b * (i + 1)) % 200,
          delayMs: delays[(a + i * b) % delays.length],
          ...(a % 3 === 0 ? {} : { group: GROUPS[(a + b * i) % GROUPS.length] }),
        }));
        return { op: "send", queue, messages };
      }
      case "receive": {
        const visibilities = [undefined, undefined, 0, 1, 1_000, 2_048, 30_000, 43_200_000];
        const visibilityMs = visibilities[a % visibilities.length];
        const limit = b % 7 === 0 ? 100 : (b % 4) + 1;
        return {
          op: "receive",
          queue,
          limit,
          maxBytes: a % 3 === 0 ? 400 : 100_000,
          visibilityMs,
          ...attemptOf(draw),
        };
      }
      case "tombstone":
      case "undelivered":
      case "extend":
      case "release":
        return this.#settle(draw, draw.op);
      case "purge":
        return { op: "purge", queue, intervalMs: a % 2 === 0 ? undefined : 5_000 };
      case "set":
        return { op: "set", queue, attributes: CHANGES[a % CHANGES.length] ?? {} };
      case "delete":
      case "create":
        return this.#replaceQueue(draw, queue);
      case "accept":
        return {
          op: "accept",
          queue,
          source: 70 + (a % 2),
          outboxSequence: (b % 30) + 1,
          origin: [60, a + 1],
          count: COUNTS[a % COUNTS.length] ?? 0,
          firstReceived: [1_000 + b, WALL_AHEAD_MS + b, 0, 0xffff_ffff_ffff][b % 4] ?? 0,
          ageMs: (a * b) % 9_000,
          size: b % 50,
          group: a % 4 === 0 ? undefined : `group ${a % 3}`,
        };
      case "startMove":
        return this.#startMove(draw, queue);
      case "cancelMove":
        return { op: "cancelMove", queue, task: (this.#lastTask + (b % 5 === 0 ? 1 : 0)) % 256 };
      case "dropOutbox":
        return {
          op: "dropOutbox",
          queue,
          through: (a % 20) + 1,
          disposition: b % 3 === 0 ? "returned" : "accepted",
        };
      default:
        return { op: "openSession" };
    }
  }

  /** Mostly of the queue that dead letters go to, back or to some other queue, now and then one that is not there. */
  #startMove(draw: Draw, queue: number): TestCommand {
    const { a, b } = draw;
    if (a % 5 > 0) this.#lastTask += 1;
    const destinations = [undefined, undefined, ...this.#ids, 1, 90];
    return {
      op: "startMove",
      queue: b % 3 === 0 ? queue : 2,
      task: this.#lastTask % 256,
      destination: destinations[b % destinations.length],
      perSecond: [undefined, 1, 3, 20, 500, 100_000][a % 6],
    };
  }

  /** A deleted queue is followed by a new one; the same id may be asked for again, in vain. */
  #replaceQueue(draw: Draw, queue: number): TestCommand {
    if (draw.op === "delete" && draw.b % 4 === 0) {
      this.#ids[this.#ids.indexOf(queue)] = this.#nextQueue++;
      return { op: "delete", queue };
    }
    const attributes = ATTRIBUTES[draw.a % ATTRIBUTES.length] ?? {};
    return this.#create(draw.b % 5 === 0 ? 1 : queue, attributes);
  }

  /** Few groups and few ids, so that they meet again. */
  #sendFifo(draw: Draw, queue: number): TestCommand {
    const { a, b } = draw;
    const messages = Array.from({ length: a % 11 === 0 ? 30 : (a % 5) + 1 }, (_, i) => ({
      size: (b * (i + 1)) % 200,
      group: `group ${(a + i * (b % 3)) % (b % 13 === 0 ? 40 : 4)}`,
      deduplicationId: b % 4 === 0 ? `id ${(a + i) % 7}` : `id ${this.#deduplicationIds++}`,
    }));
    return { op: "sendFifo", queue, messages };
  }

  /** Mostly leases given lately, by one queue; now and then ones that never were. */
  #settle(draw: Draw, op: "tombstone" | "extend" | "release" | "undelivered"): TestCommand {
    const { a, b } = draw;
    const times = [0, 1, 1_000, 1_500, 30_000, 43_200_000];
    const recent = this.#leases.slice(-40);
    const first = recent[a % Math.max(1, recent.length)];
    if (first === undefined || b % 29 === 0) {
      return { op, queue: 1, leases: [[a + 1, b + 1, times[a % times.length] ?? 0]] };
    }
    const leases = recent
      .filter(({ queue }) => queue === first.queue)
      .slice(-1 - (b % 6))
      .map(({ lease }, i): TestLease => [lease[0], lease[1], times[(a + i) % times.length] ?? 0]);
    return { op, queue: first.queue, leases };
  }
}
