/** What every replica does in quiet moments: checkpoints, giving up log that nobody needs, freeing memory. */
import type { LogIndex, MonotonicMs, Term } from "@kqueuey/base";
import { logIndex } from "@kqueuey/base";
import type { QueueMachine } from "@kqueuey/queue";
import type { Raft } from "@kqueuey/raft";
import type { GroupStore, StoreFailure } from "@kqueuey/storage";
import { encodeGroupMeta } from "./wire/group-meta.ts";

const LOOK_EVERY_MS = 200;
/** Pages of purged messages freed at a time. */
const SWEEP_PAGES = 64;

export interface UpkeepContext {
  readonly machine: QueueMachine;
  readonly appliedTerm: Term;
  readonly isLeader: boolean;
  /** The state is being replaced: hands off. */
  readonly busy: boolean;
  readonly began: () => void;
  /** A checkpoint ended; undefined when it went well. Called inside a completion. */
  readonly done: (result: StoreFailure | undefined) => void;
}

export class Upkeep {
  readonly #checkpointEveryBytes: number;
  readonly #store: GroupStore;
  readonly #raft: Raft;
  #nextLookMs = 0;
  #compactedTo: LogIndex = logIndex(0);

  constructor(
    limits: { readonly checkpointEveryBytes: number },
    parts: { readonly store: GroupStore; readonly raft: Raft },
  ) {
    this.#checkpointEveryBytes = limits.checkpointEveryBytes;
    this.#store = parts.store;
    this.#raft = parts.raft;
  }

  run(nowMs: MonotonicMs, context: UpkeepContext): void {
    if (context.busy || nowMs < this.#nextLookMs) return;
    this.#nextLookMs = nowMs + LOOK_EVERY_MS;
    context.machine.sweep(SWEEP_PAGES);
    this.#giveUpLog(context);
    const stats = this.#store.stats();
    if (stats.checkpointRunning) return;
    // The leader checkpoints last: by then the others have done theirs and can take over meanwhile.
    const due = this.#checkpointEveryBytes * (context.isLeader ? 1.25 : 1);
    if (stats.uncheckpointedBytes >= due && this.checkpoint(context)) context.began();
  }

  /** Begins a checkpoint of the state as it is now. */
  checkpoint(context: Pick<UpkeepContext, "machine" | "appliedTerm" | "done">): boolean {
    const index = context.machine.appliedIndex;
    const membership = encodeGroupMeta({
      membership: this.#raft.membershipAt(index),
      recorded: this.#raft.recordedMatches(),
    });
    return this.#store.checkpoint(
      context.machine,
      { index, term: context.appliedTerm, membership },
      (result) => context.done(result.ok ? undefined : result.failure),
    );
  }

  #giveUpLog(context: UpkeepContext): void {
    const status = this.#raft.status();
    let needed: number = status.applied + 1;
    if (context.isLeader) {
      for (const peer of status.peers) {
        if (peer.active && peer.id !== status.id) needed = Math.min(needed, peer.match + 1);
      }
    }
    this.#store.setNeededFrom(logIndex(needed));
    const upTo = logIndex(Math.max(0, this.#store.firstIndex() - 1));
    if (upTo <= this.#compactedTo || upTo > status.applied) return;
    this.#compactedTo = upTo;
    this.#raft.compact(upTo);
  }
}
