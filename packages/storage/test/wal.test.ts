import { groupId, incarnation, logIndex, nodeId, term } from "@kqueuey/base";
import { describe, expect, test } from "vitest";
import type { SegmentId } from "../src/wal/types.ts";
import { entries, GROUP, lastIndexes, SEGMENT_BYTES, WalFixture } from "./wal-fixture.ts";

const IO = { code: "io", message: "sick" } as const;
const HARD_STATE = {
  term: term(4),
  vote: nodeId(2),
  incarnation: incarnation(1),
  commit: logIndex(1),
};

function openedFixture(config = {}): WalFixture {
  const fixture = new WalFixture(config);
  fixture.opened();
  return fixture;
}

describe("an append", () => {
  test("says where each entry's data lies, and it can be read there", () => {
    const fixture = openedFixture();
    const { placements } = fixture.append({ hardState: HARD_STATE, entries: entries(1, 3, 10) });
    expect(placements.count).toBe(3);
    for (let i = 0; i < 3; i++) {
      let bytes: Uint8Array | undefined;
      const range = {
        segment: placements.segment(i),
        position: placements.position(i),
        length: placements.length(i),
      };
      fixture.wal.read(range, (result) => {
        if (result.ok) bytes = result.value;
      });
      expect(bytes).toBeUndefined();
      fixture.disk.run();
      expect(bytes).toEqual(new Uint8Array(10).fill(i + 1));
      expect(placements.kind(i)).toBe("commands");
    }
  });

  test("that arrives during a write shares the next group with the others", () => {
    const fixture = openedFixture();
    const before = fixture.wal.stats().groupsWritten;
    const order: number[] = [];
    for (let i = 1; i <= 10; i++) {
      fixture.wal.append(GROUP, { entries: entries(i, 1) }, () => order.push(i));
    }
    expect(order).toEqual([]);
    fixture.disk.run();
    expect(order).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(fixture.wal.stats().groupsWritten - before).toBe(2);
    expect(fixture.wal.stats().queuedBytes).toBe(0);
  });

  test("made inside a completion waits for its turn", () => {
    const fixture = openedFixture();
    const order: string[] = [];
    fixture.wal.append(GROUP, { entries: entries(1, 1) }, () => {
      fixture.wal.append(GROUP, { entries: entries(3, 1) }, () => order.push("third"));
      order.push("first");
    });
    fixture.wal.append(GROUP, { entries: entries(2, 1) }, () => order.push("second"));
    fixture.disk.run();
    expect(order).toEqual(["first", "second", "third"]);
  });

  test("larger than a group is spread over several, an entry is never split", () => {
    const fixture = openedFixture({ groupBytesMax: 1_000 });
    const before = fixture.wal.stats().groupsWritten;
    const { placements } = fixture.append({ entries: entries(1, 5, 700) });
    expect(placements.count).toBe(5);
    expect(fixture.wal.stats().groupsWritten - before).toBe(5);
    expect(fixture.append({ entries: entries(6, 1, 20_000) }).placements.length(0)).toBe(20_000);
  });

  test("is refused while too much waits, and nothing of it is taken", () => {
    const fixture = openedFixture({ queuedBytesMax: 1_000 });
    const first = fixture.begin({ entries: entries(1, 1, 2_000) });
    const refused = fixture.wal.append(GROUP, { entries: entries(2, 1) }, () => {
      expect.unreachable();
    });
    expect(refused).toBe("full");
    fixture.disk.run();
    expect(first.result?.ok).toBe(true);
    fixture.append({ entries: entries(2, 1) });
  });

  test("that leaves a gap, or is too large, is a programmer error", () => {
    const fixture = openedFixture();
    expect(() => fixture.begin({ entries: entries(2, 1) })).toThrow("without a gap");
    const huge = entries(1, 1, SEGMENT_BYTES / 2 + 1);
    expect(() => fixture.begin({ entries: huge })).toThrow("half a segment");
  });

  test("of nothing completes in its turn", () => {
    const fixture = openedFixture();
    expect(fixture.append({}).placements.count).toBe(0);
  });
});

describe("a disk that fails", () => {
  for (const [syncMode, failing] of [
    ["dsync", "write"],
    ["fdatasync", "write"],
    ["fdatasync", "sync"],
  ] as const) {
    test(`at a ${failing} in mode ${syncMode} ends the log for every waiter, once`, () => {
      const fixture = openedFixture({ syncMode });
      fixture.append({ entries: entries(1, 1) });
      fixture.disk.fault = (request) => (request === failing ? IO : undefined);
      const waiting = [2, 3, 4].map((index) => fixture.begin({ entries: entries(index, 1) }));
      fixture.disk.run();
      for (const { result } of waiting) {
        expect(result).toMatchObject({ ok: false, failure: { code: "io" } });
      }
      fixture.disk.fault = undefined;
      const after = fixture.wal.append(GROUP, { entries: entries(2, 1) }, () => {
        expect.unreachable();
      });
      expect(after).toBe("failed");
      fixture.tick(10_000);
      expect(fixture.wal.stats().state).toBe("failed");
      expect(fixture.failures).toHaveLength(1);
      expect(fixture.disk.pending).toBe(0);
    });
  }

  test("at a read fails the read alone", () => {
    const fixture = openedFixture();
    const { placements } = fixture.append({ entries: entries(1, 1) });
    fixture.disk.fault = (request) => (request === "read" ? IO : undefined);
    let code = "";
    const range = { segment: placements.segment(0), position: placements.position(0), length: 1 };
    fixture.wal.read(range, (result) => {
      if (!result.ok) code = result.failure.code;
    });
    fixture.disk.run();
    expect(code).toBe("io");
    fixture.disk.fault = undefined;
    fixture.append({ entries: entries(2, 1) });
  });
});

describe("an idle log", () => {
  test("confirms its last write once, after 50 ms", () => {
    const fixture = openedFixture();
    fixture.tick(1_000);
    fixture.append({ entries: entries(1, 1) });
    const written = fixture.wal.stats().groupsWritten;
    fixture.tick(1_049);
    expect(fixture.wal.stats().groupsWritten).toBe(written);
    fixture.tick(1_050);
    expect(fixture.wal.stats().groupsWritten).toBe(written + 1);
    fixture.tick(9_000);
    expect(fixture.wal.stats().groupsWritten).toBe(written + 1);
  });
});

describe("segments", () => {
  test("follow one another, and tell what each holds of a group's log", () => {
    const fixture = openedFixture();
    fixture.fill(1, 16);
    const segments = fixture.wal.segments();
    expect(segments.map((segment) => segment.id)).toEqual([1, 2, 3]);
    expect(segments.map((segment) => segment.state)).toEqual(["sealed", "sealed", "active"]);
    expect(lastIndexes(fixture.wal)).toEqual([7, 15, 16]);
    fixture.append({ truncateFrom: logIndex(12) });
    expect(lastIndexes(fixture.wal)).toEqual([7, 11, 11]);
    fixture.append({ resetTo: { index: logIndex(20), term: term(1) } });
    expect(lastIndexes(fixture.wal)).toEqual([undefined, undefined, undefined]);
  });

  test("are given back when covered, and come again under another id", () => {
    const fixture = openedFixture({ aheadSegments: 1, spareSegments: 1 });
    fixture.fill(1, 20);
    fixture.cover(6);
    expect(fixture.wal.coveredSegments()).toEqual([]);
    fixture.cover(15);
    expect(fixture.wal.coveredSegments()).toEqual([1, 2]);
    const before = fixture.names();
    fixture.wal.reclaim(1 as SegmentId);
    expect(fixture.wal.has(1 as SegmentId)).toBe(false);
    fixture.disk.run();
    expect(fixture.wal.compacted(GROUP)).toEqual({ index: 7, term: 1 });
    expect(fixture.names()).toHaveLength(before.length);
    expect(fixture.names()).not.toContain("0000000001.seg");
    fixture.wal.reclaim(2 as SegmentId);
    fixture.disk.run();
    expect(fixture.names(), "one spare is kept, no more").toHaveLength(before.length - 1);
    const found = fixture.reopened().recovered.groups.get(GROUP);
    expect(found?.compacted).toEqual({ index: 15, term: 1 });
    expect(found?.last).toEqual({ index: 20, term: 1 });
  });

  test("are kept while someone holds them", () => {
    const fixture = openedFixture();
    fixture.fill(1, 10);
    fixture.cover(7);
    const [first] = fixture.wal.coveredSegments();
    if (first === undefined) throw new Error("nothing covered");
    fixture.wal.pin(first);
    fixture.wal.reclaim(first);
    fixture.disk.run();
    expect(fixture.names()).toContain("0000000001.seg");
    expect(() => fixture.wal.pin(first)).toThrow("given back");
    let length = 0;
    fixture.wal.read({ segment: first, position: 0, length: 100 }, (result) => {
      if (result.ok) length = result.value.length;
    });
    fixture.disk.run();
    expect(length).toBe(100);
    fixture.wal.unpin(first);
    fixture.disk.run();
    expect(fixture.names()).not.toContain("0000000001.seg");
    const range = { segment: first, position: 0, length: 100 };
    expect(() => fixture.wal.read(range, () => undefined)).toThrow("not in use");
  });

  test("hold the state of every group at their beginning, so that the older ones can go", () => {
    const fixture = openedFixture();
    const marker = { index: logIndex(9), term: term(3), directory: "groups/5/snapshot-9" };
    fixture.append({ hardState: HARD_STATE, snapshotMarker: marker }, groupId(5));
    fixture.fill(1, 10);
    fixture.cover(7);
    fixture.wal.reclaim(1 as SegmentId);
    fixture.disk.run();
    const found = fixture.reopened().recovered.groups.get(groupId(5));
    expect(found).toMatchObject({ hardState: HARD_STATE, snapshotMarker: marker });
    expect(found?.compacted).toEqual({ index: 9, term: 3 });
    expect(found?.last).toEqual({ index: 9, term: 3 });
  });
});

describe("a full disk", () => {
  test("is told, the log goes on with what it has, and recovers by itself", () => {
    const fixture = openedFixture();
    fixture.tick(1_000);
    fixture.disk.spaceBytes = 10_000;
    fixture.fill(1, 8);
    expect(fixture.wal.stats().space).toBe("full");
    fixture.fill(9, 23);
    const waiting = fixture.begin({ entries: entries(24, 1, 8_000) });
    fixture.tick(3_000);
    expect(waiting.result).toBeUndefined();
    fixture.disk.spaceBytes = 10_000_000;
    fixture.tick(3_500);
    expect(waiting.result, "it is not tried all the time").toBeUndefined();
    fixture.tick(4_000);
    expect(waiting.result?.ok).toBe(true);
    expect(fixture.wal.stats().space).toBe("ample");
  });

  test("is better when segments are given back", () => {
    const fixture = openedFixture();
    fixture.disk.spaceBytes = 0;
    fixture.fill(1, 16);
    expect(fixture.wal.stats()).toMatchObject({ space: "full", aheadSegments: 0 });
    fixture.cover(15);
    for (const segment of fixture.wal.coveredSegments()) fixture.wal.reclaim(segment);
    fixture.disk.run();
    expect(fixture.wal.stats()).toMatchObject({ space: "ample", aheadSegments: 2 });
  });

  test("refuses a new log, and lets an old one be opened", () => {
    const fixture = new WalFixture();
    fixture.disk.spaceBytes = 1_000;
    expect(fixture.open()).toMatchObject({ kind: "failed", failure: { code: "no-space" } });
    fixture.disk.spaceBytes = SEGMENT_BYTES * 3;
    fixture.disk.crash();
    fixture.opened();
    fixture.append({ entries: entries(1, 1) });
    fixture.disk.spaceBytes = 0;
    expect(fixture.reopened().recovered.groups.get(GROUP)?.last.index).toBe(1);
  });
});

describe("closing", () => {
  test("waits for what was accepted; later appends fail", () => {
    const fixture = openedFixture();
    const pending = fixture.begin({ entries: entries(1, 1) });
    let closed = false;
    fixture.wal.close((result) => {
      closed = result.ok;
    });
    expect(closed).toBe(false);
    fixture.disk.run();
    expect(pending.result?.ok).toBe(true);
    expect(closed).toBe(true);
    const after = fixture.wal.append(GROUP, { entries: entries(2, 1) }, () => undefined);
    expect(after).toBe("failed");
    expect(fixture.reopened().recovered.groups.get(GROUP)?.last.index).toBe(1);
  });

  test("gives up what can't be written because the disk is full", () => {
    const fixture = openedFixture();
    fixture.disk.spaceBytes = 0;
    fixture.fill(1, 23);
    const waiting = fixture.begin({ entries: entries(24, 1, 8_000) });
    let closed = false;
    fixture.wal.close((result) => {
      closed = result.ok;
    });
    fixture.disk.run();
    expect(waiting.result).toMatchObject({ ok: false, failure: { code: "closed" } });
    expect(closed).toBe(true);
  });
});
