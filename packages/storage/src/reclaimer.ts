/**
 * Gives segments of the node's log back. All groups share them, so a segment goes only when every group has
 * let it go: its entries are in a durable checkpoint and no follower needs them, no body in it is alive, no
 * manifest names it, nobody copies from it. Bodies are copied out of one that is under half alive, unless
 * they are going anyway: a queue that is drained from its old end would have half of everything copied first.
 */
import type { GroupId } from "@kqueuey/base";
import type { GroupEngine } from "./group-engine.ts";
import type { SegmentId, SegmentInfo, Wal, WalStats } from "./wal/types.ts";

const LOOK_EVERY_MS = 100;
/** A segment that loses less than this part of its bytes while it is watched is not about to go by itself. */
const LASTING_PART: number = 1 / 32;

interface Segments extends Pick<Wal, "coveredSegments" | "segments" | "reclaim"> {
  stats(): Pick<WalStats, "space">;
}
type Tenant = Pick<GroupEngine, "mayRelease" | "release" | "usesOf" | "compact" | "forgetSegment">;

/** How much of a sparse segment was alive when it was looked at last. */
interface Sparse {
  readonly liveBytes: number;
  readonly atMs: number;
  /** It lost little since the time before. */
  readonly lasts: boolean;
}

export class Reclaimer {
  readonly #wal: Segments;
  readonly #groups: ReadonlyMap<GroupId, Tenant>;
  readonly #lastsMs: number;
  readonly #sparse = new Map<SegmentId, Sparse>();
  #nextLookMs = 0;

  /** `lastsMs`: how long a sparse segment is watched before bodies are copied out of it. */
  constructor(wal: Segments, groups: ReadonlyMap<GroupId, Tenant>, lastsMs: number) {
    this.#wal = wal;
    this.#groups = groups;
    this.#lastsMs = lastsMs;
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
      if (this.#leavesLog(segment, behind)) this.#reclaimOrCompact(segment, nowMs);
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

  #reclaimOrCompact(segment: SegmentInfo, nowMs: number): void {
    let bodyEntries = 0;
    let liveBytes = 0;
    for (const engine of this.#groups.values()) {
      const uses = engine.usesOf(segment.id);
      if (uses === undefined) return;
      bodyEntries += uses.bodyEntries;
      liveBytes += uses.liveBytes;
    }
    if (bodyEntries === 0) this.#giveBack(segment.id);
    else if (liveBytes * 2 < segment.dataBytes && this.#lasts(segment, liveBytes, nowMs)) {
      for (const engine of this.#groups.values()) {
        if ((engine.usesOf(segment.id)?.bodyEntries ?? 0) > 0) engine.compact(segment.id);
      }
    }
  }

  /** Whether what is alive in a sparse segment stays so. On a full disk there is no time to wait and see. */
  #lasts(segment: SegmentInfo, liveBytes: number, nowMs: number): boolean {
    if (this.#lastsMs === 0 || this.#wal.stats().space === "full") return true;
    const seen = this.#sparse.get(segment.id);
    if (seen !== undefined && (seen.lasts || nowMs - seen.atMs < this.#lastsMs)) return seen.lasts;
    const lost = (seen?.liveBytes ?? Number.POSITIVE_INFINITY) - liveBytes;
    const lasts = lost <= segment.dataBytes * LASTING_PART;
    this.#sparse.set(segment.id, { liveBytes, atMs: nowMs, lasts });
    return lasts;
  }

  #giveBack(segment: SegmentId): void {
    this.#sparse.delete(segment);
    this.#wal.reclaim(segment);
    for (const engine of this.#groups.values()) engine.forgetSegment(segment);
  }
}
