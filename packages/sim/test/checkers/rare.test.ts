/** What few clients ask for: the account follows the machine, and lies about it are found. */
import { describe, expect, test } from "vitest";
import { Auditor } from "../../src/auditor/auditor.ts";
import { Answers } from "../../src/checkers/answers.ts";
import { Counters } from "../../src/checkers/counters.ts";
import { LogMatching } from "../../src/checkers/log-matching.ts";
import { HistoryBook } from "./history-book.ts";
import { creation, entryAt, extend, LogBook, receive, requestId, send } from "./log-book.ts";

const { history: NO_HISTORY } = new HistoryBook();

/** The queue "orders", whose leases last a second, with a and b. */
function book(): LogBook {
  const auditor = new Auditor();
  const checkers = [new LogMatching(auditor), new Counters(auditor), new Answers(auditor)];
  return new LogBook(checkers).apply(0, ...creation(1, "orders"), send("a"), send("b"));
}

describe("a lease that begins anew", () => {
  const over = (): LogBook => book().apply(100, receive({ limit: 1 }));

  test("is one more in flight", () => {
    expect(
      over()
        .apply(1_200, extend(1, 1, 500))
        .end(NO_HISTORY),
    ).toEqual([]);
  });

  test("is found where it did not", () => {
    const heard = entryAt(3, 1_200, [extend(1, 1, 500)]);
    const run = over().applyAt(1, entryAt(3, 1_200, [extend(1, 9, 500)]), heard);
    expect(run.end(NO_HISTORY)[0]).toBe(
      "at index 3 node 1 has 2 available, 0 in flight, 0 delayed in queue 1; it should have 1, 1, 0",
    );
  });
});

describe("a receive with a bound on what is in flight", () => {
  const bounded = receive({ inFlightMax: 1, request: 1 });
  const full = { kind: "refused", reason: "in-flight-limit" } as const;
  const { history } = new HistoryBook().call(
    [100, 110],
    { kind: "receive", queue: "orders", limit: 10, waitMs: 0, inFlightMax: 1 },
    full,
    { requestKey: requestId(1).key },
  );

  test("is given no more, or refused", () => {
    expect(
      book()
        .apply(50, receive({ limit: 1 }))
        .apply(100, bounded)
        .end(history),
    ).toEqual([]);
  });

  test("is found when it was refused with room for a message", () => {
    expect(book().apply(100, bounded).end(history)).toEqual([
      "call 1: told refused: in-flight-limit, the log says at 2 granted",
    ]);
  });
});
