/**
 * A node that forgot is not believed: while it knows that it has to be admitted again it asks for no votes, gives
 * none and leads nothing, and it comes back under a new incarnation. And nobody votes twice in a term.
 */
import type { NodeId } from "@kqueuey/base";
import type { Violation } from "./checker.ts";
import type { Sight, StatusJudge } from "./status-watch.ts";
import { Verdicts } from "./verdicts.ts";

interface Remembered {
  process: number;
  term: number;
  vote: number;
  /** The last vote that was on its disk, and its term: what a later process must know. */
  kept: { readonly term: number; readonly vote: number };
  incarnation: number;
  /** The highest incarnation that it ever spoke under. */
  highest: number;
  isInProbation: boolean;
  /** As far as its log was on its disk. */
  durable: number;
  /** It started with an older term or a shorter log than it had: an old disk, and not answerable for its votes. */
  isTurnedBack: boolean;
}

export class Probation implements StatusJudge {
  readonly name = "probation";
  readonly promise = "a node that forgot neither votes nor leads until it is admitted again";
  readonly #verdicts = new Verdicts(this.name, this.promise);
  readonly #remembered = new Map<NodeId, Remembered>();

  get violations(): readonly Violation[] {
    return this.#verdicts.list;
  }

  saw({ id, process, status }: Sight): void {
    const { term, vote, incarnation, probation } = status;
    if (probation && status.role !== "follower") {
      this.#verdicts.broken(`node ${id} is ${status.role} of term ${term} in probation`);
    }
    const known = this.#remembered.get(id);
    if (known === undefined) {
      const { durable } = status;
      const kept = status.voteIsDurable ? { term, vote } : { term: 0, vote: 0 };
      const first = { process, term, vote, kept, incarnation, highest: incarnation, durable };
      this.#remembered.set(id, { ...first, isInProbation: probation, isTurnedBack: false });
      return;
    }
    const hasOldDisk =
      process !== known.process && (term < known.term || status.bootLastIndex < known.durable);
    if (!hasOldDisk) this.#judgeVote(known, { id, process, status });
    // A later process that speaks under an admission of before has the disk of before: it cannot know better.
    const isOldDisk = process !== known.process && incarnation !== known.incarnation;
    if (known.isInProbation && !probation && incarnation <= known.highest && !isOldDisk) {
      this.#verdicts.broken(
        `node ${id} left its probation under incarnation ${incarnation}, it had ${known.highest} before`,
      );
    }
    const isTurnedBack = known.incarnation === incarnation && (known.isTurnedBack || hasOldDisk);
    const highest = Math.max(known.highest, incarnation);
    const { durable } = status;
    const kept = status.voteIsDurable ? { term, vote } : known.kept;
    const now = {
      process,
      term,
      vote,
      kept,
      incarnation,
      highest,
      isInProbation: probation,
      durable,
    };
    Object.assign(known, now, { isTurnedBack });
  }

  #judgeVote(known: Remembered, { id, process, status }: Sight): void {
    const { term, vote, incarnation, probation } = status;
    // A later process knows what was on the disk; a later term begins without a vote.
    const last = process === known.process ? known : known.kept;
    const before = last.term === term ? last.vote : 0;
    if (probation && process === known.process && vote !== before) {
      this.#verdicts.broken(`node ${id} voted for ${vote} in term ${term} in probation`);
    }
    if (known.incarnation !== incarnation || known.isTurnedBack) return;
    if (before === 0 || vote === before) return;
    this.#verdicts.broken(
      `node ${id} voted for ${before} in term ${term} and forgot it: now ${vote}`,
    );
  }
}
