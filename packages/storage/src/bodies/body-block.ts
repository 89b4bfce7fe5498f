/**
 * Blocks of a body segment: what is left of one entry once it left the log. A block is its whole length
 * (u32), the CRC-32 of its table (u32), then the table: the entry's index (u53), the number of ranges
 * (u32), and per range where it began in the entry's data (u32) and its length (u32); then the ranges'
 * bytes, one after another. Body records in it carry checksums of their own.
 *
 * Ranges ascend and do not touch; a record lies inside one of them. A snapshot takes whole entries as
 * one range, compaction only the records that are alive.
 */
import { assert, ByteReader, ByteWriter, type Crc32 } from "@kqueuey/base";

/** Bytes of a block with no ranges. */
export const BLOCK_FIXED_BYTES = 20;
const RANGE_BYTES = 8;
/** More ranges than an entry can have records. */
const RANGES_MAX = 0xffff;

/** A stretch of an entry's data. */
export interface DataRange {
  readonly offset: number;
  readonly length: number;
}

export function blockTableBytes(ranges: number): number {
  return BLOCK_FIXED_BYTES + ranges * RANGE_BYTES;
}

/** The beginning of a block, to be followed by the ranges' bytes. */
export function encodeBlockTable(
  index: number,
  ranges: readonly DataRange[],
  crc32: Crc32,
): Uint8Array {
  const writer = new ByteWriter(blockTableBytes(ranges.length));
  let length = blockTableBytes(ranges.length);
  let end = -1;
  for (const range of ranges) {
    assert(range.offset > end && range.length > 0, "ranges ascend and do not touch");
    end = range.offset + range.length;
    length += range.length;
  }
  writer.u32(length);
  writer.u32(0);
  writer.u53(index);
  writer.u32(ranges.length);
  for (const range of ranges) {
    writer.u32(range.offset);
    writer.u32(range.length);
  }
  writer.setU32(4, crc32(writer.view().subarray(8)));
  return writer.view();
}

/** A block's table. */
export class BlockTable {
  readonly index: number;
  readonly ranges: readonly DataRange[];
  /** Length of the table itself and of the whole block. */
  readonly tableBytes: number;
  readonly blockBytes: number;

  constructor(index: number, ranges: readonly DataRange[]) {
    this.index = index;
    this.ranges = ranges;
    this.tableBytes = blockTableBytes(ranges.length);
    this.blockBytes = ranges.reduce((sum, range) => sum + range.length, this.tableBytes);
  }

  /**
   * Where the entry's byte `offset` is in the block, and how many bytes of its range follow from there;
   * undefined if it is not in the block.
   */
  find(offset: number): { readonly position: number; readonly available: number } | undefined {
    let low = 0;
    let high = this.ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.ranges[middle]?.offset ?? 0) <= offset) low = middle + 1;
      else high = middle;
    }
    const range = this.ranges[low - 1];
    if (range === undefined || offset >= range.offset + range.length) return undefined;
    let position = this.tableBytes;
    for (let at = 0; at < low - 1; at++) position += this.ranges[at]?.length ?? 0;
    const inside = offset - range.offset;
    return { position: position + inside, available: range.length - inside };
  }
}

/** The table at the start of `bytes`; how many bytes of the block are needed to say; or "damaged". */
export function decodeBlockTable(
  bytes: Uint8Array,
  crc32: Crc32,
): BlockTable | { readonly needed: number } | "damaged" {
  if (bytes.length < BLOCK_FIXED_BYTES) return { needed: BLOCK_FIXED_BYTES };
  const reader = new ByteReader(bytes);
  const length = reader.u32();
  const crc = reader.u32();
  const index = reader.u53();
  const count = reader.u32();
  if (!reader.ok || count > RANGES_MAX) return "damaged";
  const tableBytes = blockTableBytes(count);
  if (length < tableBytes) return "damaged";
  if (bytes.length < tableBytes) return { needed: tableBytes };
  if (crc32(bytes.subarray(8, tableBytes)) !== crc) return "damaged";
  const ranges: DataRange[] = [];
  for (let at = 0; at < count; at++) ranges.push({ offset: reader.u32(), length: reader.u32() });
  const table = new BlockTable(index, ranges);
  return table.blockBytes === length ? table : "damaged";
}
