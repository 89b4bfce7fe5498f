/**
 * Reads a segment's write groups in order and checks every byte of them, in windows of bounded size,
 * however large a group is.
 */
import { assert, type Crc32, must } from "@kqueuey/base";
import type { Disk, DiskError, FileHandle } from "../disk.ts";
import {
  BLOCK_BYTES,
  decodeHeader,
  type GroupHeader,
  groupBytes,
  HEADER_BYTES,
  type SegmentSalt,
  sameSalt,
} from "./format.ts";
import { decodeDirectory, type WalRecord } from "./records.ts";
import type { SegmentId } from "./types.ts";

/** Read at a time. */
const WINDOW_BYTES = 1024 * 1024;

/** A segment file as the log's folder lists it, opened. */
export interface SegmentFile {
  readonly id: SegmentId;
  readonly bytes: number;
  readonly file: FileHandle;
}

/** A group that is whole. */
export interface ScannedGroup {
  readonly header: GroupHeader;
  readonly position: number;
  /** Bytes of the segment that it takes. */
  readonly bytes: number;
  readonly records: readonly WalRecord[];
  /** Where the data of its first entry lies. */
  readonly dataPosition: number;
}

/**
 * - `end`: at `position` is no whole group of this segment. `torn`: one began there. `shortened`: the
 *   file is not as long as when it was written, which no crash does.
 * - `newer`: a later program wrote there.
 * - `failed`: the disk did not give the bytes.
 */
export type ScanResult =
  | {
      readonly kind: "end";
      readonly position: number;
      readonly torn: boolean;
      readonly shortened: boolean;
      readonly why: string;
    }
  | { readonly kind: "newer"; readonly what: string }
  | { readonly kind: "failed"; readonly error: DiskError };

export interface ScanPorts {
  readonly disk: Disk;
  readonly crc32: Crc32;
}

/** Visits the segment's groups from its beginning until one is not whole. */
export function scanSegment(
  ports: ScanPorts,
  target: { readonly segment: SegmentFile; readonly visit: (group: ScannedGroup) => void },
  done: (result: ScanResult) => void,
): void {
  new GroupScan(ports, target, done).run();
}

/**
 * Looks from `from` on for the header of any group of the segment with a number above `above` (and with
 * the salt, if that is known): proof that everything before it was durable. Gives its position, or undefined.
 */
export function findLaterGroup(
  ports: ScanPorts,
  target: {
    readonly segment: SegmentFile;
    readonly from: number;
    readonly above: number;
    readonly salt?: SegmentSalt | undefined;
  },
  done: (result: { readonly position: number | undefined } | { readonly error: DiskError }) => void,
): void {
  const { segment, above, salt } = target;
  assert(target.from % BLOCK_BYTES === 0, "groups begin on whole blocks");
  const look = (from: number): void => {
    if (from >= segment.bytes) {
      done({ position: undefined });
      return;
    }
    ports.disk.read(segment.file, from, WINDOW_BYTES, (result) => {
      if (!result.ok) {
        done({ error: result.error });
        return;
      }
      for (let at = 0; at + HEADER_BYTES <= result.value.length; at += BLOCK_BYTES) {
        const read = decodeHeader(result.value.subarray(at, at + HEADER_BYTES), ports.crc32);
        if (read.kind !== "valid" || read.header.segment !== segment.id) continue;
        if (read.header.number <= above) continue;
        if (salt !== undefined && !sameSalt(read.header.salt, salt)) continue;
        done({ position: from + at });
        return;
      }
      look(from + WINDOW_BYTES);
    });
  };
  look(target.from);
}

type Phase =
  | { readonly kind: "header" }
  | { readonly kind: "directory"; readonly header: GroupHeader }
  | {
      readonly kind: "data";
      readonly group: ScannedGroup;
      /** Lengths and checksums of the data that follows, in order. */
      readonly sums: readonly { readonly bytes: number; readonly crc: number }[];
      next: number;
      /** Of the data at `next`: bytes passed and their checksum. */
      passed: number;
      crc: number;
    };

class GroupScan {
  readonly #ports: ScanPorts;
  readonly #segment: SegmentFile;
  readonly #visit: (group: ScannedGroup) => void;
  readonly #done: (result: ScanResult) => void;
  #salt: SegmentSalt | undefined;
  #window: Uint8Array = new Uint8Array(0);
  #windowAt = 0;
  #phase: Phase = { kind: "header" };
  /** Of the group that is being read. */
  #position = 0;
  /** What the current step needs next. */
  #needAt = 0;
  #needBytes = HEADER_BYTES;

  constructor(
    ports: ScanPorts,
    target: { readonly segment: SegmentFile; readonly visit: (group: ScannedGroup) => void },
    done: (result: ScanResult) => void,
  ) {
    this.#ports = ports;
    this.#segment = target.segment;
    this.#visit = target.visit;
    this.#done = done;
  }

  /** Steps while the window has what is needed, then reads on. */
  run(): void {
    for (;;) {
      const bytes = this.#view();
      if (bytes === undefined) break;
      const result = this.#step(bytes);
      if (result === undefined) continue;
      this.#done(result);
      return;
    }
    if (this.#needAt + this.#needBytes > this.#segment.bytes) {
      this.#done(this.#end("the file ends"));
      return;
    }
    const length = Math.max(WINDOW_BYTES, this.#needBytes);
    this.#ports.disk.read(this.#segment.file, this.#needAt, length, (result) => {
      if (!result.ok) {
        this.#done({ kind: "failed", error: result.error });
        return;
      }
      this.#window = result.value;
      this.#windowAt = this.#needAt;
      if (this.#view() === undefined) this.#done(this.#end("the file ends"));
      else this.run();
    });
  }

  #view(): Uint8Array | undefined {
    const at = this.#needAt - this.#windowAt;
    if (at < 0 || at + this.#needBytes > this.#window.length) return undefined;
    return this.#window.subarray(at, at + this.#needBytes);
  }

  #need(at: number, bytes: number): void {
    this.#needAt = at;
    this.#needBytes = bytes;
  }

  #end(why: string, shortened = false): ScanResult {
    const torn = this.#phase.kind !== "header";
    return { kind: "end", position: this.#position, torn, shortened, why };
  }

  #step(bytes: Uint8Array): ScanResult | undefined {
    const phase = this.#phase;
    switch (phase.kind) {
      case "header":
        return this.#stepHeader(bytes);
      case "directory":
        return this.#stepDirectory(bytes, phase.header);
      case "data":
        return this.#stepData(bytes, phase);
    }
  }

  #stepHeader(bytes: Uint8Array): ScanResult | undefined {
    const read = decodeHeader(bytes, this.#ports.crc32);
    switch (read.kind) {
      case "newer":
        return { kind: "newer", what: `format version ${read.version}` };
      case "none":
        return this.#end("no group");
      case "valid":
        break;
    }
    const { header } = read;
    if (header.segment !== this.#segment.id) return this.#end("a group of an older epoch");
    if (this.#position === 0) this.#salt = header.salt;
    const salt = must(this.#salt, "a later group follows a first one");
    if (!sameSalt(header.salt, salt)) return this.#end("a group with another salt");
    this.#phase = { kind: "directory", header };
    if (header.segmentBytes !== this.#segment.bytes) {
      const why = `the file has ${this.#segment.bytes} bytes and not ${header.segmentBytes}`;
      return this.#end(why, true);
    }
    this.#need(this.#position + HEADER_BYTES, header.directoryBytes);
    return undefined;
  }

  #stepDirectory(bytes: Uint8Array, header: GroupHeader): ScanResult | undefined {
    if (this.#ports.crc32(bytes) !== header.directoryCrc) return this.#end("a bad directory");
    const read = decodeDirectory(bytes, header.records);
    if (read.kind === "newer") return { kind: "newer", what: `record kind ${read.recordKind}` };
    if (read.kind === "malformed") return this.#end("a malformed directory");
    const dataPosition = this.#position + HEADER_BYTES + header.directoryBytes;
    const sums: { bytes: number; crc: number }[] = [];
    let dataBytes = 0;
    for (const record of read.records) {
      if (record.kind !== "entry") continue;
      dataBytes += record.dataBytes;
      sums.push({ bytes: record.dataBytes, crc: record.dataCrc });
    }
    if (dataBytes !== header.dataBytes) return this.#end("data of another length");
    const group: ScannedGroup = {
      header,
      position: this.#position,
      bytes: groupBytes(header.directoryBytes, header.dataBytes),
      records: read.records,
      dataPosition,
    };
    this.#phase = { kind: "data", group, sums, next: 0, passed: 0, crc: 0 };
    this.#need(dataPosition, 0);
    return undefined;
  }

  /** `bytes` goes on where the checksum stopped; then as much as the window has is asked for. */
  #stepData(bytes: Uint8Array, phase: Extract<Phase, { kind: "data" }>): ScanResult | undefined {
    if (bytes.length > 0) {
      phase.crc = this.#ports.crc32(bytes, phase.crc);
      phase.passed += bytes.length;
    }
    const at = this.#needAt + bytes.length;
    for (;;) {
      const sum = phase.sums[phase.next];
      if (sum === undefined) return this.#finishGroup(phase.group);
      if (phase.passed < sum.bytes) break;
      if (phase.crc !== sum.crc) return this.#end("bad data of an entry");
      phase.next += 1;
      phase.passed = 0;
      phase.crc = 0;
    }
    const left = must(phase.sums[phase.next], "data is left").bytes - phase.passed;
    const inWindow = this.#windowAt + this.#window.length - at;
    this.#need(at, Math.min(left, inWindow > 0 ? inWindow : WINDOW_BYTES));
    return undefined;
  }

  #finishGroup(group: ScannedGroup): undefined {
    this.#visit(group);
    this.#position += group.bytes;
    this.#phase = { kind: "header" };
    this.#need(this.#position, HEADER_BYTES);
    return undefined;
  }
}
