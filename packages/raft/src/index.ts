/**
 * The Raft protocol as a pure state machine: one `Raft` is one node's part in one group. It reads no
 * clock, draws no randomness of its own and does no I/O; it is told what happens, and says in `Ready`
 * what is to be done.
 *
 * The driver's duties, in order:
 *
 * 1. **Start.** Recover the log and make durable what was read, then construct `Raft` with what was
 *    found (`RaftInitial`). An empty, damaged or provably old directory starts with `probation: true`.
 *    Raise `boot` by a random step and persist it before.
 * 2. **Tell.** `tick` every 10 to 50 ms, `step` for each message of a peer, `peerDisconnected` when a
 *    connection is refused or closes, `heardFrom` for a leader's bytes that are no message yet; `propose`,
 *    `readIndex` and the rest for clients. Then, if `hasReady()`, take `ready()` and work through it:
 * 3. **Send** `messages` now, in any order; losing, repeating or delaying them is harmless. A leader's appends
 *    leave while its own write runs. Nothing in `messages` depends on a write that is not durable.
 * 4. **Write** `hardState`, then `entries`, as one write after all earlier ones, and call
 *    `persisted(writeId)` when it is durable. An entry at or below the last written index voids the old suffix. Writes
 *    complete in order. A write that fails is never repeated: stop the process.
 * 5. **Apply** `committed` in order, each entry once, `commands` to the state machine and the other kinds to
 *    nobody; then call `applied`. When `entries` is empty the range is read from storage first. Entries may
 *    be applied before this node's own write of them is durable; a checkpoint must wait for it. When an
 *    applied entry holds a match vector, call `recordMatch`.
 * 6. **Answer** `readStates` once their index is applied; `readEntries` with `entriesRead`; `sendSnapshots` with
 *    `snapshotSent`, also when the transfer failed.
 * 7. **Snapshots.** When one has arrived complete, ask `beginSnapshotInstall`; if true, make it durable, load
 *    it and call `snapshotInstalled`, or else `snapshotAborted`. Until then take no part of a later `Ready` but
 *    its messages and hard state: there will be none.
 * 8. **Compact.** When storage drops the beginning of its log, call `compact`.
 * 9. **Lost leadership.** When `softState` says that this node no longer leads, fail its pending reads.
 *    Proposals are decided by what is applied at their index: the same term is success, another is failure.
 *
 * Sources: the Raft paper (extended version; "paper"), Ongaro's dissertation ("dissertation"), and the
 * public design of etcd's library.
 */
export { applyChange, bootstrapMembership, isJoint } from "./confchange/change.ts";
export {
  decodeMembership,
  decodeMembershipAt,
  encodeMembership,
  encodeMembershipAt,
} from "./confchange/codec.ts";
export type { RaftConfig } from "./config.ts";
export { raftConfig } from "./config.ts";
export {
  describeEntries,
  describeEntry,
  describeHardState,
  describeMember,
  describeMembership,
  describeMessage,
  describeReady,
  describeRecord,
} from "./describe.ts";
export type * from "./message.ts";
export { Raft } from "./raft.ts";
export type * from "./ready.ts";
export type * from "./results.ts";
export type * from "./types.ts";
export { ENTRY_KIND_CODES, entryKindOf } from "./types.ts";
