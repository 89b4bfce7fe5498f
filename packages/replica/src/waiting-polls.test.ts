/**
 * What ten thousand waiting polls cost, counted in looks at the machine and in proposals and not in time: nothing
 * while nothing happens, and nothing for what happens elsewhere.
 */
import { ByteWriter, clusterTime, groupId, logIndex, monotonic, wallTime } from "@kqueuey/base";
import {
  DEFAULT_ATTRIBUTES,
  EntryBuilder,
  encodeCreateQueue,
  encodeExtend,
  encodeReceive,
  encodeRelease,
  encodeSend,
  fencingToken,
  NO_REQUEST_ID,
  type Outcome,
  type QueueId,
  QueueMachine,
  queueId,
  sequence,
  validateCommand,
} from "@kqueuey/queue";
import { beforeEach, describe, expect, test } from "vitest";
import type { EngineReply } from "./engine-request.ts";
import { Receives } from "./receives.ts";
import type { Ticket } from "./replica.ts";

const POLLS = 10_000;
const WAIT_MS = 20_000;
const QUIET = queueId(1);
const BUSY = queueId(2);

/** A group's receives with the log played by hand and the work counted. */
class Counted {
  readonly replies: EngineReply[] = [];
  readonly tickets: Ticket[] = [];
  /** Looks at the state machine. */
  looks = 0;
  proposals = 0;
  readonly #machine = new QueueMachine({ group: groupId(0) });
  readonly #proposed: { command: Uint8Array; settled: (outcome: Outcome) => void }[] = [];
  readonly #receives: Receives;
  #index = 0;
  #nowMs = 0;

  constructor() {
    this.#receives = new Receives(POLLS, {
      machine: () => {
        this.looks += 1;
        return this.#machine;
      },
      store: {
        readBodies: (refs, done) => {
          done({ ok: true, value: refs.map(() => new Uint8Array(0)) });
        },
      },
      propose: (command, _operations, pending) => {
        this.proposals += 1;
        const settled = (outcome: Outcome): void => pending?.settled(outcome);
        this.#proposed.push({ command: command.slice(), settled });
      },
      later: (task) => task(),
      failed: () => undefined,
    });
    for (const id of [QUIET, BUSY]) this.#create(id);
  }

  poll(queue: QueueId): void {
    const writer = new ByteWriter();
    const about = { requestId: NO_REQUEST_ID, queueId: queue };
    encodeReceive(writer, { ...about, limit: 10, maxBytes: 1_000 });
    const ticket: Ticket = {
      reply: (reply) => this.replies.push(reply),
      cancelled: false,
      origin: 0,
    };
    this.tickets.push(ticket);
    const command = writer.take();
    const nowMs = monotonic(this.#nowMs);
    this.#receives.submit(ticket, { command, queue, maxMessages: 10, waitMs: WAIT_MS, nowMs });
  }

  /** The caller hangs up. */
  cancel(ticket: Ticket): void {
    ticket.cancelled = true;
    this.#receives.cancel(ticket);
  }

  send(queue: QueueId, delayMs = 0): void {
    const writer = new ByteWriter();
    const message = {
      sentAtMs: wallTime(1),
      bodyMd5: new Uint8Array(16),
      sender: "",
      traceHeader: undefined,
      attributes: [],
      body: new Uint8Array(3),
      delayMs,
    };
    const about = { requestId: NO_REQUEST_ID, queueId: queue };
    encodeSend(writer, { ...about, messages: [message] }, () => 0);
    this.apply(writer.take());
  }

  /** Time goes on: what is due in the machine by an entry without commands, then the tick. */
  pass(ms: number): void {
    this.#nowMs += ms;
    this.apply(undefined);
    this.#receives.tick(monotonic(this.#nowMs));
    this.#receives.wake(monotonic(this.#nowMs));
  }

  /** Everything that was proposed is applied, and so is what that leads to. */
  commit(): void {
    for (let next = this.#proposed.shift(); next !== undefined; next = this.#proposed.shift()) {
      next.settled(this.apply(next.command));
      this.#receives.wake(monotonic(this.#nowMs));
    }
  }

  /** The holder of the message that was sent first gives it back. */
  giveBack(kind: "extend" | "release"): void {
    const writer = new ByteWriter();
    const leases = [{ sequence: sequence(1), token: fencingToken(1), ms: 0 }];
    const command = { requestId: NO_REQUEST_ID, queueId: QUIET, leases };
    if (kind === "extend") encodeExtend(writer, command);
    else encodeRelease(writer, command);
    this.apply(writer.take());
  }

  endAll(): void {
    this.#receives.endAll();
  }

  apply(command: Uint8Array | undefined): Outcome {
    const builder = new EntryBuilder();
    const now = 1_000 + this.#nowMs;
    const stamp = { clusterTimeMs: clusterTime(now), wallTimeMs: wallTime(now) };
    let outcome: Outcome = { kind: "refused", reason: "malformed" };
    if (command !== undefined) {
      const valid = validateCommand(command);
      builder.append(command, valid.ok ? valid.operations : 1);
    }
    this.#index += 1;
    this.#machine.apply(logIndex(this.#index), builder.finish(stamp), {
      outcome: (_ordinal, found) => {
        outcome = found;
      },
    });
    for (const queue of this.#machine.drainWoken()) this.#receives.woke(queue);
    return outcome;
  }

  #create(id: QueueId): void {
    const writer = new ByteWriter();
    const about = { attributes: DEFAULT_ATTRIBUTES, extra: new Map(), tags: new Map() };
    const named = { requestId: NO_REQUEST_ID, queueId: id, name: `q${id}`, placement: 1 };
    encodeCreateQueue(writer, { ...named, ...about });
    this.apply(writer.take());
  }
}

let bench = new Counted();

beforeEach(() => {
  bench = new Counted();
  for (let at = 0; at < POLLS; at++) bench.poll(QUIET);
  expect(bench.replies).toEqual([]);
  bench.looks = 0;
  bench.proposals = 0;
});

function counts(): readonly number[] {
  return bench.replies.map((reply) => (reply.kind === "granted" ? reply.grant.count : -1));
}

describe("ten thousand waiting polls", () => {
  test("cost nothing while nothing happens", () => {
    for (let tick = 0; tick < 1_900; tick++) bench.pass(10);
    expect([bench.looks, bench.proposals, bench.replies.length]).toEqual([0, 0, 0]);
  });

  test("cost nothing for what happens in another queue", () => {
    for (let at = 0; at < 100; at++) {
      bench.send(BUSY);
      bench.pass(1);
    }
    expect([bench.proposals, bench.replies.length]).toEqual([0, 0]);
    // One look for each time that the other queue woke, however many wait here.
    expect(bench.looks).toBeLessThanOrEqual(200);
  });

  test("wake one at a time: a message costs one proposal, and the first in line gets it", () => {
    bench.send(QUIET);
    bench.pass(1);
    bench.commit();
    expect(bench.proposals).toBe(1);
    expect(counts()).toEqual([1]);
    expect(bench.looks).toBeLessThan(20);
  });

  test("wake when a delay ends", () => {
    bench.send(QUIET, 500);
    bench.pass(499);
    bench.commit();
    expect(bench.proposals).toBe(0);
    bench.pass(1);
    bench.commit();
    expect(counts()).toEqual([1]);
  });

  test("wake when a lease ends", () => {
    bench.send(QUIET);
    bench.pass(1);
    bench.commit();
    expect(counts()).toEqual([1]);
    // The visibility timeout is longer than the polls wait: others wait when it ends.
    bench.pass(WAIT_MS);
    expect(counts().filter((count) => count === 0)).toHaveLength(POLLS - 1);
    bench.poll(QUIET);
    bench.pass(DEFAULT_ATTRIBUTES.visibilityTimeoutMs - WAIT_MS);
    bench.commit();
    expect(counts().at(-1)).toBe(1);
  });

  test.each(["extend", "release"] as const)("wake when a lease is given back by %s", (kind) => {
    bench.send(QUIET);
    bench.pass(1);
    bench.commit();
    bench.giveBack(kind);
    bench.pass(1);
    bench.commit();
    expect(counts()).toEqual([1, 1]);
  });

  test("of callers that hung up are granted nothing, and leave without work", () => {
    for (const ticket of bench.tickets) bench.cancel(ticket);
    bench.looks = 0;
    bench.send(QUIET);
    bench.pass(1);
    bench.commit();
    expect([bench.proposals, bench.replies.length]).toEqual([0, 0]);
    bench.poll(QUIET);
    bench.commit();
    expect(counts()).toEqual([1]);
  });

  test("are each answered once and empty when the node stops, without a proposal", () => {
    bench.endAll();
    bench.endAll();
    expect(counts()).toEqual(Array.from({ length: POLLS }, () => 0));
    expect(bench.proposals).toBe(0);
  });

  test("are each answered once and empty when their time is over", () => {
    bench.pass(WAIT_MS - 1);
    expect(bench.replies).toHaveLength(0);
    bench.pass(1);
    bench.pass(1);
    expect(counts()).toEqual(Array.from({ length: POLLS }, () => 0));
    expect(bench.proposals).toBe(0);
  });
});
