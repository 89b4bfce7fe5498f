/** Leadership and membership changed by an operator, while whatever else goes on. */
import type { NodeId } from "@kqueuey/base";
import type { MemberChange, Membership, Raft } from "@kqueuey/raft";
import type { Ground } from "./ground.ts";
import type { MembershipStrike, Transfer } from "./strike.ts";

/** How often the operator looks whether everybody votes again, ms. */
const LOOK_EVERY_MS = 150;

export function transfer(ground: Ground, strike: Transfer): boolean {
  const to = ground.resolve(strike.to, strike.atMs);
  const raft = leadingRaft(ground);
  if (to === undefined || raft === undefined) return false;
  const result = raft.transferLeadership(to);
  ground.log(to, `is to lead: ${result.ok ? "asked" : result.reason}`);
  return result.ok;
}

export class Operator {
  readonly #ground: Ground;
  #restoring = false;
  /** Strikes in force: their members stay out. */
  readonly #out = new Map<NodeId, number>();

  constructor(ground: Ground) {
    this.#ground = ground;
  }

  /** Takes votes away, if those that are left can decide; gives them back later. */
  change(strike: MembershipStrike): boolean {
    const raft = leadingRaft(this.#ground);
    if (raft === undefined) return false;
    const { membership } = raft.status();
    const change = this.#changeOf(strike, membership);
    if (change === undefined) return false;
    const result = raft.changeMembership(change);
    this.#ground.log(undefined, `${describe(change)}: ${result.ok ? "begun" : result.reason}`);
    if (!result.ok) return false;
    const ids = change.filter(isLoss).map((step) => step.id);
    for (const id of ids) this.#out.set(id, (this.#out.get(id) ?? 0) + 1);
    this.#ground.mendLater(strike.lastsMs, () => {
      for (const id of ids) {
        const left = (this.#out.get(id) ?? 0) - 1;
        if (left > 0) this.#out.set(id, left);
        else this.#out.delete(id);
      }
      this.restore();
    });
    return true;
  }

  /** From now on everybody who is not kept out is made a voter again, whatever it takes. */
  restore(): void {
    if (this.#restoring) return;
    this.#restoring = true;
    this.#look(0);
  }

  #changeOf(strike: MembershipStrike, membership: Membership): MemberChange[] | undefined {
    const change: MemberChange[] = [];
    const voters = new Set(
      membership.members.filter((each) => each.role === "voter").map((each) => each.id),
    );
    for (const { kind, victim } of strike.steps) {
      const id = this.#ground.resolve(victim, strike.atMs + change.length);
      if (id === undefined || !voters.has(id)) continue;
      voters.delete(id);
      change.push({ kind, id });
    }
    if (change.length === 0 || voters.size === 0) return undefined;
    if (strike.promoting) {
      for (const { id, role } of membership.members) {
        if (role === "learner" && voters.size > 0) {
          voters.add(id);
          change.push({ kind: "promote", id });
        }
      }
    }
    // Who is joining votes as soon as it has caught up.
    const gone = new Set(change.filter(isLoss).map((step) => step.id));
    const joining = membership.members
      .filter(({ id, role }) => role === "joining" && !gone.has(id))
      .map(({ id }) => id);
    return this.#ground.budget.wouldHold([...voters], joining) ? change : undefined;
  }

  #look(round: number): void {
    const missing = this.#missing();
    if (missing !== undefined && missing.length === 0 && this.#out.size === 0) {
      this.#restoring = false;
      return;
    }
    if (missing !== undefined && missing.length > 0) this.#readmit(missing, round);
    this.#ground.later(LOOK_EVERY_MS, () => this.#look(round + 1));
  }

  /** All at once if that is possible, one after another otherwise. */
  #readmit(missing: readonly MemberChange[], round: number): void {
    const raft = leadingRaft(this.#ground);
    if (raft === undefined) return;
    const one = missing[round % missing.length];
    const attempts = [missing, one === undefined ? [] : [one]];
    for (const change of attempts) {
      if (change.length === 0 || (change === attempts[1] && missing.length === 1)) continue;
      if (!this.#mayGain(raft.status().membership, change)) continue;
      const result = raft.changeMembership(change);
      if (!result.ok) continue;
      this.#ground.log(undefined, `${describe(change)}: begun`);
      return;
    }
  }

  /**
   * Nobody makes a voter of a node that is down: with it, those that are up may be no majority. What is promoted
   * votes at once, what is added only when it has caught up.
   */
  #mayGain({ members }: Membership, change: readonly MemberChange[]): boolean {
    const voters = members.filter((each) => each.role === "voter").map((each) => each.id);
    const joining = members.filter((each) => each.role === "joining").map((each) => each.id);
    const promoted = change.filter((step) => step.kind === "promote").map((step) => step.id);
    const added = change.filter((step) => step.kind === "add").map((step) => step.id);
    return this.#ground.budget.wouldHold([...voters, ...promoted], [...joining, ...added]);
  }

  /** What would make everybody a voter who is to be one; undefined while nobody can say. */
  #missing(): MemberChange[] | undefined {
    const status = this.#ground.leaderStatus();
    if (status === undefined || !status.membershipCommitted) return undefined;
    if (status.membership.outgoing.length > 0) return undefined;
    const change: MemberChange[] = [];
    for (const id of this.#ground.cluster.ids) {
      if (this.#out.has(id)) continue;
      const member = status.membership.members.find((each) => each.id === id);
      if (member === undefined) change.push({ kind: "add", id });
      else if (member.role === "learner") change.push({ kind: "promote", id });
    }
    return change;
  }
}

function isLoss(step: MemberChange): boolean {
  return step.kind === "demote" || step.kind === "remove";
}

function describe(change: readonly MemberChange[]): string {
  return change.map((step) => `${step.kind} ${step.id}`).join(", ");
}

function leadingRaft(ground: Ground): Raft | undefined {
  const leader = ground.cluster.leader();
  return leader === undefined ? undefined : ground.cluster.replica(leader)?.raft;
}
