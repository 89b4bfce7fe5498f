/** Wrong behaviours in who decides: votes, quorums, commits. */
import type { PlantedBug } from "../bug.ts";
import { PACE, quiet, slowDisks, withLoad, withStrikes } from "../tuning.ts";

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
    caughtBy: ["membership", "log-matching", "no-acknowledged-send-lost"],
    plan: (plan) =>
      withStrikes(slowDisks(quiet(plan)), PACE, (atMs) => [
        { kind: "power-cut", atMs, lastsMs: 200 },
      ]),
    seedsMax: 15,
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
    caughtBy: ["one-leader-per-term", "probation"],
    scenario: "two-candidates",
    plan: (plan) => quiet(plan),
    seedsMax: 10,
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
    caughtBy: ["log-matching", "membership"],
    scenario: "figure-8",
    plan: (plan) => quiet(plan, 5),
    seedsMax: 5,
    gate: true,
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
    caughtBy: ["undisturbed"],
    plan: (plan) =>
      withStrikes(quiet(plan), { everyMs: 200, faultyMs: 7_500 }, (atMs) =>
        atMs > 200
          ? []
          : [{ kind: "isolate", atMs, victim: "follower", ways: "both", lastsMs: 7_000 }],
      ),
    seedsMax: 5,
    gate: true,
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
    caughtBy: ["log-matching", "membership"],
    plan: (plan) =>
      withStrikes(quiet(plan), { everyMs: 2_000, faultyMs: 6_500 }, (atMs) => [
        { kind: "isolate", atMs, victim: "follower", ways: "both", lastsMs: 400 },
        {
          kind: "crash",
          atMs: atMs + 405,
          victim: "leader",
          power: true,
          effect: 0,
          lastsMs: 1_200,
        },
      ]),
    seedsMax: 5,
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
    caughtBy: ["one-leader-per-term", "probation"],
    plan: (plan) => quiet(plan),
    scenario: "two-candidates",
    seedsMax: 5,
    gate: true,
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
    caughtBy: ["probation", "log-matching"],
    scenario: "forgotten-majority",
    plan: (plan) => quiet(plan, 5),
    seedsMax: 5,
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
    caughtBy: ["current-reads", "attribute-linearizability"],
    plan: (plan) =>
      withStrikes(
        withLoad(quiet(plan), { readers: 3, otherPauseMs: 20 }),
        { everyMs: 2_500, faultyMs: 8_000 },
        (atMs) => [{ kind: "isolate", atMs, victim: "leader", ways: "both", lastsMs: 2_000 }],
      ),
    seedsMax: 10,
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
    caughtBy: ["membership", "log-matching"],
    scenario: "half-of-a-joint-change",
    plan: (plan) => quiet(plan, 5),
    seedsMax: 5,
    gate: true,
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
    caughtBy: ["membership"],
    scenario: "learners-only",
    plan: (plan) => quiet(plan, 5),
    seedsMax: 5,
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
    caughtBy: ["nemesis"],
    plan: (plan) =>
      withStrikes(quiet(plan), { everyMs: 1_500, faultyMs: 5_000 }, (atMs) => [
        { kind: "old-disk", atMs, node: 2, agoMs: 1_000, lastsMs: 100 },
      ]),
    seedsMax: 10,
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
    caughtBy: ["log-matching"],
    plan: (plan) =>
      withStrikes(quiet(plan), { everyMs: 3_000, faultyMs: 9_000 }, (atMs) => [
        { kind: "isolate", atMs, victim: "leader", ways: "both", lastsMs: 2_500 },
      ]),
    seedsMax: 5,
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
    caughtBy: ["membership", "log-matching"],
    plan: (plan) =>
      withStrikes(quiet(plan), { everyMs: 800, faultyMs: 6_000 }, (atMs) => [
        {
          kind: "weather",
          atMs,
          delayMsMax: 40,
          lossPer10k: 0,
          duplicatePer10k: 2_000,
          reorder: true,
          lastsMs: 700,
        },
        {
          kind: "crash",
          atMs: atMs + 400,
          victim: "leader",
          power: false,
          effect: 0,
          lastsMs: 300,
        },
      ]),
    seedsMax: 5,
  },
];
