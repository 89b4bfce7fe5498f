/**
 * Everything that one node keeps: its identity, the log that all groups share, each group's store.
 * Opening it says whether this directory may be used at all.
 */
import { type GroupId, type MonotonicMs, must, type NodeId } from "@kqueuey/base";
import { GroupEngine } from "./group-engine.ts";
import { openGroup } from "./group-open.ts";
import { DEFAULT_LIMITS, type GroupPorts, type GroupStoreLimits, Pacer } from "./group-ports.ts";
import type { GroupStore } from "./group-store.ts";
import { type NodeMeta, type OpenRefusal, openIdentity, writeIdentity } from "./node-meta.ts";
import { Reclaimer } from "./reclaimer.ts";
import { ReserveFile } from "./reserve.ts";
import {
  type BodyFraming,
  damage,
  type StoragePorts,
  type StoreDone,
  type StoreFailure,
} from "./store-types.ts";
import { LOG_START } from "./wal/group-log.ts";
import { openWal, quarantineWal } from "./wal/open.ts";
import type { RecoveredGroup, Wal, WalConfig, WalFailure, WalStats } from "./wal/types.ts";

export interface NodeStorageConfig {
  /** 16 bytes. */
  readonly clusterId: Uint8Array;
  readonly nodeId: NodeId;
  /** Groups hosted here; those that the log knows are opened too. */
  readonly groups: readonly GroupId[];
  readonly framing: BodyFraming;
  readonly limits?: Partial<GroupStoreLimits>;
  readonly wal?: Partial<WalConfig>;
  /**
   * Told when the store can't go on (`io`, `damaged`): the process must stop, and after damage the next
   * start begins in probation. Also told `no-space` each time that background work has to wait for it.
   */
  readonly onFailure: (failure: StoreFailure) => void;
}

export type OpenNodeResult =
  | { readonly ok: true; readonly storage: NodeStorage }
  | { readonly ok: false; readonly refusal: OpenRefusal };

export interface NodeStorage {
  /** Nothing was ever made durable in this directory: the node has no memory of any cluster. */
  readonly fresh: boolean;
  /**
   * Raised at every open by a random step of 1 … 2^32, 1 … 2^53 - 1; durable before the open
   * completes. Random, so that two starts from one copied directory differ.
   */
  readonly boot: number;
  /** Damage in what all groups share: the log was set aside, every group starts from nothing. */
  readonly damage: StoreFailure | undefined;
  /** The groups that are open, ascending. */
  readonly groups: readonly GroupId[];
  group(id: GroupId): GroupStore;
  walStats(): WalStats;
  /** Drives everything that waits for time: call every 10 to 50 ms. */
  tick(nowMs: MonotonicMs): void;
  /** Writes what was accepted, then closes every file; later requests complete with `closed`. */
  close(done: StoreDone<undefined>): void;
}

/** What opening has found so far. */
interface Opening {
  readonly config: NodeStorageConfig;
  readonly ports: StoragePorts;
  readonly meta: NodeMeta;
  readonly done: (result: OpenNodeResult) => void;
}

interface OpenedLog {
  readonly wal: Wal;
  readonly watch: LogWatch;
  readonly fresh: boolean;
  readonly groups: ReadonlyMap<GroupId, RecoveredGroup>;
  readonly damage: StoreFailure | undefined;
}

/** Whom to tell that the log is dead, though nothing waited for it; nobody while it is opened. */
interface LogWatch {
  told: ((failure: StoreFailure) => void) | undefined;
}

/** Opens the directory's store, or makes it in an empty directory. */
export function openNodeStorage(
  config: NodeStorageConfig,
  ports: StoragePorts,
  done: (result: OpenNodeResult) => void,
): void {
  openIdentity(ports, config, (identity) => {
    if (!identity.ok) {
      done(identity);
      return;
    }
    const opening: Opening = { config, ports, meta: identity.value, done };
    openLog(opening, undefined, (log) => openGroups(opening, log));
  });
}

function refuse(opening: Opening, failure: StoreFailure): void {
  opening.done({ ok: false, refusal: { kind: "disk", failure } });
}

/** Opens the log; a damaged one is set aside once and a new one begun. */
function openLog(
  opening: Opening,
  before: Pick<OpenedLog, "damage" | "groups"> | undefined,
  done: (log: OpenedLog) => void,
): void {
  const { config, meta } = opening;
  const walConfig = config.wal ?? {};
  const watch: LogWatch = { told: undefined };
  const ports = {
    ...opening.ports,
    failed: (failure: WalFailure): void => watch.told?.({ ...failure }),
  };
  openWal(ports, walConfig, (result) => {
    if (result.kind === "open") {
      const { wal, recovered } = result;
      const missing = recovered.fresh && meta.used && before === undefined;
      const lost = missing ? damage("wal", "the log is gone, though it was used") : before?.damage;
      const groups = before === undefined ? recovered.groups : hardStatesOf(before.groups);
      done({ wal, watch, fresh: recovered.fresh, groups, damage: lost });
    } else if (result.kind === "newer-format") {
      // The directory's format says which logs it may have: this one was put there by hand.
      const message = `wal: ${result.message}`;
      opening.done({ ok: false, refusal: { kind: "damaged-identity", message } });
    } else if (result.kind === "failed") {
      refuse(opening, { ...result.failure });
    } else if (before !== undefined) {
      refuse(opening, { code: "io", message: "a new log is damaged at once" });
    } else {
      const { segment, position, message } = result.damage;
      const failure = damage(`log segment ${segment} at ${position}`, message);
      quarantineWal(opening.ports, walConfig, (moved) => {
        if (!moved.ok) refuse(opening, { ...moved.failure });
        else openLog(opening, { damage: failure, groups: result.recovered.groups }, done);
      });
    }
  });
}

/** Of a damaged log only the hard states mean anything, as hints. */
function hardStatesOf(
  groups: ReadonlyMap<GroupId, RecoveredGroup>,
): ReadonlyMap<GroupId, RecoveredGroup> {
  const hints = new Map<GroupId, RecoveredGroup>();
  for (const [id, group] of groups) {
    hints.set(id, {
      group: id,
      hardState: group.hardState,
      snapshotMarker: undefined,
      compacted: LOG_START,
      last: LOG_START,
      termRuns: [],
      placements: [],
    });
  }
  return hints;
}

function openGroups(opening: Opening, log: OpenedLog): void {
  const { config, ports } = opening;
  const limits = { ...DEFAULT_LIMITS, ...config.limits };
  const reserve = new ReserveFile(ports.disk, limits.reserveBytes);
  const pacer = new Pacer(limits.backgroundBytesPerSecond);
  const { disk, crc32, digest } = ports;
  const { framing, onFailure } = config;
  const ids = [...new Set([...config.groups, ...log.groups.keys()])].sort((a, b) => a - b);
  const engines = new Map<GroupId, GroupEngine>();
  const next = (at: number): void => {
    const group = ids[at];
    if (group === undefined) {
      const storage = new OpenStorage(opening, { log, engines, reserve, pacer });
      opening.done({ ok: true, storage });
      return;
    }
    const groupPorts: GroupPorts = {
      disk,
      crc32,
      digest,
      wal: log.wal,
      group,
      framing,
      limits,
      reserve,
      pacer,
      failed: onFailure,
    };
    const context = { log: log.groups.get(group), damage: log.damage };
    openGroup(groupPorts, context, (opened) => {
      if (!opened.ok) {
        refuse(opening, opened.failure);
        return;
      }
      engines.set(group, new GroupEngine(groupPorts, opened.value));
      next(at + 1);
    });
  };
  next(0);
}

class OpenStorage implements NodeStorage {
  readonly fresh: boolean;
  readonly boot: number;
  readonly damage: StoreFailure | undefined;
  readonly #ports: StoragePorts;
  readonly #wal: Wal;
  readonly #engines: ReadonlyMap<GroupId, GroupEngine>;
  readonly #reserve: ReserveFile;
  readonly #pacer: Pacer;
  readonly #reclaimer: Reclaimer;
  readonly #failed: (failure: StoreFailure) => void;
  #meta: NodeMeta;
  #markingUsed = false;
  #closed = false;

  constructor(
    opening: Opening,
    parts: {
      readonly log: OpenedLog;
      readonly engines: ReadonlyMap<GroupId, GroupEngine>;
      readonly reserve: ReserveFile;
      readonly pacer: Pacer;
    },
  ) {
    const { meta } = opening;
    const { log, engines } = parts;
    this.fresh = !meta.used && log.fresh && log.damage === undefined;
    this.boot = meta.boot;
    this.damage = log.damage;
    this.#ports = opening.ports;
    this.#wal = log.wal;
    this.#engines = engines;
    this.#reserve = parts.reserve;
    this.#pacer = parts.pacer;
    const { sparseLastsMs } = { ...DEFAULT_LIMITS, ...opening.config.limits };
    this.#reclaimer = new Reclaimer(log.wal, engines, sparseLastsMs);
    this.#failed = opening.config.onFailure;
    this.#meta = meta;
    log.watch.told = (failure) => {
      if (!this.#closed) this.#failed(failure);
    };
  }

  get groups(): readonly GroupId[] {
    return [...this.#engines.keys()];
  }

  group(id: GroupId): GroupStore {
    return must(this.#engines.get(id), "the group is open");
  }

  walStats(): WalStats {
    return this.#wal.stats();
  }

  tick(nowMs: MonotonicMs): void {
    if (this.#closed) return;
    this.#pacer.tick(nowMs);
    this.#reserve.tick(nowMs);
    this.#wal.tick(nowMs);
    for (const engine of this.#engines.values()) engine.tick(nowMs);
    this.#reclaimer.tick(nowMs);
    this.#markUsed();
  }

  close(done: StoreDone<undefined>): void {
    this.#closed = true;
    this.#wal.close((result) => {
      for (const engine of this.#engines.values()) engine.stop();
      if (result.ok) done({ ok: true, value: undefined });
      else done({ ok: false, failure: { ...result.failure } });
    });
  }

  /** After the first append: from now on an empty log here is a lost one. */
  #markUsed(): void {
    if (this.#meta.used || this.#markingUsed) return;
    if (![...this.#engines.values()].some((engine) => engine.holdsSomething)) return;
    this.#markingUsed = true;
    const meta = { ...this.#meta, used: true };
    writeIdentity(this.#ports, meta, (failure) => {
      this.#markingUsed = false;
      if (failure === undefined) this.#meta = meta;
      else if (failure.code !== "no-space") this.#failed(failure);
    });
  }
}
