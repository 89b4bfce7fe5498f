/**
 * Membership: what a leader calls committed is durable on a majority of the voters, of both halves while the
 * membership is joint; learners and nodes under another incarnation do not count. One membership follows another only
 * when that is committed, and by steps that overlap.
 */
import type { NodeId } from "@kqueuey/base";
import type { Entry, Membership as Group, Member, RaftStatus } from "@kqueuey/raft";
import { decodeMembership } from "@kqueuey/raft";
import type { Violation } from "./checker.ts";
import type { Sight, StatusJudge } from "./status-watch.ts";
import { Verdicts } from "./verdicts.ts";

interface Led {
  readonly term: number;
  readonly commit: number;
  readonly membership: Group;
  readonly isCommitted: boolean;
}

export class Membership implements StatusJudge {
  readonly name = "membership";
  readonly promise = "what is committed is on majorities of the voters, also while they change";
  readonly #verdicts = new Verdicts(this.name, this.promise);
  readonly #led = new Map<NodeId, Led>();
  /** Every membership that was applied, ascending. */
  readonly #applied: { readonly index: number; readonly group: Group }[] = [];

  get violations(): readonly Violation[] {
    return this.#verdicts.list;
  }

  /** An entry was applied; the same one is by every node. */
  applied(_node: { readonly id: NodeId }, entry: Entry): void {
    const last = this.#applied.at(-1);
    if (entry.kind !== "membership" || entry.index <= (last?.index ?? 0)) return;
    const group = decodeMembership(entry.data);
    if (group === undefined) {
      this.#verdicts.broken(`index ${entry.index} holds no membership`);
      return;
    }
    if (last !== undefined) this.#judgeStep(last.group, group, entry.index);
    this.#applied.push({ index: entry.index, group });
  }

  #judgeStep(before: Group, after: Group, index: number): void {
    if (after.lastIncarnation < before.lastIncarnation) {
      this.#verdicts.broken(`index ${index} gives incarnations a second time`);
    }
    for (const member of after.members) {
      const known = before.members.find((each) => each.id === member.id);
      if (known === undefined || known.incarnation === member.incarnation) continue;
      if (member.role !== "voter" && member.incarnation > known.incarnation) continue;
      this.#verdicts.broken(
        `index ${index} makes node ${member.id} a voter under incarnation ${member.incarnation} at once`,
      );
    }
    const [old, next] = [votersOf(before), votersOf(after)];
    const joins = next.filter((each) => !has(old, each)).length;
    const leaves = old.filter((each) => !has(next, each)).length;
    const isJoint = after.outgoing.length > 0;
    if (isJoint || before.outgoing.length > 0 || joins + leaves <= 1) return;
    this.#verdicts.broken(`index ${index} lets ${joins} voters in and ${leaves} out in one step`);
  }

  saw(sight: Sight, others: () => readonly Sight[]): void {
    const { id, status } = sight;
    if (status.role !== "leader") {
      this.#led.delete(id);
      return;
    }
    const { term, commit, membership, membershipCommitted: isCommitted } = status;
    const known = this.#led.get(id);
    const before = known?.term === term ? known : undefined;
    this.#led.set(id, { term, commit, membership, isCommitted });
    if (before === undefined) return;
    if (isOther(before.membership, membership) && !before.isCommitted && commit === before.commit) {
      this.#verdicts.broken(
        `node ${id} of term ${term} changes the membership before the last change is committed`,
      );
    }
    if (commit === before.commit) return;
    const nodes = [sight, ...others()];
    // Within one look the commit may have moved before the membership did, and that more than once.
    const between = this.#applied.filter((each) => each.index > before.commit);
    const groups = [membership, before.membership, ...between.map((each) => each.group)];
    if (groups.some((group) => isOnMajorities(group, commit, nodes))) return;
    const durable = nodes.map((each) => describe(each.id, each.status)).join(", ");
    this.#verdicts.broken(`node ${id} of term ${term} committed ${commit}; durable are ${durable}`);
  }
}

function isOnMajorities(group: Group, index: number, nodes: readonly Sight[]): boolean {
  return [votersOf(group), group.outgoing].every((voters) => {
    if (voters.length === 0) return true;
    const have = voters.filter((voter) => {
      return nodes.some(({ id, status }) => {
        if (id !== voter.id || status.probation) return false;
        return status.incarnation === voter.incarnation && status.durable >= index;
      });
    });
    return have.length > voters.length / 2;
  });
}

function votersOf(group: Group): readonly Member[] {
  return group.members.filter((member) => member.role === "voter");
}

function has(members: readonly Member[], one: Member): boolean {
  return members.some((each) => each.id === one.id && each.incarnation === one.incarnation);
}

function isOther(one: Group, other: Group): boolean {
  const same =
    one.lastIncarnation === other.lastIncarnation &&
    isSame(one.members, other.members) &&
    isSame(one.outgoing, other.outgoing);
  return !same;
}

function isSame(one: readonly Member[], other: readonly Member[]): boolean {
  return (
    one.length === other.length &&
    one.every((each, i) => {
      const twin = other[i];
      return (
        twin?.id === each.id && twin.role === each.role && twin.incarnation === each.incarnation
      );
    })
  );
}

function describe(id: NodeId, status: RaftStatus): string {
  return `node ${id}/${status.incarnation}: ${status.durable}`;
}
