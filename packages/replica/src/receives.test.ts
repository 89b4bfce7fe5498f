import {
  ByteWriter,
  clusterTime,
  groupId,
  logIndex,
  monotonic,
  must,
  wallTime,
} from "@kqueuey/base";
import {
  DEFAULT_ATTRIBUTES,
  EntryBuilder,
  encodeCreateQueue,
  encodeReceive,
  encodeSend,
  type GrantedOutcome,
  NO_REQUEST_ID,
  type Outcome,
  QueueMachine,
  queueId,
  type RequestId,
  validateCommand,
} from "@kqueuey/queue";
import type { BodyRef, StoreDone } from "@kqueuey/storage";
import { beforeEach, describe, expect, test } from "vitest";
import type { EngineReply } from "./engine-request.ts";
import { Receives } from "./receives.ts";
import type { Ticket } from "./replica.ts";

const QUEUE = queueId(1);
const TRY_AGAIN: RequestId = { kind: "hash", hash: new Uint8Array(16).fill(7) };

/** A group's receives with the log played by hand: what they propose is applied when the test says so. */
class Bench {
  readonly machine = new QueueMachine({ group: groupId(0) });
  readonly receives: Receives;
  /** Names of the commands that were proposed. */
  readonly proposed: string[] = [];
  readonly #waiting: { command: Uint8Array; settled: ((outcome: Outcome) => void) | undefined }[] =
    [];
  readonly #reads: (() => void)[] = [];
  #index = 0;

  constructor() {
    const store = {
      readBodies: (refs: readonly BodyRef[], done: StoreDone<readonly Uint8Array[]>): void => {
        this.#reads.push(() => done({ ok: true, value: refs.map(() => new Uint8Array(0)) }));
      },
    };
    this.receives = new Receives(10, {
      machine: () => this.machine,
      store,
      propose: (command, _operations, pending) => {
        const valid = validateCommand(command);
        this.proposed.push(valid.ok ? valid.kind : "malformed");
        this.#waiting.push({
          command: command.slice(),
          settled: pending === undefined ? undefined : (outcome) => pending.settled(outcome),
        });
      },
      later: (task) => task(),
      failed: () => undefined,
    });
    const create = new ByteWriter();
    const about = { attributes: DEFAULT_ATTRIBUTES, extra: new Map(), tags: new Map() };
    encodeCreateQueue(create, {
      requestId: NO_REQUEST_ID,
      queueId: QUEUE,
      name: "orders",
      placement: 1,
      ...about,
    });
    this.#apply(create.take());
    const send = new ByteWriter();
    const message = {
      sentAtMs: wallTime(1),
      bodyMd5: new Uint8Array(16),
      sender: "",
      traceHeader: undefined,
      attributes: [],
      body: new Uint8Array(3),
    };
    encodeSend(send, { requestId: NO_REQUEST_ID, queueId: QUEUE, messages: [message] }, () => 0);
    this.#apply(send.take());
  }

  ask(replies: EngineReply[]): Ticket {
    const writer = new ByteWriter();
    encodeReceive(writer, { requestId: TRY_AGAIN, queueId: QUEUE, limit: 1, maxBytes: 1_000 });
    const ticket: Ticket = {
      reply: (reply) => replies.push(reply),
      cancelled: false,
      origin: 0,
    };
    this.receives.submit(ticket, {
      command: writer.take(),
      queue: QUEUE,
      maxMessages: 1,
      waitMs: 0,
      nowMs: monotonic(0),
    });
    return ticket;
  }

  cancel(ticket: Ticket): void {
    ticket.cancelled = true;
    this.receives.cancel(ticket);
  }

  /** Everything proposed is committed and applied. */
  commit(): void {
    for (const { command, settled } of this.#waiting.splice(0)) {
      const outcome = this.#apply(command);
      settled?.(outcome);
    }
  }

  /** The bodies asked for are there. */
  read(): void {
    for (const read of this.#reads.splice(0)) read();
  }

  get inFlight(): number {
    return this.machine.describe(QUEUE)?.inFlight ?? 0;
  }

  #apply(command: Uint8Array): Outcome {
    const builder = new EntryBuilder();
    builder.append(command, 1);
    const stamp = { clusterTimeMs: clusterTime(1_000), wallTimeMs: wallTime(1_000) };
    let found: Outcome | undefined;
    this.#index += 1;
    this.machine.apply(logIndex(this.#index), builder.finish(stamp), {
      outcome: (_ordinal, outcome) => {
        found = outcome;
      },
    });
    return must(found, "an outcome");
  }
}

function grantIn(replies: readonly EngineReply[]): GrantedOutcome | undefined {
  const reply = replies.at(-1);
  return reply?.kind === "granted" ? reply.grant : undefined;
}

describe("a receive that is tried again while its first try is in hand", () => {
  let bench = new Bench();
  let first: EngineReply[] = [];
  let second: EngineReply[] = [];
  beforeEach(() => {
    bench = new Bench();
    first = [];
    second = [];
  });

  test("is one receive: the retry gets what the first try was granted, and keeps it", () => {
    const ticket = bench.ask(first);
    bench.cancel(ticket);
    bench.ask(second);
    bench.commit();
    bench.read();
    bench.commit();
    expect(bench.proposed).toEqual(["receive"]);
    expect(grantIn(second)?.count).toBe(1);
    expect(bench.inFlight).toBe(1);
  });

  test("also while the bodies are being read", () => {
    const ticket = bench.ask(first);
    bench.commit();
    bench.cancel(ticket);
    bench.ask(second);
    bench.read();
    bench.commit();
    expect(grantIn(second)?.count).toBe(1);
    expect(bench.inFlight).toBe(1);
  });

  test("an asker of the first try that is still there is told that there is nothing for it", () => {
    bench.ask(first);
    bench.ask(second);
    bench.commit();
    bench.read();
    expect(grantIn(first)?.count).toBe(0);
    expect(grantIn(second)?.count).toBe(1);
  });

  test("whose answer went out already takes nothing from that answer when its own asker is gone", () => {
    bench.ask(first);
    bench.commit();
    bench.read();
    bench.cancel(bench.ask(second));
    bench.commit();
    bench.commit();
    expect(grantIn(first)?.count).toBe(1);
    expect(bench.proposed).toEqual(["receive", "receive"]);
    expect(bench.inFlight).toBe(1);
  });

  test("is undone when nobody is left who asks", () => {
    bench.cancel(bench.ask(first));
    bench.cancel(bench.ask(second));
    bench.commit();
    bench.commit();
    expect(bench.proposed).toEqual(["receive", "undelivered"]);
    expect(bench.inFlight).toBe(0);
  });
});
