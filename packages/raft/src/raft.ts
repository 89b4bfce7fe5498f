/** One Raft group's consensus at one node. */
import type { LogIndex, MonotonicMs, NodeId, Random } from "@kqueuey/base";
import type { RaftConfig } from "./config.ts";
import type { RaftMessage } from "./message.ts";
import type { EntriesRequest, Ready } from "./ready.ts";
import type {
  MembershipChange,
  MembershipChangeResult,
  ProposeResult,
  RaftStatus,
  ReadIndexResult,
  TransferResult,
} from "./results.ts";
import type { Entry, MembershipAt, RaftInitial, RecordedMatch, SnapshotMeta } from "./types.ts";

/** What a `Raft` can do; the implementation follows. */
export declare class Raft {
  constructor(config: RaftConfig, initial: RaftInitial, random: Random);
  /** Lets time pass. Call every 10 to 50 ms. */
  tick(nowMs: MonotonicMs): void;
  /** Takes a message of a peer, whatever it is; never throws for it. */
  step(nowMs: MonotonicMs, message: RaftMessage): void;
  /** Bytes of any kind came from `id`: a sign of life when it is the leader (a snapshot stream, a long frame). */
  heardFrom(nowMs: MonotonicMs, id: NodeId): void;
  /** The connection to or from `id` was refused or closed. */
  peerDisconnected(nowMs: MonotonicMs, id: NodeId): void;
  /** Leader only: appends one `commands` entry for each item of `batch` (at least one). */
  propose(batch: readonly Uint8Array[]): ProposeResult;
  /** Leader only: asks for a linearizable read; `context` comes back in a `ReadState`. */
  readIndex(context: number): ReadIndexResult;
  transferLeadership(to: NodeId): TransferResult;
  changeMembership(change: MembershipChange): MembershipChangeResult;
  /** Hands leadership to the most caught-up active voter, and gives it up anyway when that fails. */
  stepDownFor(reason: "slow-disk" | "loop-delay" | "shutdown"): TransferResult;
  /** The write of `Ready.writeId` is durable; writes complete in order, so all earlier ones are too. */
  persisted(writeId: number): void;
  /** The state machine has applied everything up to `index`. */
  applied(index: LogIndex): void;
  /** Answer to `Ready.readEntries`: contiguous from `request.from`, any number up to `request.upTo`; or too late. */
  entriesRead(request: EntriesRequest, result: readonly Entry[] | "compacted"): void;
  /** Answer to `Ready.sendSnapshots`: `index` of the snapshot that `to` has installed, or undefined when it failed. */
  snapshotSent(to: NodeId, index: LogIndex | undefined): void;
  /** A complete snapshot is here: true when it is ahead of this node; then appends and applies stop until it is installed or aborted. */
  beginSnapshotInstall(meta: SnapshotMeta): boolean;
  /** The snapshot of `beginSnapshotInstall` is durable and loaded; the log now begins after it or contains it. */
  snapshotInstalled(): void;
  snapshotAborted(): void;
  /** Storage dropped the log up to and including `upTo`, which must be applied. */
  compact(upTo: LogIndex): void;
  /** The leader's knowledge for the next time entry: one record for each admitted member that acknowledged anything, itself included; empty unless leader. */
  matchVector(): readonly RecordedMatch[];
  /** Feeds a match vector of a *committed* entry, in log order. */
  recordMatch(vector: readonly RecordedMatch[]): void;
  /** What `recordMatch` has come to: to be kept in checkpoints and given back at start. */
  recordedMatches(): readonly RecordedMatch[];
  /** The membership in force at `index` (applied or later): for checkpoints. */
  membershipAt(index: LogIndex): MembershipAt;
  /** True when `ready()` has something to say. */
  hasReady(): boolean;
  ready(): Ready;
  status(): RaftStatus;
}
