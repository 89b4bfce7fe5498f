/**
 * How far one follower is, as its leader sees it.
 *
 *     probe ---- accepted ---> replicate
 *       ^  \                     |
 *       |   `-- log compacted ->  snapshot
 *       `--- rejected, disconnected, restarted, snapshot done or failed
 */
import type { Incarnation, NodeId } from "@kqueuey/base";
import { Inflights } from "./inflights.ts";

/** The follower's log is not known to reach `next - 1`: one append at a time until it answers. */
export interface Probe {
  readonly kind: "probe";
  /** An append is out; the next goes after its answer or after the next sign of life. */
  paused: boolean;
}

/** The follower keeps up: appends are sent ahead of their acknowledgements, within the window. */
export interface Replicate {
  readonly kind: "replicate";
  readonly inflights: Inflights;
  /** `match` at the last sign of life if appends were in flight then: unmoved, one may be lost. */
  waitingAt: number | undefined;
}

/** The log no longer reaches back to `next`: a snapshot is on its way. */
export interface Snapshotting {
  readonly kind: "snapshot";
  /** The lowest index that will do. */
  readonly indexMin: number;
}

export type ProgressState = Probe | Replicate | Snapshotting;

/** Why a follower's answers are not counted, and since when. */
export interface Suspicion {
  readonly sinceMs: number;
  /** The process start that answers, and the incarnation it answers under. */
  readonly boot: number;
  readonly incarnation: Incarnation;
}

export interface Progress {
  readonly id: NodeId;
  /** The admission that `match` was acknowledged under. */
  readonly incarnation: Incarnation;
  state: ProgressState;
  /** On the follower's disk and equal to this log. Never falls under one incarnation. */
  match: number;
  /** The next entry to send; `match + 1` or more. */
  next: number;
  /** When an answer that counts last came. */
  heardMs: number;
  /** The follower's process start and where its log ended then; 0 until it answers. */
  boot: number;
  /** The newest round of reads that the follower confirmed. */
  round: number;
  /** Entries for it are being fetched from storage. */
  reading: boolean;
  suspicion: Suspicion | undefined;
  /** No longer a member, but the entry that says so is not committed yet: it may still want to know. */
  leaving: boolean;
}

/** A follower of which nothing is known. */
export function createProgress(
  member: { readonly id: NodeId; readonly incarnation: Incarnation },
  next: number,
  nowMs: number,
): Progress {
  return {
    id: member.id,
    incarnation: member.incarnation,
    state: { kind: "probe", paused: false },
    match: 0,
    next,
    heardMs: nowMs,
    boot: 0,
    round: 0,
    reading: false,
    suspicion: undefined,
    leaving: false,
  };
}

/** Goes back to asking, from `next`, which is raised to `match + 1` if it is lower. */
export function becomeProbe(progress: Progress, next: number): void {
  progress.state = { kind: "probe", paused: false };
  progress.next = Math.max(progress.match + 1, next);
}

export function becomeReplicate(progress: Progress): void {
  progress.state = {
    kind: "replicate",
    inflights: new Inflights(),
    waitingAt: undefined,
  };
  progress.next = progress.match + 1;
}

export function becomeSnapshot(progress: Progress, indexMin: number): void {
  progress.state = { kind: "snapshot", indexMin };
  progress.reading = false;
}
