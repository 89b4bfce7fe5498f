/** The checker of move tasks: it lets a true run pass and finds a lie. */
import { describe, expect, test } from "vitest";
import { Auditor } from "../../src/auditor/auditor.ts";
import { AuditedDeadLetters } from "../../src/checkers/audited-dead-letters.ts";
import { AuditedMoves } from "../../src/checkers/audited-moves.ts";
import { Counters } from "../../src/checkers/counters.ts";
import { LogMatching } from "../../src/checkers/log-matching.ts";
import { History } from "../../src/history/history.ts";
import { creation, entryAt, LogBook, receive, send, startMove } from "./log-book.ts";

function book(): LogBook {
  const auditor = new Auditor();
  const checkers = [
    new LogMatching(auditor),
    new AuditedMoves(auditor),
    new AuditedDeadLetters(auditor),
    new Counters(auditor),
  ];
  return new LogBook(checkers);
}

/** Three messages of queue 1, which a task is to move to queue 2, two a second. */
function started(perSecond = 2): LogBook {
  return book()
    .apply(0, ...creation(1, "orders"), ...creation(2, "other"), send("a"), send("b"), send("c"))
    .apply(100, startMove(1, { to: 2, perSecond }));
}

describe("audited-moves", () => {
  test("lets pass a task that keeps to its rate, is paused, and ends", () => {
    const run = started().apply(600).apply(650).apply(4_000).apply(4_500).apply(5_000);
    expect(run.end(new History())).toEqual([]);
  });

  test("lets pass dead letters that go back and become dead letters again", () => {
    const deadLetter = { queueId: 2, group: 0, maximumReceives: 1 };
    const attributes = { deadLetter, visibilityTimeoutMs: 100 } as never;
    const run = book()
      .apply(0, ...creation(1, "orders", attributes), ...creation(2, "dead"), send("a"))
      .apply(10, receive())
      .apply(200, startMove(2))
      .apply(400, receive())
      .apply(600)
      .apply(800, startMove(2, { task: 2 }))
      .apply(1_000);
    expect(run.end(new History())).toEqual([]);
  });

  test("finds a machine that moved more than the rate allows", () => {
    const run = started();
    run.applyAt(1, entryAt(3, 600, []), entryAt(3, 500, []));
    expect(run.end(new History())[0]).toBe(
      "at index 3 node 1 says of a task of queue 1: running, moved 1 of 3; it should be running, 0 of 3",
    );
  });

  test("finds a task that nobody lets go on", () => {
    expect(started().apply(20_000).end(new History())).toEqual([
      "a step of orders was due at 600, taken at 20000",
    ]);
  });
});
