/** Wrong behaviours in who decides: votes, quorums, commits. */
import type { PlantedBug } from "../bug.ts";
import { withNodes } from "../tuning.ts";

export const CONSENSUS_BUGS: readonly PlantedBug[] = [
  {
    name: "acknowledge-before-sync",
    promise: "what is acknowledged is on the disks of a majority",
    patches: [
      {
        file: "raft/src/unstable.ts",
        find: "return this.#durableTo;",
        replace: "return this.#handedTo;",
      },
    ],
    caughtBy: ["delivery", "run"],
    seedsMax: 60,
  },
  {
    name: "forget-the-vote-on-restart",
    promise: "one leader per term",
    patches: [
      {
        file: "raft/src/state.ts",
        find: "vote: ownTerm === hardState.term ? hardState.vote : 0,",
        replace: "vote: 0,",
      },
    ],
    caughtBy: ["delivery", "run"],
    scenario: "two-candidates",
    plan: (plan) => withNodes(plan, 3),
    seedsMax: 200,
  },
  {
    name: "commit-an-older-term-by-counting",
    promise: "committed entries are in the log of every later leader",
    patches: [
      {
        file: "raft/src/replication.ts",
        find: "if (index <= core.commit || core.log.termAt(index) !== core.term) return false;",
        replace: "if (index <= core.commit) return false;",
      },
    ],
    caughtBy: ["delivery", "run"],
    scenario: "figure-8",
    plan: (plan) => withNodes(plan, 5),
    seedsMax: 200,
  },
  {
    name: "skip-the-pre-vote",
    promise: "a node that was cut off and comes back disturbs nobody",
    patches: [
      {
        file: "raft/src/election.ts",
        find: 'if (countVotes(core, votes) === "won") {\n    campaign(core, false);\n    return;\n  }',
        replace: "campaign(core, false);\n  return;",
      },
    ],
    caughtBy: ["delivery", "run"],
    seedsMax: 60,
  },
  {
    name: "vote-for-a-shorter-log",
    promise: "committed entries are in the log of every later leader",
    patches: [
      {
        file: "raft/src/election.ts",
        find: `mayVote &&
    core.log.isUpToDate(message.lastIndex, message.lastTerm) &&`,
        replace: "mayVote &&",
      },
      {
        file: "raft/src/election.ts",
        find: `!leaderIsFresh(core) &&
    core.log.isUpToDate(message.lastIndex, message.lastTerm) &&`,
        replace: "!leaderIsFresh(core) &&",
      },
    ],
    caughtBy: ["delivery", "run"],
    seedsMax: 60,
  },
  {
    name: "vote-twice-in-a-term",
    promise: "one leader per term",
    patches: [
      {
        file: "raft/src/election.ts",
        find: "const mayVote = core.vote === message.from || (core.vote === 0 && core.leader === 0);",
        replace: "const mayVote = core.leader === 0;",
      },
    ],
    caughtBy: ["delivery", "run"],
    seedsMax: 100,
  },
  {
    name: "vote-while-in-probation",
    promise: "a node that forgot is not believed",
    patches: [
      {
        file: "raft/src/election.ts",
        find: "export function takeVoteRequest(core: Core, message: VoteRequest): void {\n  if (inProbation(core)) return;",
        replace: "export function takeVoteRequest(core: Core, message: VoteRequest): void {",
      },
      {
        file: "raft/src/election.ts",
        find: "export function takePreVoteRequest(core: Core, message: PreVoteRequest): void {\n  if (inProbation(core)) return;",
        replace: "export function takePreVoteRequest(core: Core, message: PreVoteRequest): void {",
      },
      {
        file: "raft/src/election.ts",
        find: "return vote?.incarnation === member.incarnation ? vote.granted : undefined;",
        replace: "return vote?.granted;",
      },
      {
        file: "raft/src/election.ts",
        find: "if (!isTrusted(core, message.from, identity)) return;",
        replace: "",
      },
    ],
    caughtBy: ["delivery", "run"],
    scenario: "forgotten-majority",
    plan: (plan) => withNodes(plan, 5),
    seedsMax: 100,
  },
  {
    name: "serve-a-read-from-a-deposed-leader",
    promise: "depth readings are current",
    patches: [
      {
        file: "raft/src/leader.ts",
        find: "if (!lead.tracker.quorumHolds((progress) => progress.round >= open)) return;",
        replace: "",
      },
    ],
    caughtBy: ["delivery", "run"],
    seedsMax: 60,
  },
  {
    name: "joint-change-committed-with-one-majority",
    promise: "all promises hold during membership change",
    patches: [
      {
        file: "raft/src/quorum/joint.ts",
        find: "return Math.min(majorityIndex(sets.incoming, matchOf), majorityIndex(sets.outgoing, matchOf));",
        replace: "return majorityIndex(sets.incoming, matchOf);",
      },
    ],
    caughtBy: ["delivery", "run"],
    scenario: "half-of-a-joint-change",
    plan: (plan) => withNodes(plan, 5),
    seedsMax: 100,
  },
  {
    name: "learner-counted-in-the-quorum",
    promise: "all promises hold during membership change",
    patches: [
      {
        file: "raft/src/tracker/tracker.ts",
        find: "this.#voters = voterSets(membership);",
        replace: "this.#voters = { incoming: membership.members, outgoing: membership.outgoing };",
      },
    ],
    caughtBy: ["delivery", "run"],
    scenario: "learners-only",
    plan: (plan) => withNodes(plan, 5),
    seedsMax: 100,
  },
  {
    name: "believe-yesterdays-disk",
    promise: "a node that forgot is not believed",
    patches: [
      {
        file: "raft/src/match-records.ts",
        find: 'if (identity.boot > known.boot && identity.bootLastIndex < known.match) return "amnesiac";',
        replace: "",
      },
    ],
    caughtBy: ["delivery", "run"],
    seedsMax: 100,
  },
  {
    name: "commit-a-suffix-that-is-not-the-leaders",
    promise: "replicas have the same log",
    patches: [
      {
        file: "raft/src/follower.ts",
        find: "const upTo = Math.min(index, core.verified);",
        replace: "const upTo = Math.min(index, core.log.lastIndex);",
      },
      {
        file: "raft/src/leadership.ts",
        find: "return Math.min(core.commit, progress.match) as LogIndex;",
        replace: "return core.commit as LogIndex;",
      },
    ],
    caughtBy: ["delivery", "run"],
    seedsMax: 100,
  },
  {
    name: "an-old-append-cuts-off-newer-entries",
    promise: "what is acknowledged is on the disks of a majority",
    patches: [
      {
        file: "raft/src/follower.ts",
        find: "if (entry.index > core.log.baseIndex && !core.log.matches(entry.index, entry.term)) break;",
        replace: "if (entry.index > core.commit) break;",
      },
    ],
    caughtBy: ["delivery", "run"],
    seedsMax: 100,
  },
];
