import { describe, expect, test } from "vitest";
import { attributeLinearizability } from "../../src/checkers/attribute-linearizability.ts";
import { deadLetterOnce } from "../../src/checkers/dead-letter-once.ts";
import { delays } from "../../src/checkers/delays.ts";
import type { HistoryJudge } from "../../src/checkers/history-checker.ts";
import { judgeHistory } from "../../src/checkers/judge-history.ts";
import { liveLease } from "../../src/checkers/live-lease.ts";
import { noAcknowledgedSendLost } from "../../src/checkers/no-acknowledged-send-lost.ts";
import { noEarlyRedelivery } from "../../src/checkers/no-early-redelivery.ts";
import { nothingInvented } from "../../src/checkers/nothing-invented.ts";
import { receiveCount } from "../../src/checkers/receive-count.ts";
import { sentAtMostOnce } from "../../src/checkers/sent-at-most-once.ts";
import { staleReceipt } from "../../src/checkers/stale-receipt.ts";
import { tombstoneFinal } from "../../src/checkers/tombstone-final.ts";
import { HistoryBook } from "./history-book.ts";

const A = { body: "a" };
const UNKNOWN = { kind: "unknown" } as const;

function sentA(): HistoryBook {
  return new HistoryBook().send([0, 10], [A]);
}

/** Delivered under token 1 in cluster time 1,000 to 2,000, which is 1,000 ms later than the clients' clock. */
function deliveredA(): HistoryBook {
  return sentA().receive([20, 30], [{ ...A, token: 1, grantedAt: 1_025, deadline: 2_025 }]);
}

interface Case {
  readonly judge: HistoryJudge;
  readonly about: string;
  readonly book: HistoryBook;
  /** What is found, or nothing. */
  readonly finds?: string;
}

const CASES: readonly Case[] = [
  { judge: nothingInvented, about: "sent, then delivered", book: deliveredA() },
  {
    judge: nothingInvented,
    about: "a send without an answer may be there",
    book: new HistoryBook().send([0, "never"], [A]).receive([20, 30], [{ ...A, token: 1 }]),
  },
  {
    judge: nothingInvented,
    about: "nobody sent it",
    book: new HistoryBook().receive([20, 30], [{ ...A, token: 1 }]),
    finds: "a: delivered from orders, never sent",
  },
  {
    judge: nothingInvented,
    about: "its send was refused",
    book: new HistoryBook()
      .send([0, 10], [A], { kind: "refused", reason: "STORAGE_FULL" })
      .receive([20, 30], [{ ...A, token: 1 }]),
    finds: "a: delivered from orders, never sent",
  },
  {
    judge: sentAtMostOnce,
    about: "a second answer names the same message",
    book: new HistoryBook().send([0, 10], [A]).send([20, 30], [A]),
  },
  {
    judge: sentAtMostOnce,
    about: "delivered under another identity than it was acknowledged",
    book: sentA().receive([20, 30], [{ ...A, token: 1, messageId: 2 }]),
    finds: "a: stored as 2, 1",
  },
  {
    judge: noEarlyRedelivery,
    about: "again after the deadline",
    book: deliveredA().receive(
      [1_000, 1_100],
      [{ ...A, token: 2, grantedAt: 2_025, deadline: 3_025, receiveCount: 2 }],
    ),
  },
  {
    judge: noEarlyRedelivery,
    about: "again before it, though nobody gave it back",
    book: deliveredA().receive(
      [900, 950],
      [{ ...A, token: 2, grantedAt: 1_950, deadline: 2_950, receiveCount: 2 }],
    ),
    finds: "a: leased under 1 until 2025, under 2 at 1950",
  },
  {
    judge: noEarlyRedelivery,
    about: "a release without an answer may have ended it",
    book: deliveredA()
      .call(
        [40, "never"],
        { kind: "settle", action: "release", queue: "orders", receipts: [{ ...A, token: 1 }] },
        UNKNOWN,
      )
      .receive([900, 950], [{ ...A, token: 2, grantedAt: 1_950, deadline: 2_950 }]),
  },
  {
    judge: noEarlyRedelivery,
    about: "a stale receipt ends nothing",
    book: deliveredA()
      .settle([40, 50], "release", { ...A, token: 1 }, "stale")
      .receive([900, 950], [{ ...A, token: 2, grantedAt: 1_950, deadline: 2_950 }]),
    finds: "a: leased under 1 until 2025, under 2 at 1950",
  },
  {
    judge: noEarlyRedelivery,
    about: "without cluster time: what was left when it was answered is kept",
    book: sentA()
      .receive([20, 30], [{ ...A, token: 1, remainingMs: 1_000 }])
      .receive([980, 1_020], [{ ...A, token: 2, remainingMs: 1_000 }]),
  },
  {
    judge: noEarlyRedelivery,
    about: "without cluster time: it is not",
    book: sentA()
      .receive([20, 30], [{ ...A, token: 1, remainingMs: 1_000 }])
      .receive([900, 914], [{ ...A, token: 2, remainingMs: 1_000 }]),
    finds: "a: token 2 came 100 ms before token 1 ended",
  },
  {
    judge: tombstoneFinal,
    about: "delivered before its tombstone, answered after",
    book: deliveredA()
      .settle([40, 60], "tombstone", { ...A, token: 1 })
      .receive([35, 70], [{ ...A, token: 1 }]),
  },
  {
    judge: tombstoneFinal,
    about: "a tombstone that was reported stale ends nothing",
    book: deliveredA()
      .settle([40, 60], "tombstone", { ...A, token: 1 }, "stale")
      .receive([3_000, 3_010], [{ ...A, token: 2 }]),
  },
  {
    judge: tombstoneFinal,
    about: "granted again under a later token, whatever was seen first",
    book: deliveredA()
      .receive([35, 70], [{ ...A, token: 2 }])
      .settle([40, 60], "tombstone", { ...A, token: 1 }),
    finds: "a: tombstoned under 1, granted again as 2",
  },
  {
    judge: tombstoneFinal,
    about: "handed out after its end under the token that it had",
    book: deliveredA()
      .settle([40, 60], "tombstone", { ...A, token: 1 })
      .receive([100, 110], [{ ...A, token: 1 }]),
    finds: "a: tombstoned by 60, delivered to a receive of 100",
  },
  {
    judge: staleReceipt,
    about: "the newest receipt works, an old one is told so",
    book: deliveredA()
      .receive([2_000, 2_010], [{ ...A, token: 2 }])
      .settle([2_020, 2_030], "tombstone", { ...A, token: 1 }, "stale")
      .settle([2_040, 2_050], "tombstone", { ...A, token: 2 }),
  },
  {
    judge: staleReceipt,
    about: "an old one that was under way when the new one came out",
    book: deliveredA()
      .receive([2_000, 2_050], [{ ...A, token: 2 }])
      .settle([2_020, 2_030], "release", { ...A, token: 1 }),
  },
  {
    judge: staleReceipt,
    about: "an old one works",
    book: deliveredA()
      .receive([2_000, 2_010], [{ ...A, token: 2 }])
      .settle([2_020, 2_030], "tombstone", { ...A, token: 1 }),
    finds: "a: tombstone worked under 1 though 2 was out",
  },
  {
    judge: staleReceipt,
    about: "an answer to a repeated request is that of its first execution",
    book: deliveredA()
      .settle([40, 50], "release", { ...A, token: 1 })
      .receive([60, 70], [{ ...A, token: 2 }])
      .call(
        [80, 90],
        { kind: "settle", action: "release", queue: "orders", receipts: [{ ...A, token: 1 }] },
        { kind: "settled", results: ["ok"] },
        { repeats: 3 },
      ),
  },
  {
    judge: staleReceipt,
    about: "an invented one works",
    book: new HistoryBook().settle([0, 10], "extend", { body: "", token: 99, ms: 5 }),
    finds: ": extend worked with an invented receipt",
  },
  {
    judge: staleReceipt,
    about: "tokens that shrink",
    book: sentA()
      .receive([20, 30], [{ ...A, token: 7 }])
      .receive([2_000, 2_010], [{ ...A, token: 6 }]),
    finds: "a: token 6 was granted after token 7",
  },
  {
    judge: receiveCount,
    about: "one more for each grant, unseen ones too",
    book: deliveredA().receive([2_000, 2_010], [{ ...A, token: 5, receiveCount: 3 }]),
  },
  {
    judge: receiveCount,
    about: "a grant that its taker gave back as undelivered does not count",
    book: deliveredA()
      .settle([40, 50], "undelivered", { ...A, token: 1 })
      .receive([2_000, 2_010], [{ ...A, token: 2, receiveCount: 1 }]),
  },
  {
    judge: receiveCount,
    about: "a later grant that counts no more than the one before",
    book: deliveredA().receive([2_000, 2_010], [{ ...A, token: 2, receiveCount: 1 }]),
    finds: "a: the grant under 2 is number 1, after number 1",
  },
  {
    judge: delays,
    about: "after its delay, but for a clock's drift",
    book: new HistoryBook()
      .send([0, 10], [{ ...A, delayMs: 1_000 }])
      .receive([980, 998], [{ ...A, token: 1 }]),
  },
  {
    judge: delays,
    about: "before its delay",
    book: new HistoryBook()
      .send([0, 10], [{ ...A, delayMs: 1_000 }])
      .receive([20, 900], [{ ...A, token: 1 }]),
    finds: "a: sent at 0 with 1000 ms, came at 900",
  },
  {
    judge: deadLetterOnce,
    about: "from its queue, then from the one of dead letters",
    book: deliveredA().receive([3_000, 3_010], [{ ...A, token: 1 }], { queue: "dead" }),
  },
  {
    judge: deadLetterOnce,
    about: "from its queue again after that",
    book: deliveredA()
      .receive([3_000, 3_010], [{ ...A, token: 1 }], { queue: "dead" })
      .receive([3_020, 3_030], [{ ...A, token: 2 }]),
    finds: "a: delivered from orders after it was in dead",
  },
  {
    judge: deadLetterOnce,
    about: "from a third queue",
    book: deliveredA()
      .receive([3_000, 3_010], [{ ...A, token: 1 }], { queue: "dead" })
      .receive([3_020, 3_030], [{ ...A, token: 1 }], { queue: "other" }),
    finds: "a: delivered from orders, dead and other",
  },
  {
    judge: noAcknowledgedSendLost,
    about: "acknowledged and delivered; unknown and never seen",
    book: deliveredA().send([40, "never"], [{ body: "b" }]),
  },
  {
    judge: noAcknowledgedSendLost,
    about: "a purge may have taken it",
    book: sentA().purge([20, 30]),
  },
  {
    judge: noAcknowledgedSendLost,
    about: "a purge of its dead letters may have taken it",
    book: sentA()
      .call(
        [11, 12],
        { kind: "create", queue: "orders", attributes: {}, deadLetterQueue: "dead" },
        { kind: "done", changed: true },
      )
      .call([20, 30], { kind: "purge", queue: "dead" }, { kind: "done", changed: true }),
  },
  {
    judge: noAcknowledgedSendLost,
    about: "acknowledged and never seen again",
    book: sentA(),
    finds: "a: acknowledged at 10, never seen again",
  },
  {
    judge: liveLease,
    about: "handed out in time",
    book: sentA().receive([20, 30], [{ ...A, token: 1, deadline: 2_000 }], {
      clusterTimeMs: 1_990,
    }),
  },
  {
    judge: liveLease,
    about: "handed out long after it ran out",
    book: sentA().receive([20, 30], [{ ...A, token: 1, deadline: 2_000 }], {
      clusterTimeMs: 9_000,
    }),
    finds: "a: node undefined handed out token 1 at 9000, its lease ended at 2000",
  },
  {
    judge: attributeLinearizability,
    about: "reads that overlap a write may see either value",
    book: new HistoryBook()
      .set([0, 10], { mark: 1 })
      .set([20, 100], { mark: 2 })
      .read([30, 40], { mark: 1 })
      .read([50, 60], { mark: 2 }),
  },
  {
    judge: attributeLinearizability,
    about: "a write without an answer may come late or never",
    book: new HistoryBook()
      .set([0, 10], { mark: 1 })
      .set([20, "never"], { mark: 2 })
      .read([30, 40], { mark: 1 })
      .read([500, 510], { mark: 2 }),
  },
  {
    judge: attributeLinearizability,
    about: "a new value and then the old one again",
    book: new HistoryBook()
      .set([0, 10], { mark: 1 })
      .set([20, 100], { mark: 2 })
      .read([30, 40], { mark: 2 })
      .read([50, 60], { mark: 1 }),
    finds: "orders.mark: 2 was written and overwritten while 1 was the value",
  },
  {
    judge: attributeLinearizability,
    about: "two values by turns",
    book: new HistoryBook()
      .set([0, 10], { mark: 1 })
      .set([12, 14], { mark: 2 })
      .read([30, 31], { mark: 1 })
      .read([50, 51], { mark: 2 }),
    finds: "orders.mark: 1 was the value until 30, 2 from 14",
  },
  {
    judge: attributeLinearizability,
    about: "an overwritten value",
    book: new HistoryBook()
      .set([0, 10], { mark: 1 })
      .set([20, 30], { mark: 2 })
      .read([40, 50], { mark: 1 }),
    finds: "orders.mark: 2 was written and overwritten while 1 was the value",
  },
  {
    judge: attributeLinearizability,
    about: "a value that nobody wrote",
    book: new HistoryBook().set([0, 10], { mark: 1 }).read([20, 30], { mark: 3 }),
    finds: "orders.mark: 3 was read at 20, never written",
  },
];

describe.each(CASES)("$judge.name", ({ judge, about, book, finds }) => {
  test(`${finds === undefined ? "lets pass" : "finds"}: ${about}`, () => {
    const found: string[] = [];
    judge.judge(book.history, (what) => found.push(what));
    expect(found).toEqual(finds === undefined ? [] : [finds]);
  });
});

describe("a recorded history", () => {
  test("is judged the same after it was written down and read again", () => {
    const { history } = sentA();
    const events: unknown = JSON.parse(JSON.stringify(history.events));
    expect(events).toEqual(history.events);
    expect(judgeHistory(history).map((found) => found.checker)).toEqual([
      "no-acknowledged-send-lost",
    ]);
    expect(judgeHistory(history, { drained: false })).toEqual([]);
  });
});
