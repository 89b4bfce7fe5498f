/** Wrong behaviours in the engine between log and queue: time, reads, applying, leases on their way out. */
import type { PlantedBug } from "../bug.ts";
import {
  PACE,
  quiet,
  shortLeases,
  slowReads,
  withLoad,
  withSmallFiles,
  withStrikes,
} from "../tuning.ts";

export const REPLICA_BUGS: readonly PlantedBug[] = [
  {
    name: "wall-clock-for-deadlines",
    promise: "deadlines need no synchronised clocks and never jump",
    patches: [
      {
        file: "replica/src/replica.ts",
        find: "clusterTimeMs: this.#clock.now(this.#nowMs),\n      wallTimeMs",
        replace:
          "clusterTimeMs: Math.max(this.#clock.now(this.#nowMs), this.#wallMs - 1_699_990_000_000) as ClusterTimeMs,\n      wallTimeMs",
      },
    ],
    caughtBy: ["cluster-time"],
    plan: (plan) =>
      withStrikes(quiet(plan), { everyMs: 700, faultyMs: 4_000 }, (atMs) => [
        { kind: "clock-jump", atMs, victim: "leader", byMs: 20_000 },
      ]),
    seedsMax: 5,
  },
  {
    name: "pair-heard-time-with-an-earlier-clock",
    promise: "a lease ends early by at most the drift between two clocks",
    patches: [
      {
        file: "replica/src/replica.ts",
        find: "this.#clock.hear(heard, message.term, nowMs);",
        replace: "this.#clock.hear(heard, message.term, this.#tickedMs);",
      },
      {
        file: "replica/src/replica.ts",
        find: "  tick(nowMs: MonotonicMs, wallMs: WallTimeMs): void {\n    this.#nowMs = nowMs;",
        replace:
          "  tick(nowMs: MonotonicMs, wallMs: WallTimeMs): void {\n    this.#nowMs = nowMs;\n    this.#tickedMs = nowMs;",
      },
      {
        file: "replica/src/replica.ts",
        find: "  #nowMs: MonotonicMs;\n",
        replace: "  #nowMs: MonotonicMs;\n  #tickedMs = 0 as MonotonicMs;\n",
      },
    ],
    caughtBy: ["cluster-time"],
    plan: (plan) =>
      withStrikes(quiet(plan), { everyMs: 3_500, faultyMs: 11_000 }, (atMs) => [
        { kind: "pause", atMs, victim: 1, lastsMs: 1_000 },
        { kind: "pause", atMs: atMs + 1_010, victim: 2, lastsMs: 1_000 },
        {
          kind: "crash",
          atMs: atMs + 2_020,
          victim: "leader",
          power: false,
          effect: 0,
          lastsMs: 900,
        },
      ]),
    seedsMax: 5,
  },
  {
    name: "apply-an-entry-twice",
    promise: "every entry is applied once, in order, on every replica",
    patches: [
      {
        file: "replica/src/opening.ts",
        find: "applied: logIndex(meta?.index ?? recovered.base.index),",
        replace: "applied: logIndex(Math.max(recovered.base.index, (meta?.index ?? 0) - 1)),",
      },
      {
        file: "queue/src/machine.ts",
        find: "assert(index > core.appliedIndex && index < ENTRY_INDEX_END,",
        replace: "assert(index >= core.appliedIndex && index < ENTRY_INDEX_END,",
      },
      {
        file: "queue/src/machine.ts",
        find: "assert(index > this.#core.appliedIndex,",
        replace: "assert(index >= this.#core.appliedIndex,",
      },
      {
        file: "raft/src/state.ts",
        find: 'assert(initial.membership.index <= initial.applied, "the membership is in force at applied");',
        replace: "",
      },
    ],
    caughtBy: ["log-matching", "state-equality"],
    plan: (plan) =>
      withStrikes(withSmallFiles(quiet(plan)), PACE, (atMs) => [
        { kind: "crash", atMs, victim: "follower", power: false, effect: 0, lastsMs: 50 },
      ]),
    seedsMax: 5,
  },
  {
    name: "answer-a-read-before-it-is-applied",
    promise: "depth readings are current",
    patches: [
      {
        file: "replica/src/reads.ts",
        find: "this.#confirmed.findIndex((each) => each.index <= applied)",
        replace: "this.#confirmed.findIndex((each) => each.index <= applied + 1_000)",
      },
    ],
    caughtBy: ["current-reads"],
    plan: (plan) =>
      withStrikes(
        slowReads(withLoad(quiet(plan), { readers: 4, otherPauseMs: 10 })),
        { everyMs: 1_500, faultyMs: 6_500 },
        (atMs) => [{ kind: "power-cut", atMs, lastsMs: 100 }],
      ),
    seedsMax: 5,
  },
  {
    name: "drop-the-leases-on-failover",
    promise: "one holder at a time",
    patches: [
      {
        file: "queue/src/machine.ts",
        find: `    this.#core.appliedIndex = index;
  }`,
        replace: `    const core = this.#core;
    core.appliedIndex = index;
    for (const id of core.queueOrder) {
      const queue = core.queues.get(id);
      for (let place = 0; place < (queue?.pages.length ?? 0); place++) {
        const page = queue?.pages.at(place);
        for (let slot = 0; slot < (page?.used ?? 0); slot++) {
          if (page === undefined || page.place(slot) !== PLACE.leased) continue;
          core.touch(page);
          core.touch(page.queue);
          takeOut(core, page, slot);
          putReady(core, page, slot);
        }
      }
    }
  }`,
      },
      {
        file: "queue/src/machine.ts",
        find: 'import { replay } from "./replay.ts";',
        replace:
          'import { replay } from "./replay.ts";\nimport { putReady, takeOut } from "./places.ts";',
      },
    ],
    caughtBy: ["one-lease-at-a-time", "no-early-redelivery", "counters"],
    plan: (plan) =>
      withStrikes(quiet(plan), PACE, (atMs) => [
        { kind: "crash", atMs, victim: "leader", power: false, effect: 0, lastsMs: 100 },
      ]),
    seedsMax: 5,
  },
  {
    name: "answer-a-send-before-it-is-committed",
    promise: "what is acknowledged is on the disks of a majority",
    patches: [
      {
        file: "raft/src/tracker/tracker.ts",
        find: "if (member.id === this.#self.id) return this.#self.durableTo();",
        replace:
          "if (member.id === this.#self.id) return this.#self.durableTo();\n    if (this.#voters.incoming.length > 3) return this.#self.durableTo();",
      },
    ],
    caughtBy: ["membership", "log-matching"],
    plan: (plan) =>
      withStrikes(quiet(plan, 5), PACE, (atMs) => [
        { kind: "isolate", atMs, victim: "leader", ways: "both", lastsMs: 800 },
      ]),
    seedsMax: 5,
  },
  {
    name: "answer-a-lease-that-ran-out-during-a-pause",
    promise: "nobody is given a lease that has run out",
    patches: [
      {
        file: "replica/src/fresh-grant.ts",
        find: "return earliest - now >= grant.leaseMs / 2;",
        replace: "return earliest - now > -1_000_000_000;",
      },
    ],
    caughtBy: ["live-lease"],
    plan: (plan) =>
      withStrikes(shortLeases(withLoad(quiet(plan), { workers: 6 })), PACE, (atMs) => [
        { kind: "stall", atMs, victim: "leader", before: "answer", lastsMs: 500 },
      ]),
    seedsMax: 5,
    gate: true,
  },
];
