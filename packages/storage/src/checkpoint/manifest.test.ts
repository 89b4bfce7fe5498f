import { crc32 } from "node:zlib";
import { groupId, incarnation, logIndex, nodeId, term } from "@kqueuey/base";
import { describe, expect, test } from "vitest";
import { decodeManifest, encodeManifest, type ManifestHead } from "./manifest.ts";
import { UnitDelta, UnitTable } from "./unit-table.ts";

const GROUP = groupId(3);
const HEAD: ManifestHead = {
  sequence: 9,
  meta: {
    index: logIndex(100),
    term: term(4),
    membership: Uint8Array.of(1, 2, 3),
    hardState: {
      term: term(5),
      vote: nodeId(2),
      incarnation: incarnation(7),
      commit: logIndex(99),
    },
  },
  pageFiles: [{ number: 2, bytes: 1_000_000 }],
  bodySegments: [{ number: 5, bytes: 77 }],
};

function place(position: number) {
  return { file: 2, position, length: 20, crc: position * 3 };
}

/** A table of 10,000 units of which some are changed, some removed, some new. */
function encoded(): Uint8Array {
  const table = new UnitTable();
  const delta = new UnitDelta();
  for (let key = 0; key < 10_000; key++) table.set(key * 2 ** 20, place(16 + key));
  for (let key = 0; key < 10; key++) delta.set(key * 2 ** 20, place(500_000 + key));
  for (let key = 10; key < 15; key++) delta.remove(key * 2 ** 20);
  delta.set(1, place(600_000));
  delta.remove(3);
  const units = [
    { table, delta },
    { table: new UnitTable(), delta: new UnitDelta() },
  ] as const;
  const slices = [...encodeManifest(GROUP, { head: HEAD, units }, crc32)];
  expect(slices.length).toBeGreaterThan(2);
  return Buffer.concat(slices);
}

describe("a manifest", () => {
  test("reads back with the changes in it", () => {
    const manifest = decodeManifest(encoded(), GROUP, crc32);
    if ("wrong" in manifest) throw new Error(manifest.wrong);
    expect(manifest.meta).toEqual(HEAD.meta);
    expect(manifest.sequence).toBe(9);
    expect(manifest.pageFiles).toEqual(HEAD.pageFiles);
    expect(manifest.bodySegments).toEqual(HEAD.bodySegments);
    expect(manifest.machineUnits.size).toBe(10_000 - 5 + 1);
    expect(manifest.machineUnits.get(0)).toEqual(place(500_000));
    expect(manifest.machineUnits.get(12 * 2 ** 20)).toBeUndefined();
    expect(manifest.machineUnits.get(20 * 2 ** 20)).toEqual(place(36));
    expect(manifest.machineUnits.get(1)).toEqual(place(600_000));
  });

  test("is refused for another group, when cut off, and with any byte changed", () => {
    const bytes = encoded();
    expect(decodeManifest(bytes, groupId(4), crc32)).toHaveProperty("wrong");
    for (const length of [0, 10, 16, 20, 100, bytes.length - 1]) {
      expect(decodeManifest(bytes.subarray(0, length), GROUP, crc32)).toHaveProperty("wrong");
    }
    for (let at = 0; at < bytes.length; at += 997) {
      const changed = bytes.slice();
      changed[at] = (changed[at] ?? 0) ^ 0x10;
      expect(decodeManifest(changed, GROUP, crc32)).toHaveProperty("wrong");
    }
  });
});

describe("a unit table", () => {
  test("keeps its rows together as units come and go", () => {
    const table = new UnitTable();
    for (let key = 0; key < 500; key++) table.set(key, place(key));
    for (let key = 0; key < 500; key += 2) table.delete(key);
    table.delete(1_000);
    expect(table.size).toBe(250);
    const frozen = table.freeze();
    for (let key = 0; key < 500; key++) {
      expect(table.get(key)).toEqual(key % 2 === 0 ? undefined : place(key));
    }
    table.set(1, place(9));
    const row = [...Array(frozen.size).keys()].find((at) => frozen.keyAt(at) === 1);
    expect(frozen.placeAt(row ?? -1)).toEqual(place(1));
  });
});
