/**
 * One append on its way to the disk: what of it is in a write group already. It may take several groups
 * when it has many entries; the records before the entries always go together.
 */
import { assert, type ByteWriter, encodeUtf8, type GroupId, type LogIndex } from "@kqueuey/base";
import type { Entry } from "@kqueuey/raft";
import type { GroupLog } from "./group-log.ts";
import { Placements } from "./placements.ts";
import {
  ENTRY_RECORD_BYTES,
  encodeExtent,
  encodeHardState,
  encodeMarker,
  encodeTruncate,
  MARKER_PATH_BYTES_MAX,
} from "./records.ts";
import type { SegmentTable } from "./segments.ts";
import type { WalAppend, WalAppended, WalDone } from "./types.ts";

const NONE: readonly Entry[] = [];
/** Room for a hard state, a marker without its path, an extent and a truncation. */
const PREFACE_BYTES = 160;

export class Pending {
  readonly group: GroupId;
  readonly done: WalDone<WalAppended>;
  readonly placements: Placements;
  /** Bytes of the log that it takes, about. */
  readonly bytes: number;
  readonly #request: WalAppend;
  readonly #entries: readonly Entry[];
  #prefaced = false;
  #next = 0;

  constructor(group: GroupId, request: WalAppend, done: WalDone<WalAppended>) {
    this.group = group;
    this.done = done;
    this.#request = request;
    this.#entries = request.entries ?? NONE;
    this.placements = new Placements(this.#entries.length);
    let bytes = this.prefaceBytes;
    for (const entry of this.#entries) bytes += ENTRY_RECORD_BYTES + entry.data.length;
    this.bytes = bytes;
  }

  /** An upper bound of the directory bytes before the entries. */
  get prefaceBytes(): number {
    const marker = this.#request.snapshotMarker;
    return PREFACE_BYTES + (marker === undefined ? 0 : encodeUtf8(marker.directory).length);
  }

  get prefaced(): boolean {
    return this.#prefaced;
  }

  /** The entry that goes next; undefined when all are in groups. */
  get nextEntry(): Entry | undefined {
    return this.#entries[this.#next];
  }

  /** The next entry is in a group. */
  advance(): void {
    this.#next += 1;
  }

  /**
   * Where the group's log ends after this append, given where it ends before. Stops at a request that
   * breaks the log.
   */
  check(lastIndex: number, entryBytesMax: number): number {
    const { snapshotMarker, resetTo, truncateFrom } = this.#request;
    let last = lastIndex;
    if (snapshotMarker !== undefined) {
      const path = encodeUtf8(snapshotMarker.directory);
      assert(path.length <= MARKER_PATH_BYTES_MAX, "a snapshot's path is at most 1,024 bytes");
      last = snapshotMarker.index;
    }
    if (resetTo !== undefined) last = resetTo.index;
    if (truncateFrom !== undefined) {
      assert(truncateFrom > 0, "log indexes begin at 1");
      last = Math.min(last, truncateFrom - 1);
    }
    const first = this.#entries[0];
    if (first === undefined) return last;
    assert(first.index >= 1 && first.index <= last + 1, "entries follow the log without a gap");
    for (const [i, entry] of this.#entries.entries()) {
      assert(entry.index === first.index + i, "entries of an append are consecutive");
      assert(entry.data.length <= entryBytesMax, "an entry's data is at most half a segment");
    }
    return first.index + this.#entries.length - 1;
  }

  /** Encodes what precedes the entries and applies it to what is known; the encoder is called per record. */
  preface(
    known: { readonly log: GroupLog; readonly segments: SegmentTable },
    record: (encode: (into: ByteWriter) => void) => void,
  ): void {
    const { group } = this;
    const { log, segments } = known;
    const { hardState, snapshotMarker, resetTo } = this.#request;
    this.#prefaced = true;
    if (hardState !== undefined) {
      log.hardState = hardState;
      record((into) => encodeHardState(into, group, hardState));
    }
    if (snapshotMarker !== undefined) {
      log.install(snapshotMarker);
      segments.reset(group);
      record((into) => encodeMarker(into, { group, marker: snapshotMarker, repeated: false }));
    }
    if (resetTo !== undefined) {
      log.reset(resetTo);
      segments.reset(group);
      record((into) => encodeExtent(into, { group, compacted: resetTo, last: resetTo }));
    }
    const from = this.#truncation(log);
    if (from !== undefined) {
      log.truncate(from);
      segments.truncate(group, from);
      record((into) => encodeTruncate(into, group, from));
    }
  }

  /** Where the old log is cut, if it is: as asked for, or because the entries overlap it. */
  #truncation(log: GroupLog): LogIndex | undefined {
    const first = this.#entries[0]?.index;
    const asked = this.#request.truncateFrom;
    const from = first !== undefined && (asked === undefined || first < asked) ? first : asked;
    return from !== undefined && from <= log.last.index ? from : undefined;
  }
}
