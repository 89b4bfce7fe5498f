/** The log's configuration: defaults, and the relations between bounds. */
import { assert } from "@kqueuey/base";
import { BLOCK_BYTES } from "./format.ts";
import type { WalConfig } from "./types.ts";

const MIB = 1024 * 1024;

const DEFAULTS: WalConfig = {
  directory: "wal",
  segmentBytes: 64 * MIB,
  aheadSegments: 2,
  spareSegments: 2,
  groupBytesMax: 4 * MIB,
  queuedBytesMax: 64 * MIB,
  idleMs: 50,
  spaceRetryMs: 1_000,
  syncMode: "dsync",
  openFilesMax: 64,
};

/** `config` with defaults; stops at impossible values, which the configuration's reader keeps out. */
export function walConfig(config: Partial<WalConfig>): WalConfig {
  const full = { ...DEFAULTS, ...config };
  const { segmentBytes } = full;
  assert(segmentBytes % BLOCK_BYTES === 0, "segments are whole blocks of 4 KiB");
  assert(segmentBytes >= MIB / 16 && segmentBytes <= MIB * 1024, "segments of 64 KiB to 1 GiB");
  assert(full.aheadSegments >= 1 && full.spareSegments >= 0, "one segment ahead or more");
  assert(full.groupBytesMax > 0 && full.queuedBytesMax > 0, "bounds are positive");
  assert(full.openFilesMax >= 1, "one open file or more");
  return full;
}

/** The most data that one entry may have. */
export function entryBytesMax(config: WalConfig): number {
  return config.segmentBytes / 2;
}
