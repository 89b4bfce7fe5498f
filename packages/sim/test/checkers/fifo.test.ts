/** The checkers of FIFO queues: each lets a true run pass and finds a lie. */
import { describe, expect, test } from "vitest";
import { Auditor } from "../../src/auditor/auditor.ts";
import { Attempts } from "../../src/checkers/attempts.ts";
import type { Checker } from "../../src/checkers/checker.ts";
import { Counters } from "../../src/checkers/counters.ts";
import { deduplication } from "../../src/checkers/deduplication.ts";
import { FifoOrder } from "../../src/checkers/fifo-order.ts";
import { GroupLock } from "../../src/checkers/group-lock.ts";
import { HistoryChecker } from "../../src/checkers/history-checker.ts";
import { LogMatching } from "../../src/checkers/log-matching.ts";
import type { GrantedMessage, Operation } from "../../src/history/event.ts";
import { messageIdOf } from "../../src/workload/answer.ts";
import { HistoryBook } from "./history-book.ts";
import { creation, LogBook, receive, requestId, sendFifo, tombstone } from "./log-book.ts";

const FIFO = { deduplicationScope: "queue", contentBasedDeduplication: false } as const;

/** The FIFO queue "orders" with a, b and c of one group. */
function bookFor(make: (auditor: Auditor) => Checker): LogBook {
  const auditor = new Auditor();
  const checkers = [new LogMatching(auditor), new Counters(auditor), make(auditor)];
  return new LogBook(checkers).apply(
    0,
    ...creation(1, "orders", { fifo: FIFO }),
    sendFifo(["a", "b", "c"]),
  );
}

/** As a client was told: a has number 1, b number 2 and so on. */
function told(body: "a" | "b" | "c", token: number, grantedAt: number): GrantedMessage {
  const messageId = messageIdOf(1, 1 + "abc".indexOf(body));
  return { body, messageId, token, receiveCount: 1, grantedAt, deadline: grantedAt + 1_000 };
}

describe("fifo-order", () => {
  const book = (): LogBook => bookFor((auditor) => new FifoOrder(auditor));

  test("lets pass what comes in order, in one answer or after what was before it", () => {
    const run = book()
      .apply(100, receive({ limit: 2 }))
      .apply(200, tombstone(1, 1), tombstone(2, 2))
      .apply(300, receive());
    const { history } = new HistoryBook()
      .receive([100, 110], [told("a", 1, 100), told("b", 2, 100)])
      .receive([300, 310], [told("c", 3, 300)]);
    expect(run.end(history)).toEqual([]);
  });

  test("finds a message that came while one before it was there", () => {
    const { history } = new HistoryBook().receive([100, 110], [told("b", 1, 100)]);
    expect(book().end(history)).toEqual([
      "call 1: b was handed out from orders at 100, a before it was there until Infinity",
    ]);
  });

  test("finds an answer that is out of order", () => {
    const grants = [told("b", 1, 100), told("a", 2, 100)];
    const { history } = new HistoryBook().receive([100, 110], grants);
    expect(book().end(history)).toHaveLength(1);
  });
});

describe("group-lock", () => {
  const book = (): LogBook =>
    bookFor((auditor) => new GroupLock(auditor)).apply(100, receive({ limit: 2 }));

  test("lets pass a first message that came back while the second one is in flight", () => {
    const { history } = new HistoryBook()
      .receive([100, 110], [told("a", 1, 100), told("b", 2, 100)])
      .receive([300, 310], [{ ...told("a", 3, 300), receiveCount: 2 }]);
    expect(book().end(history)).toEqual([]);
  });

  test("finds a message that was handed out while one before it was leased to another receive", () => {
    const { history } = new HistoryBook()
      .receive([100, 110], [told("a", 1, 100)])
      .receive([300, 310], [told("c", 3, 300)]);
    expect(book().end(history)).toEqual([
      "c was handed out under 3 at 300, a was leased under 1 until 1100",
    ]);
  });
});

describe("deduplication", () => {
  const book = (): LogBook => bookFor(() => new HistoryChecker(deduplication));
  const message = { body: "d", deduplicationId: "id" };
  const again = { ...message, body: "e" };
  const as = (sequence: number): { kind: "sent"; messageIds: number[] } => ({
    kind: "sent",
    messageIds: [sequence],
  });

  test("lets pass a repetition that is told of the first, and one long after", () => {
    const { history } = new HistoryBook()
      .send([0, 10], [message], as(7))
      .send([200, 210], [again], as(7))
      .send([300_500, 300_510], [{ ...message, body: "f" }], as(8));
    expect(book().end(history)).toEqual([]);
  });

  test("lets pass one after a purge", () => {
    const { history } = new HistoryBook()
      .send([0, 10], [message], as(7))
      .call([20, 30], { kind: "purge", queue: "orders" }, { kind: "done", changed: true })
      .send([200, 210], [again], as(8));
    expect(book().end(history)).toEqual([]);
  });

  test("lets pass one that was asked for before the other, and stored after a purge that followed it", () => {
    const { history } = new HistoryBook()
      .send([0, 900], [message], as(8))
      .send([40, 50], [again], as(7))
      .call([500, 510], { kind: "purge", queue: "orders" }, { kind: "done", changed: true });
    expect(book().end(history)).toEqual([]);
  });

  test("finds two messages under one id", () => {
    const { history } = new HistoryBook()
      .send([0, 10], [message], as(7))
      .send([200, 210], [again], as(8));
    expect(book().end(history)).toEqual(["orders id stored 7 after 0 and 8 by 210"]);
  });
});

describe("attempts", () => {
  const RECEIVE: Operation = {
    kind: "receive",
    queue: "orders",
    limit: 10,
    waitMs: 0,
    attempt: "x",
  };
  const keyed = (number: number): { requestKey: string } => ({
    requestKey: requestId(number).key,
  });
  const tried = (...tokens: number[]): HistoryBook =>
    tokens.reduce(
      (book, token, i) =>
        book.call(
          [100 + i, 110 + i],
          RECEIVE,
          { kind: "granted", messages: [told("a", token, 100)] },
          keyed(i + 1),
        ),
      new HistoryBook(),
    );
  const book = (): LogBook =>
    bookFor((auditor) => new Attempts(auditor)).apply(
      100,
      receive({ limit: 1, attempt: "x", request: 1 }),
    );
  const again = receive({ limit: 1, attempt: "x", request: 2 });

  test("lets pass the same receipts, and others once a lease is over", () => {
    expect(book().apply(200, again).end(tried(1, 1).history)).toEqual([]);
    expect(book().apply(1_100, again).end(tried(1, 2).history)).toEqual([]);
  });

  test("finds another receipt while the first one's lease lasts", () => {
    expect(book().apply(200, again).end(tried(1, 2).history)).toEqual([
      "orders x: call 1 was granted a under 1, call 2 was told a under 2",
    ]);
  });
});
