import { crc32 } from "node:zlib";
import { groupId, incarnation, logIndex, nodeId, term } from "@kqueuey/base";
import { describe, expect, test } from "vitest";
import { BLOCK_BYTES, HEADER_BYTES } from "../src/wal/format.ts";
import { quarantineWal } from "../src/wal/open.ts";
import type { RecoveredGroup } from "../src/wal/types.ts";
import { entries, GROUP, SEGMENT_BYTES, WalFixture } from "./wal-fixture.ts";

function openedFixture(config = {}): WalFixture {
  const fixture = new WalFixture(config);
  fixture.opened();
  return fixture;
}

function segment(fixture: WalFixture, id: number): Uint8Array {
  return fixture.disk.contents(`wal/${String(id).padStart(10, "0")}.seg`);
}

/** Where the write groups of a segment begin. */
function groupsOf(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const starts: number[] = [];
  for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
    if (view.getUint32(at, true) === 0x4757514b) starts.push(at);
  }
  return starts;
}

function indexesOf(found: RecoveredGroup | undefined): number[] {
  return (found?.placements ?? []).flatMap(({ from, placements }) =>
    Array.from({ length: placements.count }, (_, i) => from + i),
  );
}

describe("a new log", () => {
  test("is fresh until something about a group is written", () => {
    const fixture = new WalFixture();
    expect(fixture.opened().recovered).toMatchObject({ fresh: true, tornTail: false });
    expect(fixture.reopened().recovered.fresh).toBe(true);
    fixture.append({ entries: entries(1, 1) });
    expect(fixture.reopened().recovered.fresh).toBe(false);
  });
});

describe("recovery", () => {
  test("gives back hard state, log, terms and places", () => {
    const fixture = openedFixture();
    const hardState = {
      term: term(3),
      vote: nodeId(2),
      incarnation: incarnation(1),
      commit: logIndex(2),
    };
    fixture.append({ hardState, entries: [...entries(1, 3), ...entries(4, 2, 50, 2)] });
    fixture.append({ entries: entries(5, 2, 10, 3) });
    const found = fixture.reopened().recovered.groups.get(GROUP);
    expect(found).toMatchObject({ hardState, compacted: { index: 0, term: 0 } });
    expect(found?.last).toEqual({ index: 6, term: 3 });
    expect(found?.termRuns).toEqual([
      { from: 1, term: 1 },
      { from: 4, term: 2 },
      { from: 5, term: 3 },
    ]);
    expect(indexesOf(found)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(found?.placements[0]?.placements.length(4)).toBe(10);
  });

  test("forgets places from before a snapshot, keeps those from before a reset", () => {
    const fixture = openedFixture();
    fixture.append({ entries: entries(1, 5) });
    fixture.append({ resetTo: { index: logIndex(3), term: term(1) } });
    fixture.append({ entries: entries(4, 1, 10, 2) });
    expect(indexesOf(fixture.reopened().recovered.groups.get(GROUP))).toEqual([1, 2, 3, 4]);
    const point = { index: logIndex(9), term: term(2) };
    fixture.append({ snapshotMarker: { ...point, directory: "snapshot-9" } });
    fixture.append({ entries: entries(10, 2, 10, 2) });
    const found = fixture.reopened().recovered.groups.get(GROUP);
    expect(indexesOf(found)).toEqual([10, 11]);
    expect(found?.compacted).toEqual(point);
  });

  test("keeps groups apart", () => {
    const fixture = openedFixture();
    fixture.append({ entries: entries(1, 2) }, groupId(0));
    fixture.append({ entries: entries(1, 7) }, groupId(65_535));
    const { groups } = fixture.reopened().recovered;
    expect(groups.get(groupId(0))?.last.index).toBe(2);
    expect(groups.get(groupId(65_535))?.last.index).toBe(7);
    expect(groups.size).toBe(2);
  });

  test("cuts a torn last write and says so; the next write takes its place", () => {
    const fixture = openedFixture();
    fixture.append({ entries: entries(1, 1) });
    fixture.append({ entries: entries(2, 1, 9_000) });
    const bytes = segment(fixture, 1);
    const last = groupsOf(bytes).at(-1) ?? 0;
    bytes.fill(0, last + BLOCK_BYTES, last + BLOCK_BYTES * 3);
    const opened = fixture.reopened();
    expect(opened.recovered.tornTail).toBe(true);
    expect(opened.recovered.groups.get(GROUP)?.last.index).toBe(1);
    fixture.append({ entries: entries(2, 1, 10, 2) });
    const found = fixture.reopened();
    expect(found.recovered.tornTail).toBe(false);
    expect(found.recovered.groups.get(GROUP)?.last).toEqual({ index: 2, term: 2 });
  });

  test("cuts the torn head of a new segment and goes on in the one before", () => {
    const fixture = openedFixture();
    fixture.fill(1, 8);
    expect(fixture.wal.segments()).toHaveLength(2);
    segment(fixture, 2).fill(0, HEADER_BYTES, BLOCK_BYTES);
    const opened = fixture.reopened();
    expect(opened.recovered.tornTail).toBe(true);
    expect(opened.recovered.groups.get(GROUP)?.last.index).toBe(7);
    fixture.fill(8, 12);
    expect(fixture.reopened().recovered.groups.get(GROUP)?.last.index).toBe(12);
  });

  test("takes a bad group that a later one follows for damage, and changes nothing", () => {
    for (const at of [0, 20, HEADER_BYTES + 3, 150]) {
      const fixture = openedFixture();
      for (let index = 1; index <= 4; index++) fixture.append({ entries: entries(index, 1) });
      const bytes = segment(fixture, 1);
      const second = groupsOf(bytes)[1] ?? 0;
      bytes[second + at] = (bytes[second + at] ?? 0) ^ 4;
      const before = bytes.slice();
      fixture.disk.crash();
      const opened = fixture.open();
      if (opened.kind !== "damaged") throw new Error(`${opened.kind} at ${at}`);
      expect(opened.damage).toMatchObject({ segment: 1, position: second });
      expect(segment(fixture, 1)).toEqual(before);
    }
  });

  test("takes a bad head that later groups follow for damage, not for the end of the log", () => {
    for (const at of [0, 20, HEADER_BYTES + 3]) {
      const fixture = openedFixture();
      fixture.fill(1, 10);
      const bytes = segment(fixture, 2);
      bytes[at] = (bytes[at] ?? 0) ^ 4;
      fixture.disk.crash();
      expect(fixture.open(), `at ${at}`).toMatchObject({
        kind: "damaged",
        damage: { segment: 2, position: 0 },
      });
    }
  });

  test("is not fooled by a message body that looks like a later group", () => {
    const fixture = openedFixture();
    fixture.append({ entries: entries(1, 1) });
    const bytes = segment(fixture, 1);
    const [, position = 0] = groupsOf(bytes);
    const forged = bytes.slice(position, position + HEADER_BYTES);
    const view = new DataView(forged.buffer);
    view.setUint32(16, view.getUint32(16, true) + 9, true);
    // All but the salt is right.
    view.setUint32(32, view.getUint32(32, true) ^ 1, true);
    view.setUint32(60, crc32(forged.subarray(0, 60)), true);
    const body = new Uint8Array(BLOCK_BYTES * 3);
    body.set(forged, BLOCK_BYTES - HEADER_BYTES - 30);
    const data = { index: logIndex(2), term: term(1), kind: "commands", data: body } as const;
    const { placements } = fixture.append({ entries: [data] });
    const at = placements.position(0) + BLOCK_BYTES - HEADER_BYTES - 30;
    expect(at % BLOCK_BYTES, "the forgery stands where a group could").toBe(0);
    const written = segment(fixture, 1);
    written[placements.position(0)] = 1;
    const opened = fixture.reopened();
    expect(opened.recovered.tornTail).toBe(true);
    expect(opened.recovered.groups.get(GROUP)?.last.index).toBe(1);
  });

  test("takes an empty or missing file for damage", () => {
    const fixture = openedFixture();
    fixture.fill(1, 16);
    fixture.disk.remove("wal/0000000002.seg", () => undefined);
    fixture.disk.run();
    fixture.disk.crash();
    expect(fixture.open()).toMatchObject({ kind: "damaged", damage: { segment: 2 } });
    fixture.disk.open("wal/0000000002.seg", { mode: "create" }, () => undefined);
    fixture.disk.run();
    fixture.disk.crash();
    expect(fixture.open()).toMatchObject({ kind: "damaged", damage: { segment: 2 } });
  });

  test("goes on with segments of another length when the configuration changes", () => {
    const fixture = openedFixture();
    fixture.fill(1, 10);
    fixture.reopened({ segmentBytes: SEGMENT_BYTES * 2 });
    fixture.fill(11, 40);
    const lengths = fixture.wal.segments().map(({ bytes }) => bytes / SEGMENT_BYTES);
    expect(lengths).toEqual([1, 1, 2, 2]);
    expect(fixture.reopened().recovered.groups.get(GROUP)?.last.index).toBe(40);
  });

  test("removes what a crash left of a segment in the making", () => {
    const fixture = openedFixture();
    fixture.disk.open("wal/draft", { mode: "create" }, () => undefined);
    fixture.disk.run();
    fixture.reopened();
    expect(fixture.names()).not.toContain("draft");
  });
});

describe("a newer version's log", () => {
  test("is refused at an unknown format", () => {
    const fixture = openedFixture();
    fixture.append({ entries: entries(1, 1) });
    const header = segment(fixture, 1).subarray(0, HEADER_BYTES);
    header[4] = 2;
    const view = new DataView(header.buffer, header.byteOffset);
    view.setUint32(60, crc32(header.subarray(0, 60)), true);
    fixture.disk.crash();
    expect(fixture.open()).toMatchObject({ kind: "newer-format" });
  });

  test("is refused at an unknown record, unless it may be skipped", () => {
    for (const [kind, expected] of [
      [90, "newer-format"],
      [200, "open"],
    ] as const) {
      const fixture = openedFixture();
      fixture.append({ truncateFrom: logIndex(1) });
      fixture.append({ entries: entries(1, 1), hardState: undefined });
      fixture.append({ resetTo: { index: logIndex(5), term: term(1) } });
      const bytes = segment(fixture, 1);
      const last = groupsOf(bytes).at(-1) ?? 0;
      const header = bytes.subarray(last, last + HEADER_BYTES);
      const view = new DataView(header.buffer, header.byteOffset);
      const directory = bytes.subarray(
        last + HEADER_BYTES,
        last + HEADER_BYTES + view.getUint32(40, true),
      );
      directory[0] = kind;
      view.setUint32(52, crc32(directory), true);
      view.setUint32(60, crc32(header.subarray(0, 60)), true);
      fixture.disk.crash();
      const opened = fixture.open();
      expect(opened.kind).toBe(expected);
      if (opened.kind !== "open") continue;
      expect(opened.recovered.groups.get(GROUP)?.last.index).toBe(1);
    }
  });
});

describe("quarantine", () => {
  test("moves a damaged log aside, each under its own name, and a new one begins", () => {
    const fixture = new WalFixture();
    const ports = {
      disk: fixture.disk,
      crc32: (bytes: Uint8Array, seed = 0) => crc32(bytes, seed),
      random: { nextU32: () => 1 },
    };
    for (const round of [1, 2]) {
      fixture.opened();
      fixture.fill(1, 3);
      fixture.disk.crash();
      let moved = false;
      quarantineWal(ports, fixture.config, (result) => {
        moved = result.ok;
      });
      fixture.disk.run();
      expect(moved).toBe(true);
      expect(fixture.disk.contents(`wal.damaged-${round}/0000000001.seg`)).toHaveLength(
        SEGMENT_BYTES,
      );
      expect(fixture.opened().recovered.fresh).toBe(true);
      fixture.disk.crash();
    }
  });
});
