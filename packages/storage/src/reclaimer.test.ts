import { groupId, logIndex } from "@kqueuey/base";
import { expect, test } from "vitest";
import { Reclaimer } from "./reclaimer.ts";
import type { SegmentId, SegmentInfo } from "./wal/types.ts";

const SEGMENT: SegmentId = segmentId(7);
const GROUP = groupId(0);

function segmentId(value: number): SegmentId {
  return value as SegmentId;
}

/** One sealed segment of 1,000 bytes, of which `live` are alive; tells how often it was compacted. */
function scene(lastsMs: number) {
  const state = { live: 490, compacted: 0, reclaimed: 0, space: "ample" as "ample" | "full" };
  const info: SegmentInfo = {
    id: SEGMENT,
    state: "sealed",
    bytes: 1_024,
    dataBytes: 1_000,
    pins: 0,
    lastIndexes: new Map([[GROUP, logIndex(9)]]),
  };
  const group = {
    mayRelease: () => true,
    release: () => undefined,
    usesOf: () => ({ bodyEntries: state.live > 0 ? 1 : 0, liveBytes: state.live }),
    compact: () => {
      state.compacted += 1;
      return true;
    },
    forgetSegment: () => undefined,
  };
  const wal = {
    coveredSegments: () => (state.reclaimed > 0 ? [] : [SEGMENT]),
    segments: () => [info],
    stats: () => ({ space: state.space }),
    reclaim: () => {
      state.reclaimed += 1;
    },
  };
  return { state, reclaimer: new Reclaimer(wal, new Map([[GROUP, group]]), lastsMs) };
}

test("bodies are copied out of a mostly dead segment once it lost little in the time that it is watched", () => {
  const { state, reclaimer } = scene(2_000);
  for (let ms = 0; ms < 2_000; ms += 100) reclaimer.tick(ms);
  expect(state.compacted).toBe(0);
  reclaimer.tick(2_000);
  expect(state.compacted).toBe(1);
  // The compactor may have been busy: it is asked again.
  reclaimer.tick(2_100);
  expect(state.compacted).toBe(2);
});

test("a segment that is emptied by its queue is given back without a copy", () => {
  const { state, reclaimer } = scene(2_000);
  for (let ms = 0; state.live > 0; ms += 100) {
    reclaimer.tick(ms);
    state.live -= 5;
  }
  state.live = 0;
  reclaimer.tick(60_000);
  expect(state).toMatchObject({ compacted: 0, reclaimed: 1 });
});

test.each([
  ["on a full disk", 2_000, "full" as const],
  ["when it is told so", 0, "ample" as const],
])("nothing is waited for %s", (_, lastsMs, space) => {
  const { state, reclaimer } = scene(lastsMs);
  state.space = space;
  reclaimer.tick(0);
  expect(state.compacted).toBe(1);
});
