import { beforeEach, describe, expect, test } from "vitest";
import { type Delivery, History } from "./history.ts";

const first: Delivery = {
  key: "k1",
  messageId: "m1",
  receiptHandle: "r1",
  receiveCount: 1,
  fencingToken: 10,
  calledAtMs: 1_000,
  answeredAtMs: 1_010,
  leaseRemainingMs: 5_000,
};
const second: Delivery = {
  ...first,
  receiptHandle: "r2",
  receiveCount: 2,
  fencingToken: 11,
  calledAtMs: 6_000,
  answeredAtMs: 6_020,
};

describe("what a history of senders and workers proves", () => {
  let history = new History();
  beforeEach(() => {
    history = new History();
    history.attempted("k1", 900);
    history.acknowledged("k1", "m1", 950);
  });

  test("a message sent, delivered twice and tombstoned is as promised", () => {
    history.delivered(first);
    history.delivered(second);
    history.tombstoned(second, 6_100, 6_110);
    expect(history.violations()).toEqual([]);
    expect(history.unfinished()).toEqual([]);
  });

  test("an acknowledged message that never came is lost", () => {
    expect(history.violations()).toEqual([
      expect.stringMatching(/never lost: k1: acknowledged .* never seen again/),
    ]);
  });

  test("a send without an answer may be there or not", () => {
    history.delivered(first);
    history.attempted("k2", 900);
    expect(history.violations()).toEqual([]);
    history.delivered({ ...first, key: "k2", messageId: "m2" });
    expect(history.violations()).toEqual([]);
  });

  test("a message that nobody sent", () => {
    history.delivered(first);
    history.delivered({ ...first, key: "k9" });
    expect(history.violations()).toEqual([
      "nothing is delivered that nobody sent: k9: delivered from work, never sent",
    ]);
  });

  test("a retried send that was stored twice", () => {
    history.delivered(first);
    history.delivered({ ...first, messageId: "m2", fencingToken: 10 });
    expect(history.violations()).toEqual([
      expect.stringMatching(/at most once.*: k1: stored as m1, m2/),
    ]);
  });

  test("a message that rose from its tombstone, even if that was seen first", () => {
    history.delivered(first);
    history.delivered(second);
    history.tombstoned(first, 2_000, 2_010);
    expect(history.violations()).toEqual([
      expect.stringMatching(/is final: k1: tombstoned under 10, granted again as 11/),
    ]);
  });

  test("a lease that ended early", () => {
    history.delivered(first);
    history.delivered({ ...second, calledAtMs: 5_000, answeredAtMs: 5_100 });
    expect(history.violations()).toEqual([
      expect.stringMatching(/no redelivery before .*: k1: token 11 came 890 ms before token 10/),
    ]);
  });

  test("a lease that its holder gave back may end early", () => {
    history.delivered(first);
    history.ended(first, 2_000);
    history.delivered({ ...second, calledAtMs: 2_000, answeredAtMs: 2_100 });
    expect(history.violations()).toEqual([]);
  });

  test("a receive count that does not grow", () => {
    history.delivered(first);
    history.delivered({ ...second, receiveCount: 1 });
    expect(history.violations()).toEqual([
      expect.stringMatching(/receive count .*: k1: the grant under 11 is number 1, after number 1/),
    ]);
  });

  test("an attribute that was read as it was before it was changed", () => {
    history.delivered(first);
    const counters = { available: 0, inFlight: 0, delayed: 0 };
    history.created({ retentionMs: 60_000 }, 0);
    history.changing({ retentionMs: 60_001 }, performance.now())("done");
    const calledAtMs = performance.now() + 1;
    const reading = { counters, calledAtMs, answeredAtMs: calledAtMs + 1 };
    history.read({ ...reading, attributes: { retentionMs: 60_001 } });
    expect(history.violations()).toEqual([]);
    history.read({ ...reading, attributes: { retentionMs: 60_000 } });
    expect(history.violations()).toEqual([expect.stringMatching(/attributes are linearizable/)]);
  });
});
