/** Which directories a node may open, and what opening tells about them. */
import { crc32 } from "node:zlib";
import { groupId, incarnation, logIndex, monotonic, nodeId, Prng, term } from "@kqueuey/base";
import { describe, expect, test } from "vitest";
import { DIRECTORY_FORMAT, decodeNodeMeta, encodeNodeMeta } from "./node-meta.ts";
import {
  type NodeStorage,
  type NodeStorageConfig,
  type OpenNodeResult,
  openNodeStorage,
} from "./node-storage.ts";
import { MemoryDisk } from "./testing/memory-disk.ts";
import { TOY_FRAMING } from "./testing/toy-machine.ts";

const CLUSTER = new Uint8Array(16).fill(1);
const GROUP = groupId(0);

function open(disk: MemoryDisk, changes: Partial<NodeStorageConfig> = {}): OpenNodeResult {
  let result: OpenNodeResult | undefined;
  openNodeStorage(
    {
      clusterId: CLUSTER,
      nodeId: nodeId(1),
      groups: [GROUP],
      framing: TOY_FRAMING,
      wal: { segmentBytes: 64 * 1024, groupBytesMax: 16 * 1024 },
      limits: { reserveBytes: 0 },
      onFailure: () => undefined,
      ...changes,
    },
    { disk, crc32, digest: (bytes) => bytes.slice(0, 16), random: new Prng(disk.pending + 1) },
    (opened) => {
      result = opened;
    },
  );
  disk.run();
  if (result === undefined) throw new Error("the open did not complete");
  return result;
}

function opened(disk: MemoryDisk, changes: Partial<NodeStorageConfig> = {}): NodeStorage {
  const result = open(disk, changes);
  if (!result.ok) throw new Error(`refused: ${result.refusal.kind}`);
  return result.storage;
}

/** Makes something durable, as a node does when it first hears of a cluster. */
function use(disk: MemoryDisk, storage: NodeStorage): void {
  const hardState = {
    term: term(1),
    vote: nodeId(1),
    incarnation: incarnation(1),
    commit: logIndex(0),
  };
  storage.group(GROUP).append({ hardState, entries: [] }, () => undefined);
  disk.run();
  storage.tick(monotonic(100));
  disk.run();
}

describe("a data directory", () => {
  test("is fresh until something was made durable in it", () => {
    const disk = new MemoryDisk();
    expect(opened(disk).fresh).toBe(true);
    disk.crash();
    const second = opened(disk);
    expect(second.fresh).toBe(true);
    use(disk, second);
    disk.crash();
    const third = opened(disk);
    expect(third.fresh).toBe(false);
    expect(third.damage).toBeUndefined();
    expect(third.group(GROUP).recovered.hardState?.term).toBe(1);
  });

  test("counts every start, in steps that two copies do not share", () => {
    const disk = new MemoryDisk();
    const first = opened(disk).boot;
    disk.crash();
    const second = opened(disk).boot;
    expect(first).toBeGreaterThan(0);
    expect(second).toBeGreaterThan(first);
  });

  test("of another cluster is refused, with both ids", () => {
    const disk = new MemoryDisk();
    opened(disk);
    disk.crash();
    const other = new Uint8Array(16).fill(2);
    expect(open(disk, { clusterId: other })).toEqual({
      ok: false,
      refusal: { kind: "other-cluster", found: CLUSTER, expected: other },
    });
  });

  test("of another node is refused, with both ids", () => {
    const disk = new MemoryDisk();
    opened(disk);
    disk.crash();
    expect(open(disk, { nodeId: nodeId(2) })).toEqual({
      ok: false,
      refusal: { kind: "other-node", found: 1, expected: 2 },
    });
  });

  test("of a newer format is refused before anything else in it is read", () => {
    const disk = new MemoryDisk();
    opened(disk);
    disk.crash();
    const bytes = disk.contents("node.meta");
    bytes[4] = DIRECTORY_FORMAT + 1;
    expect(open(disk)).toEqual({
      ok: false,
      refusal: {
        kind: "newer-format",
        found: DIRECTORY_FORMAT + 1,
        supported: DIRECTORY_FORMAT,
      },
    });
  });

  test("with a damaged or missing identity is refused and left as it is", () => {
    const disk = new MemoryDisk();
    use(disk, opened(disk));
    disk.crash();
    const bytes = disk.contents("node.meta");
    bytes[20] = (bytes[20] ?? 0) ^ 4;
    expect(open(disk)).toMatchObject({ refusal: { kind: "damaged-identity" } });
    disk.remove("node.meta", () => undefined);
    disk.run();
    expect(open(disk)).toMatchObject({ refusal: { kind: "damaged-identity" } });
  });

  test("that the host cannot read is refused with the host's words", () => {
    const disk = new MemoryDisk();
    disk.fault = () => ({ code: "io", message: "cable out" });
    const result = open(disk);
    expect(result).toMatchObject({ refusal: { kind: "disk" } });
    expect(JSON.stringify(result)).toContain("cable out");
  });
});

describe("the identity file", () => {
  test("says what was written, and any flipped bit shows", () => {
    const meta = { clusterId: CLUSTER, nodeId: nodeId(513), boot: 2 ** 40 + 5, used: true };
    const bytes = encodeNodeMeta(meta, crc32);
    expect(bytes.length).toBe(48);
    expect(decodeNodeMeta(bytes, crc32)).toEqual(meta);
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = bytes.slice();
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(decodeNodeMeta(flipped, crc32)).toHaveProperty("kind");
    }
  });
});
