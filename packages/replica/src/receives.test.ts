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
import type { Pending } from "./proposals.ts";
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
  readonly #waiting: { command: Uint8Array; pending: Pending | undefined }[] = [];
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
      propose: (command, _operations, pending) => this.#propose(command, pending),
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
    this.#apply(sendOf(undefined));
  }

  /** A send on its way to the log, as the replica takes it. */
  send(outcomes: (Outcome | "lost")[], delayMs?: number): void {
    const command = sendOf(delayMs);
    const pending = this.receives.expect(QUEUE, command, {
      settled: (outcome) => outcomes.push(outcome),
      lost: () => outcomes.push("lost"),
    });
    this.#propose(command, pending);
    this.receives.wake(monotonic(0));
  }

  ask(
    replies: EngineReply[],
    how: { readonly requestId?: RequestId; readonly waitMs?: number } = {},
  ): Ticket {
    const { requestId = TRY_AGAIN, waitMs = 0 } = how;
    const writer = new ByteWriter();
    encodeReceive(writer, { requestId, queueId: QUEUE, limit: 1, maxBytes: 1_000 });
    const ticket: Ticket = {
      reply: (reply) => replies.push(reply),
      cancelled: false,
      origin: 0,
    };
    this.receives.submit(ticket, {
      command: writer.take(),
      queue: QUEUE,
      maxMessages: 1,
      waitMs,
      nowMs: monotonic(0),
    });
    return ticket;
  }

  /** Leadership goes before anything of it is applied. */
  lose(): void {
    for (const { pending } of this.#waiting.splice(0)) pending?.lost();
  }

  cancel(ticket: Ticket): void {
    ticket.cancelled = true;
    this.receives.cancel(ticket);
  }

  /** Everything proposed is committed and applied. */
  commit(): void {
    for (const { command, pending } of this.#waiting.splice(0)) {
      const outcome = this.#apply(command);
      pending?.settled(outcome);
    }
    this.receives.wake(monotonic(0));
  }

  /** The bodies asked for are there. */
  read(): void {
    for (const read of this.#reads.splice(0)) read();
  }

  get inFlight(): number {
    return this.machine.describe(QUEUE)?.inFlight ?? 0;
  }

  #propose(command: Uint8Array, pending: Pending | undefined): void {
    const valid = validateCommand(command);
    this.proposed.push(valid.ok ? valid.kind : "malformed");
    this.#waiting.push({ command: command.slice(), pending });
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

function sendOf(delayMs: number | undefined): Uint8Array {
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
  encodeSend(writer, { requestId: NO_REQUEST_ID, queueId: QUEUE, messages: [message] }, () => 0);
  return writer.take();
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

describe("receives that wait when a send is proposed", () => {
  const waiting = { requestId: NO_REQUEST_ID, waitMs: 1_000 };
  const newBench = (): Bench => {
    const bench = new Bench();
    bench.ask([]);
    bench.commit();
    bench.read();
    bench.proposed.length = 0;
    return bench;
  };

  test("as many as it has messages follow it into the log", () => {
    const bench = newBench();
    const replies: EngineReply[][] = [[], []];
    for (const each of replies) bench.ask(each, waiting);
    const sent: (Outcome | "lost")[] = [];
    bench.send(sent);
    expect(bench.proposed).toEqual(["send", "receive"]);
    bench.commit();
    bench.read();
    expect(sent).toMatchObject([{ kind: "sent" }]);
    expect(replies.map((each) => grantIn(each)?.count)).toEqual([1, undefined]);
    expect(bench.proposed).toEqual(["send", "receive"]);
    expect(bench.receives.waiting).toBe(1);
  });

  test("also one that comes while the send is being written, once its message is promised to nobody", () => {
    const bench = newBench();
    const replies: EngineReply[][] = [[], []];
    bench.send([]);
    for (const each of replies) bench.ask(each, waiting);
    expect(bench.proposed).toEqual(["send", "receive"]);
    bench.commit();
    bench.read();
    expect(replies.map((each) => grantIn(each)?.count)).toEqual([1, undefined]);
    expect(bench.receives.waiting).toBe(1);
  });

  test("but one that wants an answer at once gets it", () => {
    const bench = newBench();
    const replies: EngineReply[] = [];
    bench.send([]);
    bench.ask(replies, { requestId: NO_REQUEST_ID });
    expect(grantIn(replies)?.count).toBe(0);
    expect(bench.proposed).toEqual(["send"]);
  });

  test("wait on when its message is delayed", () => {
    const bench = newBench();
    bench.ask([], waiting);
    bench.send([], 5_000);
    bench.commit();
    expect(bench.proposed).toEqual(["send"]);
    expect(bench.receives.waiting).toBe(1);
  });

  test("are let go for the next one after one that was lost", () => {
    const bench = newBench();
    bench.ask([], waiting);
    const sent: (Outcome | "lost")[] = [];
    bench.send(sent);
    bench.lose();
    expect(sent).toEqual(["lost"]);
    const replies: EngineReply[] = [];
    bench.ask(replies, waiting);
    bench.send([]);
    bench.commit();
    bench.read();
    expect(bench.proposed).toEqual(["send", "receive", "send", "receive"]);
    expect(grantIn(replies)?.count).toBe(1);
  });
});
