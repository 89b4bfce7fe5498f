/** A follower far behind gets a snapshot in place of its log (paper §7). */
import { assert } from "@kqueuey/base";
import { becomeFollower } from "./role.ts";
import type { Core } from "./state.ts";
import type { SnapshotMeta } from "./types.ts";

/** Whether `meta` is worth installing; if so, appends, applying and campaigns wait for the outcome. */
export function beginInstall(core: Core, meta: SnapshotMeta): boolean {
  if (core.installing !== undefined || meta.index <= core.commit) return false;
  if (core.role.kind === "leader") return false;
  if (core.log.matches(meta.index, meta.term)) {
    // The log holds all of it; a snapshot is of committed entries, so they only need applying.
    core.commit = meta.index;
    return false;
  }
  if (core.role.kind !== "follower") becomeFollower(core, core.term, 0);
  core.installing = meta;
  return true;
}

/** Replaces the log. Nothing is acknowledged: the leader asks again from the snapshot's index. */
export function finishInstall(core: Core): void {
  const meta = core.installing;
  assert(meta !== undefined, "no snapshot is being installed");
  core.installing = undefined;
  if (meta.term > core.term) becomeFollower(core, meta.term, 0);
  core.log.reset(meta.index, meta.term);
  core.unstable.resetTo(meta.index);
  core.memberships.reset(meta.membership);
  core.records.merge(meta.recorded);
  core.commit = meta.index;
  core.applied = meta.index;
  core.handedToApply = meta.index;
  core.verified = 0;
  core.acknowledged = 0;
}
