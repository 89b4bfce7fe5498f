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
    history.attempted("k1");
    history.acknowledged("k1", "m1");
  });

  test("a message sent, delivered twice and tombstoned is as promised", () => {
    history.delivered(first);
    history.delivered(second);
    history.tombstoned(second, 6_100);
    expect(history.violations()).toEqual([]);
    expect(history.unfinished()).toEqual([]);
  });

  test("an acknowledged message that never came is lost", () => {
    expect(history.violations()).toEqual(["k1 was acknowledged and never delivered"]);
  });

  test("a send without an answer may be there or not", () => {
    history.delivered(first);
    history.attempted("k2");
    expect(history.violations()).toEqual([]);
    history.delivered({ ...first, key: "k2", messageId: "m2" });
    expect(history.violations()).toEqual([]);
  });

  test("a message that nobody sent", () => {
    history.delivered(first);
    history.delivered({ ...first, key: "k9" });
    expect(history.violations()).toEqual(["k9 was delivered and never sent"]);
  });

  test("a retried send that was stored twice", () => {
    history.delivered(first);
    history.delivered({ ...first, messageId: "m2", fencingToken: 10 });
    expect(history.violations()).toEqual(["k1 was stored 2 times: m1, m2"]);
  });

  test("a message that rose from its tombstone, even if that was seen first", () => {
    history.delivered(first);
    history.delivered(second);
    history.tombstoned(first, 2_000);
    expect(history.violations()).toEqual(["k1 was delivered after its tombstone"]);
  });

  test("a lease that ended early", () => {
    history.delivered(first);
    history.delivered({ ...second, calledAtMs: 5_000, answeredAtMs: 5_100 });
    expect(history.violations()).toEqual(["k1 was given to a second worker 890 ms early"]);
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
    expect(history.violations()).toEqual(["k1: receive count 1, then 1 for a later grant"]);
  });
});
