/**
 * Reads the log of a node that starts, and decides what its end is.
 *
 * The newest segment with a whole header is the last one; its head names the segments that are needed
 * and the last group of each, so a missing, shortened or changed one is noticed. In the last segment a
 * place where no whole group stands is the end of the log, unless a later group proves that the one
 * there was durable: one write is in flight at a time, so a group is only ever followed by another
 * after it was reported. The end is then clean or torn; everything else is damage, and nothing is cut.
 *
 * Nothing is written here.
 */
import { assert, must } from "@kqueuey/base";
import type { DirectoryEntry, DiskError, FileHandle } from "../disk.ts";
import { BLOCK_BYTES, decodeHeader, HEADER_BYTES } from "./format.ts";
import { RecoveredState } from "./recovered-state.ts";
import {
  findLaterGroup,
  type ScannedGroup,
  type ScanResult,
  type SegmentFile,
  scanSegment,
} from "./scan.ts";
import { type Segment, segmentOfName, segmentPath } from "./segments.ts";
import type { SegmentId, WalConfig, WalDamage, WalPorts } from "./types.ts";

/** A segment file by its name and length. */
export interface ListedSegment {
  readonly id: SegmentId;
  readonly bytes: number;
}

/** Where the log goes on. */
export interface LogEnd {
  readonly segment: ListedSegment;
  /** Where the next group goes. */
  readonly position: number;
  /** The last whole group: it may not be durable yet. */
  readonly lastGroup: Pick<ScannedGroup, "header" | "position" | "bytes">;
  readonly torn: boolean;
}

export type RecoveryResult =
  | {
      readonly kind: "whole";
      readonly state: RecoveredState;
      /** Undefined if nothing was ever written. */
      readonly end: LogEnd | undefined;
      /** A segment whose head was cut: its first block is not to be read again. */
      readonly tornHead: ListedSegment | undefined;
      /** Segments that hold nothing, ascending, right behind the end. */
      readonly ready: readonly ListedSegment[];
      /** Segments that are not needed any more. */
      readonly leftOver: readonly ListedSegment[];
    }
  | { readonly kind: "damaged"; readonly damage: WalDamage; readonly state: RecoveredState }
  | { readonly kind: "newer"; readonly what: string }
  | { readonly kind: "failed"; readonly error: DiskError; readonly what: string };

/** Reads and checks everything in the log's folder, given its listing. */
export function recoverLog(
  ports: WalPorts,
  input: { readonly config: WalConfig; readonly listing: readonly DirectoryEntry[] },
  done: (result: RecoveryResult) => void,
): void {
  new Recovery(ports, input, done).start();
}

/** What the last segment says before anything is applied. */
interface LastSegment {
  readonly listed: ListedSegment;
  /** Needed segments by id, with their last group. */
  readonly sealed: Map<SegmentId, number>;
  lastGroup: ScannedGroup | undefined;
  end: Extract<ScanResult, { kind: "end" }> | undefined;
}

class Recovery {
  readonly #ports: WalPorts;
  readonly #config: WalConfig;
  readonly #done: (result: RecoveryResult) => void;
  /** Ascending by id. */
  readonly #listed: readonly ListedSegment[];
  readonly #state = new RecoveredState();
  #tornHead: ListedSegment | undefined;
  /** Of the last group applied, over all segments. */
  #appliedGroup = 0;

  constructor(
    ports: WalPorts,
    input: { readonly config: WalConfig; readonly listing: readonly DirectoryEntry[] },
    done: (result: RecoveryResult) => void,
  ) {
    this.#ports = ports;
    this.#config = input.config;
    this.#done = done;
    const listed: ListedSegment[] = [];
    for (const { name, kind, bytes } of input.listing) {
      const id = segmentOfName(name);
      if (id !== undefined && kind === "file") listed.push({ id, bytes });
    }
    this.#listed = listed.sort((a, b) => a.id - b.id);
  }

  start(): void {
    const stump = this.#listed.find(({ bytes }) => bytes < BLOCK_BYTES);
    if (stump !== undefined) {
      this.#damaged(stump.id, stump.bytes, "the file is shorter than any segment");
      return;
    }
    this.#findLast(this.#listed.length - 1);
  }

  /** From the newest file down: the first that begins with a header of its own. */
  #findLast(at: number): void {
    const listed = this.#listed[at];
    if (listed === undefined) {
      this.#checkBehind(undefined);
      return;
    }
    this.#withFile(listed, (file, close) => {
      this.#ports.disk.read(file, 0, HEADER_BYTES, (read) => {
        close();
        if (!read.ok) {
          this.#fail(read.error, listed);
          return;
        }
        const header = decodeHeader(read.value, this.#ports.crc32);
        if (header.kind === "newer") this.#newer(`format version ${header.version}`);
        else if (header.kind === "valid" && header.header.segment === listed.id) {
          this.#readLast(at, listed);
        } else this.#findLast(at - 1);
      });
    });
  }

  /** First pass over the last segment: which segments are needed, and where the log ends. */
  #readLast(at: number, listed: ListedSegment): void {
    const last: LastSegment = { listed, sealed: new Map(), lastGroup: undefined, end: undefined };
    this.#withFile(listed, (file, close) => {
      const segment: SegmentFile = { ...listed, file };
      const visit = (group: ScannedGroup): void => {
        last.lastGroup = group;
        for (const record of group.records) {
          if (record.kind === "segmentSealed") last.sealed.set(record.segment, record.lastGroup);
          if (record.kind === "segmentReclaimed") last.sealed.delete(record.segment);
        }
      };
      scanSegment(this.#ports, { segment, visit }, (result) => {
        if (result.kind !== "end") {
          close();
          this.#scanFailed(result, listed);
          return;
        }
        if (result.shortened) {
          close();
          this.#damaged(listed.id, result.position, result.why);
          return;
        }
        last.end = result;
        this.#checkLastEnd({ last, segment, at }, close);
      });
    });
  }

  #checkLastEnd(
    found: { readonly last: LastSegment; readonly segment: SegmentFile; readonly at: number },
    close: () => void,
  ): void {
    const { last, segment, at } = found;
    const end = must(last.end, "the last segment was read");
    const number = last.lastGroup?.header.number ?? 0;
    const from = Math.min(segment.bytes, end.position + BLOCK_BYTES);
    const salt = last.lastGroup?.header.salt;
    const target = { segment, from, above: number + 1, salt };
    findLaterGroup(this.#ports, target, (later) => {
      close();
      if ("error" in later) this.#fail(later.error, segment);
      else if (later.position !== undefined) {
        const what = `${end.why}, but a later group stands at ${later.position}`;
        this.#damaged(segment.id, end.position, what);
      } else if (last.lastGroup === undefined) {
        // Its head was being written when the node stopped: the log ends in the segment before.
        this.#tornHead = last.listed;
        this.#findLast(at - 1);
      } else this.#checkBehind(last);
    });
  }

  /** The file behind the end must hold no group of its own, or the one before it was not the last. */
  #checkBehind(last: LastSegment | undefined): void {
    const behind = this.#listed.filter((listed) => listed.id > (last?.listed.id ?? 0));
    for (const [i, listed] of behind.entries()) {
      const expected = (last?.listed.id ?? 0) + 1 + i;
      if (listed.id === expected) continue;
      this.#damaged(expected as SegmentId, 0, `the file is missing, ${listed.id} is there`);
      return;
    }
    const next = behind[0];
    if (next === undefined) {
      this.#applySealed(last, behind);
      return;
    }
    this.#withFile(next, (file, close) => {
      // Its head may be the last write, torn: a later number would prove more.
      const above = (last?.lastGroup?.header.number ?? 0) + 1;
      const target = { segment: { ...next, file }, from: 0, above };
      findLaterGroup(this.#ports, target, (later) => {
        close();
        if ("error" in later) this.#fail(later.error, next);
        else if (later.position === undefined) this.#applySealed(last, behind);
        else
          this.#damaged(
            next.id,
            0,
            `no whole head, but a group at ${later.position} came after it`,
          );
      });
    });
  }

  #applySealed(last: LastSegment | undefined, ready: readonly ListedSegment[]): void {
    if (last === undefined) {
      this.#whole({ end: undefined, ready, leftOver: [] });
      return;
    }
    const needed = [...last.sealed].sort(([a], [b]) => a - b);
    const applyFrom = (at: number): void => {
      const next = needed[at];
      if (next === undefined) {
        this.#applyLast(last, ready);
        return;
      }
      const [id, lastGroup] = next;
      const listed = this.#listed.find((candidate) => candidate.id === id);
      if (listed === undefined) {
        this.#damaged(id, 0, "the file is missing");
        return;
      }
      this.#applySegment(listed, (applied) => {
        if (applied.segment.lastGroup === lastGroup) applyFrom(at + 1);
        else
          this.#damaged(id, applied.position, `${applied.why}, before its last group ${lastGroup}`);
      });
    };
    applyFrom(0);
  }

  #applyLast(last: LastSegment, ready: readonly ListedSegment[]): void {
    const lastGroup = must(last.lastGroup, "the last segment holds a group");
    this.#applySegment(last.listed, (applied) => {
      const { header, position, bytes } = lastGroup;
      assert(applied.segment.lastGroup === header.number, "two readings of a segment agree");
      const hole = this.#state.findHole();
      if (hole !== undefined) {
        this.#damaged(last.listed.id, position, hole);
        return;
      }
      const leftOver = this.#listed.filter(({ id }) => id < last.listed.id && !last.sealed.has(id));
      const end: LogEnd = {
        segment: last.listed,
        position: position + bytes,
        lastGroup: { header, position, bytes },
        torn: must(last.end, "the last segment was read").torn,
      };
      this.#whole({ end, ready, leftOver });
    });
  }

  /** Applies a segment's groups up to the first that is not whole. */
  #applySegment(
    listed: ListedSegment,
    done: (applied: {
      readonly segment: Segment;
      readonly position: number;
      readonly why: string;
    }) => void,
  ): void {
    const segment = this.#state.addSegment(listed.id, listed.bytes);
    let wrong: { readonly position: number; readonly why: string } | undefined;
    const visit = (group: ScannedGroup): void => {
      if (wrong !== undefined) return;
      const why = this.#applyGroup(segment, group);
      if (why !== undefined) wrong = { position: group.position, why };
    };
    this.#withFile(listed, (file, close) => {
      scanSegment(this.#ports, { segment: { ...listed, file }, visit }, (result) => {
        close();
        if (wrong !== undefined) this.#damaged(listed.id, wrong.position, wrong.why);
        else if (result.kind === "end") {
          done({ segment, position: result.position, why: result.why });
        } else this.#scanFailed(result, listed);
      });
    });
  }

  #applyGroup(segment: Segment, group: ScannedGroup): string | undefined {
    const { number, head } = group.header;
    const follows = segment.lastGroup === 0 || number === segment.lastGroup + 1;
    if (!follows || number <= this.#appliedGroup) {
      return `group ${number} follows group ${this.#appliedGroup}`;
    }
    if (head !== (group.position === 0)) return "a head that is not the first group";
    this.#appliedGroup = number;
    return this.#state.apply(segment, group);
  }

  #withFile(listed: ListedSegment, use: (file: FileHandle, close: () => void) => void): void {
    const { disk } = this.#ports;
    const path = segmentPath(this.#config.directory, listed.id);
    disk.open(path, { mode: "read" }, (opened) => {
      if (!opened.ok) this.#fail(opened.error, listed);
      else use(opened.value, () => disk.close(opened.value, () => undefined));
    });
  }

  #scanFailed(result: Exclude<ScanResult, { kind: "end" }>, listed: ListedSegment): void {
    if (result.kind === "newer") this.#newer(result.what);
    else this.#fail(result.error, listed);
  }

  #whole(
    found: Pick<Extract<RecoveryResult, { kind: "whole" }>, "end" | "ready" | "leftOver">,
  ): void {
    this.#done({ kind: "whole", state: this.#state, tornHead: this.#tornHead, ...found });
  }

  #damaged(segment: SegmentId, position: number, message: string): void {
    this.#done({ kind: "damaged", damage: { segment, position, message }, state: this.#state });
  }

  #newer(what: string): void {
    this.#done({ kind: "newer", what });
  }

  #fail(error: DiskError, listed: ListedSegment): void {
    this.#done({ kind: "failed", error, what: segmentPath(this.#config.directory, listed.id) });
  }
}
