/** A log on the disk in memory, and the few steps that its tests are made of. */
import { crc32 } from "node:zlib";
import {
  assert,
  type GroupId,
  groupId,
  type LogIndex,
  logIndex,
  monotonic,
  must,
  Prng,
  term,
} from "@kqueuey/base";
import type { Entry } from "@kqueuey/raft";
import { MemoryDisk } from "../src/testing/memory-disk.ts";
import { openWal } from "../src/wal/open.ts";
import type {
  OpenWalResult,
  Wal,
  WalAppend,
  WalAppended,
  WalConfig,
  WalFailure,
  WalResult,
} from "../src/wal/types.ts";

export const GROUP: GroupId = groupId(3);
export const SEGMENT_BYTES = 64 * 1024;

/** Entries from `first` on, `count` of them, with `bytes` bytes of data each. */
export function entries(first: number, count: number, bytes = 100, at = 1): readonly Entry[] {
  return Array.from({ length: count }, (_, i) => ({
    index: logIndex(first + i),
    term: term(at),
    kind: "commands" as const,
    data: new Uint8Array(bytes).fill(first + i),
  }));
}

export class WalFixture {
  readonly disk: MemoryDisk = new MemoryDisk();
  readonly config: Partial<WalConfig>;
  readonly failures: WalFailure[] = [];
  #wal: Wal | undefined;

  constructor(config: Partial<WalConfig> = {}) {
    this.config = { segmentBytes: SEGMENT_BYTES, ...config };
  }

  get wal(): Wal {
    return must(this.#wal, "the log is open");
  }

  open(config: Partial<WalConfig> = {}): OpenWalResult {
    let opened: OpenWalResult | undefined;
    const ports = {
      disk: this.disk,
      crc32: (bytes: Uint8Array, seed = 0) => crc32(bytes, seed),
      random: new Prng(7),
      failed: (failure: WalFailure) => this.failures.push(failure),
    };
    openWal(ports, { ...this.config, ...config }, (result) => {
      opened = result;
    });
    this.disk.run();
    const result = must(opened, "an answer");
    this.#wal = result.kind === "open" ? result.wal : undefined;
    return result;
  }

  opened(config: Partial<WalConfig> = {}): Extract<OpenWalResult, { kind: "open" }> {
    const result = this.open(config);
    assert(result.kind === "open", `not opened: ${result.kind}`);
    return result;
  }

  /** The process ends; what it wrote stays. */
  reopened(config: Partial<WalConfig> = {}): Extract<OpenWalResult, { kind: "open" }> {
    this.disk.crash();
    return this.opened(config);
  }

  /** Appends without letting the disk work; the result comes later. */
  begin(
    request: WalAppend,
    group: GroupId = GROUP,
  ): { result: WalResult<WalAppended> | undefined } {
    const pending: { result: WalResult<WalAppended> | undefined } = { result: undefined };
    const admission = this.wal.append(group, request, (result) => {
      pending.result = result;
    });
    assert(admission === "accepted", `an append was not taken: ${admission}`);
    return pending;
  }

  /** Appends and waits. */
  append(request: WalAppend, group: GroupId = GROUP): WalAppended {
    const pending = this.begin(request, group);
    this.disk.run();
    const result = must(pending.result, "a result");
    assert(result.ok, "an append failed");
    return result.value;
  }

  /** Appends entries of 8,000 bytes up to `last`, one at a time: 7 in the first segment, 8 in each later one. */
  fill(first: number, last: number): void {
    for (let index = first; index <= last; index++)
      this.append({ entries: entries(index, 1, 8_000) });
  }

  tick(nowMs: number): void {
    this.wal.tick(monotonic(nowMs));
    this.disk.run();
  }

  names(): readonly string[] {
    let names: readonly string[] = [];
    this.disk.list("wal", (listed) => {
      if (listed.ok) names = listed.value.map((entry) => entry.name);
    });
    this.disk.run();
    return names;
  }

  cover(index: number): void {
    this.wal.cover(GROUP, logIndex(index));
  }
}

export function lastIndexes(wal: Wal): readonly (LogIndex | undefined)[] {
  return wal.segments().map((segment) => segment.lastIndexes.get(GROUP));
}
