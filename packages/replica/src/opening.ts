/**
 * From a group's store to a running replica's parts: loads the checkpoint into a machine, tells the
 * store which bodies are alive, and makes raft's view of the log.
 */
import type { MonotonicMs, NodeId, Random, Term } from "@kqueuey/base";
import { incarnation, logIndex, term } from "@kqueuey/base";
import { QueueMachine } from "@kqueuey/queue";
import type { HardState, Membership, MembershipAt, RaftConfig } from "@kqueuey/raft";
import { Raft } from "@kqueuey/raft";
import type { CheckpointMeta, GroupStore, StoreFailure } from "@kqueuey/storage";
import { decodeGroupMeta, type GroupMeta } from "./wire/group-meta.ts";

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
      else done(badCheckpoint(store, problem));
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
      done({ ok: false, failure: badCheckpoint(store, "membership cannot be read") });
      return;
    }
    const raft = makeRaft(options, meta, group);
    done({ ok: true, parts: { raft, machine, appliedTerm: term(meta?.term ?? 0) } });
  });
}

/** A checkpoint that is no state: the store is told, so that the next start does not meet it again. */
function badCheckpoint(store: GroupStore, problem: string): StoreFailure {
  const message = `checkpoint of group ${store.group}: ${problem}`;
  const failure: StoreFailure = { code: "damaged", message };
  store.reportDamage(failure);
  return failure;
}

function makeRaft(
  options: OpeningOptions,
  meta: CheckpointMeta | undefined,
  group: GroupMeta | undefined,
): Raft {
  const { recovered } = options.store;
  const founding: MembershipAt = { index: logIndex(0), membership: options.founders };
  const membership = group?.membership ?? founding;
  return new Raft(
    options.raft,
    {
      hardState: hardStateFor(options, recovered.hardState, membership),
      base: recovered.base,
      termRuns: recovered.termRuns,
      lastIndex: recovered.last.index,
      tail: [],
      applied: logIndex(meta?.index ?? recovered.base.index),
      membership,
      membershipEntries: recovered.membershipEntries,
      boot: options.boot,
      probation: options.probation,
      recorded: group?.recorded ?? [],
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
