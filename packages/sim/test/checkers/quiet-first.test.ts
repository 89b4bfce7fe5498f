/** The checker of message groups on standard queues: lets a true run pass and finds a lie. */
import { describe, expect, test } from "vitest";
import { Auditor } from "../../src/auditor/auditor.ts";
import { LogMatching } from "../../src/checkers/log-matching.ts";
import { QuietFirst } from "../../src/checkers/quiet-first.ts";
import type { GrantedMessage } from "../../src/history/event.ts";
import { messageIdOf } from "../../src/workload/answer.ts";
import { HistoryBook } from "./history-book.ts";
import { creation, entryAt, LogBook, receive, sendGrouped } from "./log-book.ts";

const FAIRNESS = { inFlightMin: 2, inFlightPercent: 50 };

/** a … d are of one group, which has a and b in flight; e is of another one, f of none. All were sent at once. */
function book(): LogBook {
  const auditor = new Auditor();
  return new LogBook([new LogMatching(auditor), new QuietFirst(auditor)])
    .apply(
      0,
      ...creation(1, "orders", { fairness: FAIRNESS }),
      sendGrouped({ a: "loud", b: "loud", c: "loud", d: "loud", e: "still", f: undefined }),
    )
    .apply(100, receive({ limit: 2 }));
}

function told(body: string, token: number, grantedAt: number): GrantedMessage {
  const messageId = messageIdOf(1, 1 + "abcdef".indexOf(body));
  return { body, messageId, token, receiveCount: 1, grantedAt, deadline: grantedAt + 1_000 };
}

describe("quiet-first", () => {
  test("lets pass what comes in order, the noisy group last", () => {
    const run = book()
      .apply(200, receive({ limit: 3 }))
      .apply(300, receive());
    const { history } = new HistoryBook()
      .receive([100, 110], [told("a", 1, 100), told("b", 2, 100)])
      .receive([200, 210], [told("e", 3, 200), told("f", 4, 200), told("c", 5, 200)])
      .receive([300, 310], [told("d", 6, 300)]);
    expect(run.end(history)).toEqual([]);
  });

  test("finds a message of a noisy group before that of a quiet one", () => {
    const run = book().apply(200, receive({ limit: 2 }));
    const { history } = new HistoryBook().receive([200, 210], [told("c", 3, 200)]);
    expect(run.end(history)).toEqual([
      "call 1: c, of a noisy group, was handed out before f, which was to come first",
    ]);
  });

  test("finds an answer that is out of order", () => {
    const run = book().apply(200, receive({ limit: 2 }));
    const grants = [told("f", 3, 200), told("e", 4, 200)];
    const { history } = new HistoryBook().receive([200, 210], grants);
    expect(run.end(history)).toEqual([
      "call 1: e, of a quiet group, was handed out before f, which was to come first",
    ]);
  });

  test("finds what was not there to be handed out", () => {
    const run = book().apply(200, receive({ limit: 2 }));
    const { history } = new HistoryBook().receive([200, 210], [told("a", 3, 200)]);
    expect(run.end(history)).toEqual(["call 1: a was handed out and was not ready"]);
  });

  test("finds a replica that counts otherwise", () => {
    const heard = entryAt(3, 200, [receive({ limit: 2 })]);
    const run = book().applyAt(1, entryAt(3, 200, [receive({ limit: 4 })]), heard);
    const account = "it should have 0, 2";
    expect(run.end(new HistoryBook().history)[0]).toBe(
      `at index 3 node 1 has 1 noisy groups in queue 1, 0 available of others; ${account}`,
    );
  });
});
