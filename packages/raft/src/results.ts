/** What Raft answers at once to those who ask it for something. Refusals are values, never exceptions. */
import type { Incarnation, LogIndex, NodeId, Term } from "@kqueuey/base";
import type { RoleKind } from "./ready.ts";
import type { MemberRole, Membership } from "./types.ts";

/** Entries `firstIndex`, `firstIndex + 1`, … hold the batch if they are committed with `term`. */
export type ProposeResult =
  | { readonly ok: true; readonly firstIndex: LogIndex; readonly term: Term }
  | { readonly ok: false; readonly reason: "not-leader" | "transferring" | "full" };

/** When accepted, a `ReadState` with the context follows, unless leadership is lost first. */
export type ReadIndexResult =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: "not-leader" | "full" };

export type TransferResult =
  | { readonly ok: true; readonly to: NodeId }
  | {
      readonly ok: false;
      readonly reason: "not-leader" | "not-a-voter" | "transferring" | "no-target";
    };

/** Why a leader should not lead now. */
export type StepDownReason = "slow-disk" | "loop-delay" | "shutdown";

/** One step of a membership change; several in one change go through joint consensus. */
export type MemberChange =
  /** A node that becomes a voter by itself once it has caught up. */
  | { readonly kind: "add"; readonly id: NodeId }
  | { readonly kind: "add-learner"; readonly id: NodeId }
  /** A learner that has caught up becomes a voter. */
  | { readonly kind: "promote"; readonly id: NodeId }
  /** A voter becomes a learner. */
  | { readonly kind: "demote"; readonly id: NodeId }
  | { readonly kind: "remove"; readonly id: NodeId };

export type MembershipChange = readonly MemberChange[];

export type MembershipChangeResult =
  /** Done when the entry at `index` is committed; with `joint`, when the group has left joint consensus after it. */
  | { readonly ok: true; readonly index: LogIndex; readonly term: Term; readonly joint: boolean }
  | {
      readonly ok: false;
      /**
       * `in-progress`: the last change is not committed yet. `not-ready`: nothing of this term is
       * committed yet. `lagging`: a learner to promote has not caught up. `unhealthy`: the voters
       * that answer would be no majority, so the change could not be committed. `invalid`: see `detail`.
       */
      readonly reason:
        | "not-leader"
        | "transferring"
        | "in-progress"
        | "not-ready"
        | "lagging"
        | "unhealthy"
        | "invalid";
      readonly detail: string;
    };

/** How the leader sees one peer. */
export interface PeerStatus {
  readonly id: NodeId;
  readonly incarnation: Incarnation;
  readonly role: MemberRole | "outgoing" | "leaving";
  readonly state: "probe" | "replicate" | "snapshot";
  readonly match: LogIndex;
  readonly next: LogIndex;
  /** Heard from within the longest election timeout, under the incarnation of its membership. */
  readonly active: boolean;
}

export interface RaftStatus {
  readonly id: NodeId;
  readonly incarnation: Incarnation;
  /** Waiting to be admitted (again): neither votes nor counts. */
  readonly probation: boolean;
  readonly role: RoleKind;
  readonly term: Term;
  readonly vote: NodeId | 0;
  /** Term and vote are on this node's disk; before that nobody is told of them. */
  readonly voteIsDurable: boolean;
  readonly leader: NodeId | 0;
  readonly commit: LogIndex;
  readonly applied: LogIndex;
  readonly firstIndex: LogIndex;
  readonly lastIndex: LogIndex;
  /** The highest index known to be on this node's own disk. */
  readonly durable: LogIndex;
  /** The end of the log that the disk held when this process began. */
  readonly bootLastIndex: LogIndex;
  /** The membership in force, committed or not. */
  readonly membership: Membership;
  readonly membershipCommitted: boolean;
  /** Target of a leadership transfer under way; 0 for none. */
  readonly transferTo: NodeId | 0;
  /** Entry bytes kept in memory. */
  readonly tailBytes: number;
  /** Entry bytes proposed and not yet committed (leader). */
  readonly uncommittedBytes: number;
  /** Empty unless leader. */
  readonly peers: readonly PeerStatus[];
}
