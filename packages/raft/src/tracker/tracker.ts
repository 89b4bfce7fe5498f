/** The leader's book over all peers, and the questions that quorums answer from it. */
import type { NodeId } from "@kqueuey/base";
import { jointHolds, jointIndex, type VoterSets, voterSets } from "../quorum/joint.ts";
import type { Member, Membership } from "../types.ts";
import { createProgress, type Progress } from "./progress.ts";

/** The leader itself, which has no `Progress`: it is where the log is. */
export interface Self {
  readonly id: NodeId;
  /** Its own durable index, asked whenever a quorum is counted. */
  readonly durableTo: () => number;
}

export class Tracker {
  readonly #self: Self;
  readonly #peers = new Map<NodeId, Progress>();
  #voters: VoterSets = { incoming: [], outgoing: [] };
  // Made once: quorums are counted for every acknowledgement.
  readonly #matchOf = (member: Member): number => {
    if (member.id === this.#self.id) return this.#self.durableTo();
    return this.#current(member)?.match ?? 0;
  };

  constructor(self: Self) {
    this.#self = self;
  }

  get peers(): Iterable<Progress> {
    return this.#peers.values();
  }

  get voters(): VoterSets {
    return this.#voters;
  }

  get(id: NodeId): Progress | undefined {
    return this.#peers.get(id);
  }

  /** A membership came into force: who is new, or new under its id, starts from nothing. */
  enter(membership: Membership, lastIndex: number, nowMs: number): void {
    this.#voters = voterSets(membership);
    for (const progress of this.#peers.values()) progress.leaving = true;
    const admit = (member: Member): void => {
      if (member.id === this.#self.id) return;
      const known = this.#peers.get(member.id);
      if (known?.incarnation === member.incarnation) known.leaving = false;
      else this.#peers.set(member.id, createProgress(member, lastIndex + 1, nowMs));
    };
    membership.members.forEach(admit);
    // A member under a new incarnation wins over its outgoing self, whose acknowledgements are void.
    const isMember = (id: NodeId): boolean => membership.members.some((m) => m.id === id);
    for (const voter of membership.outgoing) if (!isMember(voter.id)) admit(voter);
  }

  /** The membership in force is committed: who left it needs nothing any more. */
  forgetLeaving(): void {
    for (const progress of this.#peers.values()) {
      if (progress.leaving) this.#peers.delete(progress.id);
    }
  }

  /** The highest index on the disks of a quorum. */
  quorumIndex(): number {
    return jointIndex(this.#voters, this.#matchOf);
  }

  /** True when this node and the peers that satisfy `test` are a quorum. */
  quorumHolds(test: (progress: Progress) => boolean): boolean {
    return jointHolds(this.#voters, (member) => {
      if (member.id === this.#self.id) return true;
      const progress = this.#current(member);
      return progress !== undefined && test(progress);
    });
  }

  /** True for a voter of either half. */
  isVoter(id: NodeId): boolean {
    const is = (member: Member): boolean => member.id === id;
    return this.#voters.incoming.some(is) || this.#voters.outgoing.some(is);
  }

  /** The progress of this very admission of the member. */
  #current(member: Member): Progress | undefined {
    const progress = this.#peers.get(member.id);
    return progress?.incarnation === member.incarnation ? progress : undefined;
  }
}
