/**
 * From a group's store to a running replica's parts: loads the checkpoint into a machine, tells the
 * store which bodies are alive, reads the log above for its membership entries, and makes raft's view.
 */
import type { LogIndex, MonotonicMs, NodeId, Random, Term } from "@kqueuey/base";
import { incarnation, logIndex, term } from "@kqueuey/base";
import { QueueMachine } from "@kqueuey/queue";
import type { Entry, HardState, Membership, MembershipAt, RaftConfig } from "@kqueuey/raft";
import { Raft } from "@kqueuey/raft";
import type { CheckpointMeta, GroupStore, StoreFailure } from "@kqueuey/storage";
import { decodeGroupMeta, type GroupMeta } from "./wire/group-meta.ts";

/** Log read at a time while looking for membership entries, bytes. */
const SCAN_BYTES = 4 * 1024 * 1024;

export interface ReplicaParts {
  readonly raft: Raft;
  readonly machine: QueueMachine;
  readonly appliedTerm: Term;
}

export type OpeningResult =
  | { readonly ok: true; readonly parts: ReplicaParts }
  | { readonly ok: false; readonly failure: StoreFailure };

export interface OpeningOptions {
  readonly store: GroupStore;
  readonly raft: RaftConfig;
  readonly random: Random;
  readonly boot: number;
  /** Nothing on this disk may be voted with. */
  readonly probation: boolean;
  /** The members a new cluster begins with; used when there is no checkpoint. */
  readonly founders: Membership;
  nowMs(): MonotonicMs;
}

/** A machine as the store's checkpoint has it, the store told what is alive; empty without a checkpoint. */
export function loadMachine(
  store: GroupStore,
  done: (
    result: { machine: QueueMachine; meta: CheckpointMeta | undefined } | StoreFailure,
  ) => void,
): void {
  const machine = new QueueMachine({ group: store.group });
  const finish = (meta: CheckpointMeta | undefined): void => {
    machine.forEachLiveBody((entry, count) => store.setLive(entry, count));
    store.finishRestore({
      visitLiveBodies: (range, visit) => machine.visitLiveBodies(range, visit),
    });
    done({ machine, meta });
  };
  if (store.latestCheckpoint() === undefined) {
    finish(undefined);
    return;
  }
  let problem: string | undefined;
  store.loadCheckpoint(
    (unit) => {
      problem ??= machine.loadUnit(unit.key, unit.bytes);
    },
    (result) => {
      if (!result.ok) {
        done(result.failure);
        return;
      }
      problem ??= machine.finishLoad();
      if (problem === undefined) finish(result.value);
      else done({ code: "damaged", message: `checkpoint of group ${store.group}: ${problem}` });
    },
  );
}

/** Opens one group for business. */
export function openReplica(options: OpeningOptions, done: (result: OpeningResult) => void): void {
  const { store } = options;
  loadMachine(store, (loaded) => {
    if (!("machine" in loaded)) {
      done({ ok: false, failure: loaded });
      return;
    }
    const { machine, meta } = loaded;
    const group = meta === undefined ? undefined : decodeGroupMeta(meta.membership);
    if (meta !== undefined && group === undefined) {
      const message = `checkpoint of group ${store.group}: membership cannot be read`;
      done({ ok: false, failure: { code: "damaged", message } });
      return;
    }
    const base = logIndex(meta?.index ?? 0);
    const scan: LogScan = { from: base, membershipEntries: [], tail: [] };
    scanLog(store, scan, (failure) => {
      if (failure !== undefined) {
        done({ ok: false, failure });
        return;
      }
      const raft = makeRaft(options, { meta, group, scan });
      done({ ok: true, parts: { raft, machine, appliedTerm: term(meta?.term ?? 0) } });
    });
  });
}

interface LogScan {
  from: LogIndex;
  readonly membershipEntries: Entry[];
  tail: readonly Entry[];
}

/** Reads the log above the checkpoint once, in pieces. */
function scanLog(
  store: GroupStore,
  scan: LogScan,
  done: (failure: StoreFailure | undefined) => void,
): void {
  const { lastIndex } = store.recovered;
  const next = logIndex(scan.from + 1);
  if (next > lastIndex) {
    done(undefined);
    return;
  }
  store.readEntries({ from: next, upTo: lastIndex, bytesMax: SCAN_BYTES }, (result) => {
    if (!result.ok) {
      done(result.failure);
      return;
    }
    const last = result.value === "compacted" ? undefined : result.value.at(-1);
    if (result.value === "compacted" || last === undefined) {
      done({ code: "damaged", message: `log of group ${store.group} has a gap at ${next}` });
      return;
    }
    for (const entry of result.value) {
      if (entry.kind === "membership") scan.membershipEntries.push(entry);
    }
    scan.tail = result.value;
    scan.from = last.index;
    scanLog(store, scan, done);
  });
}

function makeRaft(
  options: OpeningOptions,
  found: {
    readonly meta: CheckpointMeta | undefined;
    readonly group: GroupMeta | undefined;
    readonly scan: LogScan;
  },
): Raft {
  const { recovered } = options.store;
  const index = logIndex(found.meta?.index ?? 0);
  const snapshot = { index, term: term(found.meta?.term ?? 0) };
  const founding: MembershipAt = { index: logIndex(0), membership: options.founders };
  const membership = found.group?.membership ?? founding;
  const termRuns = recovered.termRuns
    .filter((run, at) => (recovered.termRuns[at + 1]?.from ?? Infinity) > index + 1)
    .map((run) => ({ first: logIndex(Math.max(run.from, index + 1)), term: run.term }))
    .filter((run) => run.first <= recovered.lastIndex);
  return new Raft(
    options.raft,
    {
      hardState: hardStateFor(options, recovered.hardState, membership),
      snapshot,
      membership,
      membershipEntries: found.scan.membershipEntries,
      termRuns,
      lastIndex: logIndex(Math.max(index, recovered.lastIndex)),
      tail: found.scan.tail,
      applied: index,
      boot: options.boot,
      probation: options.probation,
      recorded: found.group?.recorded ?? [],
      nowMs: options.nowMs(),
    },
    options.random,
  );
}

/** What the disk said, or, for a founder, the state before the first election. */
function hardStateFor(
  options: OpeningOptions,
  recovered: HardState | undefined,
  membership: MembershipAt,
): HardState {
  if (recovered !== undefined) return recovered;
  const me: NodeId = options.raft.id;
  const own = membership.membership.members.find((member) => member.id === me);
  return {
    term: term(0),
    vote: 0,
    incarnation: options.probation ? incarnation(0) : (own?.incarnation ?? incarnation(0)),
    commit: logIndex(0),
  };
}
