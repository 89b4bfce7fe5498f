/** The checkers that compare with the auditor's account: each lets a true run pass and finds a lie. */

import { groupId, logIndex, term } from "@kqueuey/base";
import { queueId } from "@kqueuey/queue";
import type { Entry } from "@kqueuey/raft";
import { describe, expect, test } from "vitest";
import { Auditor } from "../../src/auditor/auditor.ts";
import { Answers } from "../../src/checkers/answers.ts";
import { AuditedDeadLetters } from "../../src/checkers/audited-dead-letters.ts";
import { AuditedDelays } from "../../src/checkers/audited-delays.ts";
import type { Checker } from "../../src/checkers/checker.ts";
import { Counters } from "../../src/checkers/counters.ts";
import { CurrentReads } from "../../src/checkers/current-reads.ts";
import { Fate } from "../../src/checkers/fate.ts";
import { LeaseEnds } from "../../src/checkers/lease-ends.ts";
import { LogMatching } from "../../src/checkers/log-matching.ts";
import { OneLeaseAtATime } from "../../src/checkers/one-lease-at-a-time.ts";
import { StateEquality } from "../../src/checkers/state-equality.ts";
import type { Answer, Operation } from "../../src/history/event.ts";
import { History } from "../../src/history/history.ts";
import { messageIdOf } from "../../src/workload/answer.ts";
import { HistoryBook } from "./history-book.ts";
import { creation, entryAt, LogBook, receive, requestId, send, tombstone } from "./log-book.ts";

const A = { body: "a" };
const FIRST = messageIdOf(1, 1);

function bookFor(make: (auditor: Auditor) => Checker): LogBook {
  const auditor = new Auditor();
  return new LogBook([new LogMatching(auditor), make(auditor)]);
}

/** One message, sent at 0 and granted at 100 until 1,100. */
function grantedA(make: (auditor: Auditor) => Checker): LogBook {
  return bookFor(make)
    .apply(0, ...creation(1, "orders"), send("a", { request: 1 }))
    .apply(100, receive({ request: 2 }));
}

function keyed(number: number): { requestKey: string } {
  return { requestKey: requestId(number).key };
}

const SEND: Operation = { kind: "send", queue: "orders", messages: [A] };
const RECEIVE: Operation = { kind: "receive", queue: "orders", limit: 10, waitMs: 0 };

function granted(changes: object = {}): Answer {
  const message = {
    ...A,
    messageId: FIRST,
    token: 1,
    receiveCount: 1,
    grantedAt: 100,
    deadline: 1_100,
  };
  return { kind: "granted", messages: [{ ...message, ...changes }] };
}

describe("answers", () => {
  const make = (auditor: Auditor): Checker => new Answers(auditor);
  const tombstoned: Operation = {
    kind: "settle",
    action: "tombstone",
    queue: "orders",
    receipts: [{ ...A, token: 1 }],
  };

  test("lets pass what the log says", () => {
    const book = grantedA(make).apply(200, tombstone(1, 1, 3));
    const { history } = new HistoryBook()
      .call([0, 10], SEND, { kind: "sent", messageIds: [FIRST] }, keyed(1))
      .call([20, 30], RECEIVE, granted(), keyed(2))
      .call([40, 50], tombstoned, { kind: "settled", results: ["ok"] }, keyed(3));
    expect(book.end(history)).toEqual([]);
  });

  test.each([
    ["another body", granted({ body: "b" }), `told b (${FIRST}) for a (${FIRST})`],
    ["a token that was not given", granted({ token: 2 }), "a was granted under 2, not in the log"],
    ["another count", granted({ receiveCount: 2 }), "a was received 1 times, told 2"],
    ["another deadline", granted({ deadline: 1_200 }), "a is leased until 1100, told 1200"],
    ["another time of the grant", granted({ grantedAt: 99 }), "a was granted at 100, told 99"],
  ])("finds a grant with %s", (_, answer, what) => {
    const { history } = new HistoryBook().call([20, 30], RECEIVE, answer, keyed(2));
    expect(grantedA(make).end(history)).toEqual([`call 1: ${what}`]);
  });

  test("finds a stale receipt that was reported to have worked", () => {
    const book = grantedA(make)
      .apply(2_000, receive())
      .apply(2_100, tombstone(1, 1, 3));
    const answer: Answer = { kind: "settled", results: ["ok"] };
    const { history } = new HistoryBook().call([40, 50], tombstoned, answer, keyed(3));
    expect(book.end(history)).toEqual(["call 1: told settled ok, the log says at 4 settled stale"]);
  });

  test("finds an acknowledgement of what is not in the log", () => {
    const answer: Answer = { kind: "sent", messageIds: [FIRST] };
    const { history } = new HistoryBook().call([0, 10], SEND, answer, keyed(9));
    expect(grantedA(make).end(history)).toEqual([
      `call 1: told sent as ${FIRST}, the log says nothing of it`,
    ]);
  });
});

describe("counters", () => {
  const make = (auditor: Auditor): Checker => new Counters(auditor);

  test("lets pass a machine that counts right", () => {
    expect(grantedA(make).apply(1_100).end(new History())).toEqual([]);
  });

  test("finds one that counts otherwise, at the index where it begins", () => {
    const book = bookFor(make).apply(0, ...creation(1, "orders"));
    book.applyAt(1, entryAt(2, 10, [send("a"), send("b")]), entryAt(2, 10, [send("a")]));
    expect(book.end(new History())[0]).toBe(
      "at index 2 node 1 has 2 available, 0 in flight, 0 delayed in queue 1; it should have 1, 0, 0",
    );
  });
});

describe("state-equality", () => {
  const create = entryAt(1, 0, creation(1, "orders"));

  test("lets pass replicas that applied the same", () => {
    const book = new LogBook([new StateEquality()]).applyAt(1, create).applyAt(2, create);
    expect(book.end(new History())).toEqual([]);
  });

  test("finds one that is in another state", () => {
    const book = new LogBook([new StateEquality()]).applyAt(1, create).applyAt(2, create);
    book.applyAt(1, entryAt(2, 10, [send("a")])).applyAt(2, entryAt(2, 10, [send("b"), send("c")]));
    const [first, second] = book.end(new History());
    expect(first).toMatch(/^at index 2 node 2 is at [0-9a-f]+, node 1 at [0-9a-f]+$/);
    expect(second).toBe("at index 2 the states of nodes 2 and 1 differ");
  });
});

describe("fate", () => {
  const make = (auditor: Auditor): Checker => new Fate(auditor);
  const sent = (id = FIRST): History =>
    new HistoryBook().call([0, 10], SEND, { kind: "sent", messageIds: [id] }).history;

  test("lets pass a message that is somewhere, and one that was tombstoned", () => {
    expect(grantedA(make).end(sent())).toEqual([]);
    expect(grantedA(make).apply(200, tombstone(1, 1)).end(sent())).toEqual([]);
  });

  test("finds an acknowledged message that is nowhere", () => {
    expect(grantedA(make).end(sent(messageIdOf(1, 2)))).toEqual([
      "a: acknowledged at 10, not in the log",
    ]);
  });

  test("finds one that was acknowledged for another", () => {
    const book = bookFor(make).apply(0, ...creation(1, "orders"), send("b"));
    expect(book.end(sent())).toEqual(["a: acknowledged as b"]);
  });

  test("finds a machine that keeps bodies that are gone", () => {
    const book = grantedA(make);
    book.applyAt(1, entryAt(3, 200, []), entryAt(3, 200, [tombstone(1, 1)]));
    expect(book.end(sent())).toEqual(["node 1 keeps 1 bodies too many of entry 1"]);
  });
});

describe("one-lease-at-a-time", () => {
  const make = (auditor: Auditor): Checker => new OneLeaseAtATime(auditor);
  const second = { ...A, token: 2, receiveCount: 2, grantedAt: 1_100, deadline: 2_100 };
  const first = { ...A, token: 1, grantedAt: 100, deadline: 1_100 };

  test("lets pass leases that follow each other", () => {
    const book = grantedA(make).apply(1_100, receive());
    const { history } = new HistoryBook().receive([20, 30], [first]).receive([40, 50], [second]);
    expect(book.end(history)).toEqual([]);
  });

  test("finds leases that overlap", () => {
    const book = grantedA(make).apply(1_100, receive());
    const early = { ...second, grantedAt: 1_000 };
    const { history } = new HistoryBook().receive([20, 30], [first]).receive([40, 50], [early]);
    expect(book.end(history)).toEqual(["a: leased under 1 until 1100, under 2 from 1000"]);
  });
});

describe("lease-ends", () => {
  const make = (auditor: Auditor): Checker => new LeaseEnds(auditor);

  test("lets pass a lease whose end was noticed soon", () => {
    expect(grantedA(make).apply(1_000).apply(1_150).end(new History())).toEqual([]);
  });

  test("lets pass one whose end nobody could notice because leaders changed", () => {
    const book = grantedA(make)
      .apply(1_000)
      .applyAt(1, entryAt(4, 9_000, [], 2));
    expect(book.end(new History())).toEqual([]);
  });

  test("lets pass one whose end fell before the first entry of a new leader, which tells no time", () => {
    const noop: Entry = {
      index: logIndex(3),
      term: term(2),
      kind: "noop",
      data: new Uint8Array(0),
    };
    const book = grantedA(make)
      .skip(1, noop)
      .applyAt(1, entryAt(4, 9_000, [], 2));
    expect(book.end(new History())).toEqual([]);
  });

  test("finds one that its leader forgot", () => {
    expect(grantedA(make).apply(1_000).apply(9_000).end(new History())).toEqual([
      "a under 1: the lease ended at 1100, noticed at 9000",
    ]);
  });
});

describe("audited-delays", () => {
  const make = (auditor: Auditor): Checker => new AuditedDelays(auditor);
  const book = (): LogBook =>
    bookFor(make)
      .apply(0, ...creation(1, "orders"), send("a", { delayMs: 500 }))
      .apply(500, receive());

  test("lets pass a grant after the delay", () => {
    const grant = { ...A, token: 1, grantedAt: 500, deadline: 1_500 };
    expect(book().end(new HistoryBook().receive([20, 30], [grant]).history)).toEqual([]);
  });

  test("finds a grant before its end", () => {
    const grant = { ...A, token: 1, grantedAt: 400, deadline: 1_400 };
    expect(book().end(new HistoryBook().receive([20, 30], [grant]).history)).toEqual([
      "a: delayed until 500, out at 400",
    ]);
  });
});

describe("audited-dead-letters", () => {
  const make = (auditor: Auditor): Checker => new AuditedDeadLetters(auditor);
  const deadLetter = { queueId: queueId(2), group: groupId(0), maximumReceives: 1 };
  /** Granted at 100 under token 1, a dead letter at 1,100, granted there at 1,200. */
  const book = (): LogBook =>
    bookFor(make)
      .apply(0, ...creation(1, "orders", { deadLetter }), ...creation(2, "dead"), send("a"))
      .apply(100, receive())
      .apply(1_100)
      .apply(1_200, receive({ queue: 2 }));
  const first = { ...A, messageId: FIRST, token: 1 };

  test("lets pass a message that moved", () => {
    const { history } = new HistoryBook()
      .receive([20, 30], [first])
      .receive([40, 50], [{ ...first, receiveCount: 2 }], { queue: "dead" });
    expect(book().end(history)).toEqual([]);
  });

  test("finds a grant from where it had left", () => {
    // Another message is granted late under token 2; somebody was given the first one instead.
    const late = book().apply(1_300, send("b")).apply(1_400, receive());
    const { history } = new HistoryBook().receive([60, 70], [{ ...first, token: 2 }]);
    expect(late.end(history)).toEqual(["a: left orders at 3, granted at 6"]);
  });
});

describe("current-reads", () => {
  const make = (auditor: Auditor): Checker => new CurrentReads(auditor);
  const read = (from: number, to: number, available: number): History => {
    const counters = { available, inFlight: 0, delayed: 0 };
    const answer: Answer = { kind: "described", attributes: { delayMs: 0 }, counters };
    return new HistoryBook().call([from, to], { kind: "describe", queue: "orders" }, answer)
      .history;
  };
  /** Empty from 10 on, one message from 100, two from 200. */
  const book = (): LogBook =>
    bookFor(make)
      .apply(0, ...creation(1, "orders"))
      .step(1, 10)
      .apply(90, send("a"))
      .step(1, 100)
      .apply(190, send("b"))
      .step(1, 200);

  test.each([
    ["before", 120, 150, 1],
    ["either side", 50, 150, 0],
    ["either side", 50, 150, 1],
    ["after", 201, 210, 2],
  ])("lets pass what was so %s of the call", (_, from, to, available) => {
    expect(book().end(read(from, to, available))).toEqual([]);
  });

  test("finds what was so no longer when the call was made", () => {
    expect(book().end(read(210, 220, 1))).toEqual([
      "call 1 on orders: told 1 available, 0 in flight, 0 delayed, which it was never between indexes 3 and 3",
    ]);
  });

  test("finds what was not so yet when the answer came", () => {
    expect(book().end(read(120, 150, 2))[0]).toContain("never between indexes 2 and 2");
  });
});
