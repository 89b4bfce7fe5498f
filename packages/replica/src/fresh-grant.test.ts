import { clusterTime, duration } from "@kqueuey/base";
import { type GrantedOutcome, queueId } from "@kqueuey/queue";
import { describe, expect, test } from "vitest";
import { isFreshGrant } from "./fresh-grant.ts";

function grantUntil(...deadlines: number[]): GrantedOutcome {
  const count = deadlines.length;
  const column = (): Float64Array => new Float64Array(count);
  return {
    kind: "granted",
    queueId: queueId(1),
    replayed: false,
    grantFirst: 1,
    grantCount: count,
    count,
    leaseMs: duration(1_000),
    nowMs: clusterTime(0),
    sequences: column(),
    entries: column(),
    offsets: new Uint32Array(count),
    tokens: column(),
    deadlines: Float64Array.from(deadlines),
    receiveCounts: new Uint32Array(count),
    firstReceived: column(),
    originQueues: undefined,
    originSequences: undefined,
    sourceQueues: undefined,
  };
}

describe("a grant is handed on while at least half of every lease is left", () => {
  test.each([
    ["half is left", grantUntil(1_000), clusterTime(500), true],
    ["less than half is left", grantUntil(1_000), clusterTime(501), false],
    ["the earliest deadline counts", grantUntil(1_000, 900), clusterTime(450), false],
    ["nothing was granted", grantUntil(), clusterTime(9_999), true],
    ["there is no cluster time", grantUntil(1_000), undefined, true],
  ])("%s", (_, grant, now, fresh) => {
    expect(isFreshGrant(grant, now)).toBe(fresh);
  });
});
