/**
 * What the records of the log add up to, applied in order: the same tables that the writer keeps, and
 * where every entry's data lies. Segments in between may be gone; the heads of later ones say what of
 * a group's log was left, and at the end nothing may be missing that was not given up on purpose.
 */
import { type GroupId, logIndex, term } from "@kqueuey/base";
import { GroupLog, LOG_START } from "./group-log.ts";
import { type Placement, Placements } from "./placements.ts";
import type { EntryRecord, LogExtentRecord, WalRecord } from "./records.ts";
import type { ScannedGroup } from "./scan.ts";
import { Segment, SegmentTable } from "./segments.ts";
import type { LogPoint, PlacementRun, RecoveredGroup, SegmentId, SnapshotMarker } from "./types.ts";

/** Places of one group's entries, in runs of consecutive indexes. */
class EntryPlaces {
  #runs: { readonly from: number; readonly placements: Placements }[] = [];

  add(index: number, place: Placement): void {
    this.truncate(index);
    const run = this.#runs.at(-1);
    if (run !== undefined && run.from + run.placements.count === index) {
      run.placements.push(place);
      return;
    }
    const placements = new Placements();
    placements.push(place);
    this.#runs.push({ from: index, placements });
  }

  /** Forgets entries from `from` on. */
  truncate(from: number): void {
    for (;;) {
      const run = this.#runs.at(-1);
      if (run === undefined || run.from + run.placements.count <= from) return;
      if (run.from < from) run.placements.truncate(from - run.from);
      else this.#runs.pop();
    }
  }

  clear(): void {
    this.#runs = [];
  }

  runs(): readonly PlacementRun[] {
    return this.#runs.map(({ from, placements }) => ({ from: logIndex(from), placements }));
  }
}

interface GroupState {
  readonly log: GroupLog;
  readonly places: EntryPlaces;
  /** Up to here the log was given up on purpose. */
  givenUp: LogPoint;
}

export class RecoveredState {
  readonly segments: SegmentTable = new SegmentTable();
  readonly #groups = new Map<GroupId, GroupState>();

  /** The next segment's groups follow. */
  addSegment(id: SegmentId, bytes: number): Segment {
    const segment = new Segment(id, bytes);
    segment.state = "sealed";
    this.segments.add(segment);
    return segment;
  }

  /** Applies a whole group of `segment`. A text if its records make no sense: damage of a kind no checksum sees. */
  apply(segment: Segment, group: ScannedGroup): string | undefined {
    let position = group.dataPosition;
    for (const record of group.records) {
      if (record.kind === "entry") {
        const wrong = this.#applyEntry(segment, record, position);
        if (wrong !== undefined) return wrong;
        position += record.dataBytes;
      } else {
        const wrong = this.#applyOther(record);
        if (wrong !== undefined) return wrong;
      }
    }
    segment.lastGroup = group.header.number;
    return undefined;
  }

  /** After the last group: a group whose log misses entries, if there is one. */
  findHole(): string | undefined {
    for (const [group, { log, givenUp }] of this.#groups) {
      if (log.compacted.index > givenUp.index) {
        return `entries ${givenUp.index + 1} to ${log.compacted.index} of Raft group ${group} are missing`;
      }
    }
    return undefined;
  }

  logs(): Map<GroupId, GroupLog> {
    const logs = new Map<GroupId, GroupLog>();
    for (const [group, { log }] of this.#groups) logs.set(group, log);
    return logs;
  }

  recovered(): ReadonlyMap<GroupId, RecoveredGroup> {
    const groups = new Map<GroupId, RecoveredGroup>();
    for (const [group, { log, places }] of this.#groups) {
      groups.set(group, {
        group,
        hardState: log.hardState,
        snapshotMarker: log.marker,
        compacted: log.compacted,
        last: log.last,
        termRuns: [...log.termRuns],
        placements: places.runs(),
      });
    }
    return groups;
  }

  #applyEntry(segment: Segment, record: EntryRecord, position: number): string | undefined {
    const { group, index } = record;
    const { log, places } = this.#group(group);
    if (index !== log.last.index + 1 || record.term < log.last.term) {
      return `entry ${index} of Raft group ${group} follows entry ${log.last.index}`;
    }
    log.append(record);
    segment.lastIndexes.set(group, index);
    segment.dataBytes += record.dataBytes;
    places.add(index, {
      segment: segment.id,
      position,
      length: record.dataBytes,
      kind: record.entryKind,
      crc: record.dataCrc,
    });
    return undefined;
  }

  #applyOther(record: Exclude<WalRecord, EntryRecord>): string | undefined {
    switch (record.kind) {
      case "hardState":
        this.#group(record.group).log.hardState = record.hardState;
        return undefined;
      case "truncate": {
        if (record.from <= this.#group(record.group).givenUp.index) {
          return `a truncation of Raft group ${record.group} below its log`;
        }
        this.#truncate(record.group, record.from);
        return undefined;
      }
      case "snapshotMarker": {
        const state = this.#group(record.group);
        const { marker, repeated } = record;
        if (repeated && sameMarker(state.log.marker, marker)) return undefined;
        state.log.install(marker);
        state.places.clear();
        state.givenUp = { index: marker.index, term: marker.term };
        this.segments.reset(record.group);
        return undefined;
      }
      case "logExtent":
        this.#applyExtent(record);
        return undefined;
      case "segmentSealed":
      case "segmentReclaimed":
        // Which segments are read was decided from these before anything was applied.
        return undefined;
    }
  }

  /**
   * Says where the log begins and ends now. What was read so far may end earlier, when segments in
   * between are gone, or later, when the truncation stood in one of those.
   */
  #applyExtent(record: LogExtentRecord): void {
    const { group, compacted, last } = record;
    const state = this.#group(group);
    const { log } = state;
    if (compacted.index >= state.givenUp.index) state.givenUp = compacted;
    if (last.index < log.last.index) this.#truncate(group, last.index + 1);
    if (last.index !== log.last.index || last.term !== log.last.term) this.#reset(group, last);
    log.compactTo(compacted);
  }

  #truncate(group: GroupId, from: number): void {
    const { log, places, givenUp } = this.#group(group);
    if (from > log.compacted.index) log.truncate(from);
    else if (from - 1 === givenUp.index) log.reset(givenUp);
    // The segment with the entry before the cut is gone: a later extent will say its term.
    else log.reset({ index: logIndex(from - 1), term: term(0) });
    places.truncate(from);
    this.segments.truncate(group, from);
  }

  /** Nothing read so far is part of the log, which goes on after `point`. Bodies up to there may live. */
  #reset(group: GroupId, point: LogPoint): void {
    const { log, places } = this.#group(group);
    log.reset(point);
    places.truncate(point.index + 1);
    this.segments.reset(group);
  }

  #group(group: GroupId): GroupState {
    const known = this.#groups.get(group);
    if (known !== undefined) return known;
    const made: GroupState = { log: new GroupLog(), places: new EntryPlaces(), givenUp: LOG_START };
    this.#groups.set(group, made);
    return made;
  }
}

function sameMarker(a: SnapshotMarker | undefined, b: SnapshotMarker): boolean {
  return a?.index === b.index && a.term === b.term && a.directory === b.directory;
}
