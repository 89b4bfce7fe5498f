/**
 * Gives segments of the node's log back. All groups share them, so a segment goes only when every group has
 * let it go: its entries are in a durable checkpoint and no follower needs them, no body in it is alive, no
 * manifest names it, nobody copies from it.
 */
import type { GroupId } from "@kqueuey/base";
import type { GroupEngine } from "./group-engine.ts";
import type { SegmentId, SegmentInfo, Wal } from "./wal/types.ts";

const LOOK_EVERY_MS = 100;

export class Reclaimer {
  readonly #wal: Wal;
  readonly #groups: ReadonlyMap<GroupId, GroupEngine>;
  #nextLookMs = 0;

  constructor(wal: Wal, groups: ReadonlyMap<GroupId, GroupEngine>) {
    this.#wal = wal;
    this.#groups = groups;
  }

  tick(nowMs: number): void {
    if (nowMs < this.#nextLookMs) return;
    this.#nextLookMs = nowMs + LOOK_EVERY_MS;
    const covered = new Set(this.#wal.coveredSegments());
    if (covered.size === 0) return;
    const segments = this.#wal.segments().filter((segment) => covered.has(segment.id));
    let behind = 0;
    for (const segment of segments) behind += segment.dataBytes;
    for (const segment of segments) {
      if (this.#leavesLog(segment, behind)) this.#reclaimOrCompact(segment);
      behind -= segment.dataBytes;
    }
  }

  /** Whether every group's log can begin after the segment, with that many bytes from it on. */
  #leavesLog(segment: SegmentInfo, behind: number): boolean {
    let leaves = true;
    for (const [group, last] of segment.lastIndexes) {
      const engine = this.#groups.get(group);
      if (engine?.mayRelease(last, behind) !== true) leaves = false;
    }
    if (!leaves) return false;
    for (const [group, last] of segment.lastIndexes) this.#groups.get(group)?.release(last);
    return true;
  }

  #reclaimOrCompact(segment: SegmentInfo): void {
    let bodyEntries = 0;
    let liveBytes = 0;
    for (const engine of this.#groups.values()) {
      const uses = engine.usesOf(segment.id);
      if (uses === undefined) return;
      bodyEntries += uses.bodyEntries;
      liveBytes += uses.liveBytes;
    }
    if (bodyEntries === 0) this.#giveBack(segment.id);
    else if (liveBytes * 2 < segment.dataBytes) {
      for (const engine of this.#groups.values()) {
        if ((engine.usesOf(segment.id)?.bodyEntries ?? 0) > 0) engine.compact(segment.id);
      }
    }
  }

  #giveBack(segment: SegmentId): void {
    this.#wal.reclaim(segment);
    for (const engine of this.#groups.values()) engine.forgetSegment(segment);
  }
}
