import { clusterTime, monotonic, term } from "@kqueuey/base";
import { describe, expect, test } from "vitest";
import { ClusterClock } from "./cluster-clock.ts";

const at = monotonic;

describe("cluster time", () => {
  test("a leader counts on from the log's tail", () => {
    const clock = new ClusterClock();
    clock.raiseFloor(clusterTime(5_000));
    clock.startLeading(term(1), at(100));
    expect(clock.now(at(100))).toBe(5_000);
    expect(clock.now(at(350.7))).toBe(5_250);
  });

  test("a leader whose log turns out to hold a later time counts on from that, and never stands still", () => {
    const clock = new ClusterClock();
    clock.startLeading(term(1), at(0));
    expect(clock.now(at(40))).toBe(40);
    clock.raiseFloor(clusterTime(60_000)); // the log's tail, applied after the election
    expect(clock.now(at(50))).toBe(60_000);
    expect(clock.now(at(80))).toBe(60_030);
    expect(clock.now(at(1_050))).toBe(61_000);
  });

  test("a follower's estimate is the fastest pairing, never ahead of the leader", () => {
    const clock = new ClusterClock();
    clock.hear(clusterTime(1_000), term(1), at(50)); // 0 ms on the way
    clock.hear(clusterTime(1_010), term(1), at(90)); // 30 ms on the way
    expect(clock.now(at(100))).toBe(1_050);
  });

  test("a frame that lay in a buffer during a pause does not set the estimate back", () => {
    const clock = new ClusterClock();
    clock.hear(clusterTime(1_000), term(1), at(0));
    clock.hear(clusterTime(1_100), term(1), at(9_000));
    expect(clock.now(at(9_000))).toBe(10_000);
  });

  test("pairings age out, so that a fast local clock cannot run ahead for ever", () => {
    const clock = new ClusterClock();
    clock.hear(clusterTime(0), term(1), at(0));
    // Our clock runs twice as fast as the leader's.
    for (let now = 100; now <= 60_000; now += 100) {
      clock.hear(clusterTime(Math.floor(now / 2)), term(1), at(now));
    }
    expect(clock.now(at(60_000))).toBeLessThanOrEqual(30_000 + 5_100);
  });

  test("a time that no clock shows, from a garbled frame or entry, is not believed", () => {
    const clock = new ClusterClock();
    clock.hear(clusterTime(1_000), term(1), at(50));
    clock.hear(clusterTime(2 ** 47), term(1), at(60));
    clock.raiseFloor(clusterTime(2 ** 40));
    clock.startLeading(term(2), at(70));
    expect(clock.now(at(80))).toBe(1_030);
  });

  test("a newer term's leader replaces what older ones said", () => {
    const clock = new ClusterClock();
    clock.startLeading(term(1), at(0));
    clock.stopLeading(at(1_000));
    expect(clock.now(at(2_000))).toBe(2_000);
    clock.hear(clusterTime(1_990), term(2), at(2_000));
    expect(clock.now(at(2_000))).toBe(1_990);
    clock.hear(clusterTime(9_000), term(1), at(2_000)); // a deposed leader's late frame
    expect(clock.now(at(2_000))).toBe(1_990);
  });
});
