/** Wrong behaviours in what is kept: the log, checkpoints, bodies, snapshots. */
import type { PlantedBug } from "../bug.ts";
import { PACE, quiet, slowDisks, withRates, withSmallFiles, withStrikes } from "../tuning.ts";

export const STORAGE_BUGS: readonly PlantedBug[] = [
  {
    name: "write-the-log-without-sync",
    promise: "what is acknowledged is on the disks of a majority",
    patches: [
      {
        file: "storage/src/wal/wal.ts",
        find: '    const dsync = this.#config.syncMode === "dsync";\n',
        replace: "    const dsync = false;\n",
      },
      {
        file: "storage/src/wal/open.ts",
        find: '  const dsync = config.syncMode === "dsync";\n',
        replace: "  const dsync = false;\n",
      },
    ],
    caughtBy: ["membership", "log-matching", "no-acknowledged-send-lost", "run"],
    plan: (plan) =>
      withStrikes(withSmallFiles(quiet(plan)), PACE, (atMs) => [
        { kind: "power-cut", atMs, lastsMs: 100 },
      ]),
    seedsMax: 5,
    gate: true,
  },
  {
    name: "checkpoint-ahead-of-the-log",
    promise: "a node's state is never ahead of its log",
    patches: [
      {
        file: "storage/src/checkpoint/checkpointer.ts",
        find: "if (this.#host.durableIndex() < run.meta.index) return false;",
        replace: "",
      },
    ],
    caughtBy: ["scenario"],
    plan: (plan) => withSmallFiles(quiet(plan)),
    scenario: "slow-then-unplugged",
    seedsMax: 5,
  },
  {
    name: "manifest-named-before-it-is-synced",
    promise: "a whole cluster that loses power keeps everything acknowledged",
    patches: [
      {
        file: "storage/src/checkpoint/checkpointer.ts",
        find: "        (next) => appender.sync(next),\n        (next) => appender.close(next),",
        replace: "        (next) => appender.close(next),",
      },
    ],
    caughtBy: ["run"],
    plan: (plan) =>
      withStrikes(withSmallFiles(quiet(plan)), PACE, (atMs) => [
        { kind: "power-cut", atMs, lastsMs: 100 },
      ]),
    seedsMax: 5,
  },
  {
    name: "cut-a-damaged-middle-group-as-if-torn",
    promise: "damage is told, never cut away",
    patches: [
      {
        file: "storage/src/wal/recovery.ts",
        find: "else if (later.position !== undefined) {\n        const what =",
        replace: "else if (later.position !== undefined && false) {\n        const what =",
      },
    ],
    caughtBy: ["scenario"],
    scenario: "damaged-middle",
    plan: (plan) => quiet(plan),
    seedsMax: 10,
  },
  {
    name: "recycle-a-segment-too-early",
    promise: "an acknowledged send is kept",
    patches: [
      {
        file: "storage/src/reclaimer.ts",
        find: "if (bodyEntries === 0) this.#giveBack(segment.id);",
        replace: "if (bodyEntries < 8) this.#giveBack(segment.id);",
      },
    ],
    caughtBy: ["run"],
    plan: (plan) =>
      withStrikes(withSmallFiles(quiet(plan)), PACE, (atMs) => [
        { kind: "power-cut", atMs, lastsMs: 100 },
      ]),
    seedsMax: 5,
    gate: true,
  },
  {
    name: "release-log-that-no-checkpoint-covers",
    promise: "an acknowledged send is kept",
    patches: [
      {
        file: "storage/src/group-engine.ts",
        find: "const covered = index <= (this.#parts.generation.meta?.index ?? 0);",
        replace: "const covered = true;",
      },
      {
        file: "storage/src/wal/wal.ts",
        find: "last > (this.#covered.get(group) ?? 0);",
        replace: "last < 0;",
      },
    ],
    caughtBy: ["run", "log-matching"],
    plan: (plan) =>
      withStrikes(withSmallFiles(quiet(plan)), PACE, (atMs) => [
        { kind: "power-cut", atMs, lastsMs: 100 },
      ]),
    seedsMax: 5,
  },
  {
    name: "serve-a-body-from-a-segment-already-reused",
    promise: "nothing is delivered that nobody sent",
    patches: [
      {
        file: "storage/src/reclaimer.ts",
        find: "if (bodyEntries === 0) this.#giveBack(segment.id);",
        replace: "if (bodyEntries < 8) this.#giveBack(segment.id);",
      },
      {
        file: "storage/src/wal/wal.ts",
        find: "    this.#segments.remove(segment.id);\n",
        replace: "",
      },
      {
        file: "storage/src/wal/wal.ts",
        find: '      if (segment.state === "active") continue;',
        replace: '      if (segment.state !== "sealed") continue;',
      },
      {
        file: "storage/src/wal/wal.ts",
        find: `    assert(segment.state !== "reclaiming" || segment.pins > 0, "the segment was given back");
    segment.pins += 1;
    this.#reads += 1;`,
        replace: "    segment.pins += 1;\n    this.#reads += 1;",
      },
      {
        file: "storage/src/wal/wal.ts",
        find: 'if (segment.pins === 0 && segment.state === "reclaiming") this.#reclaims.push(segment);',
        replace: "",
      },
      {
        file: "storage/src/wal/supply.ts",
        find: "      this.#lastId = id;\n",
        replace: `      this.#lastId = id;
      this.#config.reused ??= new Map();
      this.#config.reused.set(path, to);\n`,
      },
      {
        file: "storage/src/wal/files.ts",
        find: "    const path = segmentPath(this.#config.directory, segment);",
        replace: `    let path = segmentPath(this.#config.directory, segment);
    while (this.#config.reused?.has(path)) path = this.#config.reused.get(path);`,
      },
      {
        file: "replica/src/node.ts",
        find: "verify: isWholeBodyRecord,",
        replace: "verify: () => true,",
      },
    ],
    caughtBy: ["nothing-invented", "run"],
    plan: (plan) => ({
      ...withSmallFiles(withRates(quiet(plan), { abandon: 4_000 })),
      faultyMs: 5_000,
    }),
    seedsMax: 20,
  },
  {
    name: "take-a-group-of-an-older-epoch",
    promise: "recovery finds what was written last and nothing else",
    patches: [
      {
        file: "storage/src/wal/scan.ts",
        find: 'if (header.segment !== this.#segment.id) return this.#end("a group of an older epoch");',
        replace: "",
      },
      {
        file: "storage/src/wal/scan.ts",
        find: 'if (!sameSalt(header.salt, salt)) return this.#end("a group with another salt");',
        replace: "if (salt === undefined) return undefined;",
      },
    ],
    caughtBy: ["log-matching", "run"],
    plan: (plan) =>
      withStrikes(withSmallFiles(quiet(plan)), PACE, (atMs) => [
        { kind: "power-cut", atMs, lastsMs: 100 },
      ]),
    seedsMax: 15,
  },
  {
    name: "recovery-does-not-rewrite-the-tail",
    promise: "what was read at the start is durable before the node votes or acknowledges",
    patches: [
      {
        file: "storage/src/wal/open.ts",
        find: "        if (read.ok) disk.write(file, at, [read.value], next);\n        else next(read);",
        replace: "        next(read);",
      },
      {
        file: "storage/src/wal/open.ts",
        find: "  steps.push((next) => disk.sync(file, next));\n  runSteps(steps, (error) => done(error === undefined ? STEP_DONE : { ok: false, error }));\n}\n\nfunction clearFirstBlock",
        replace:
          "  runSteps(steps, (error) => done(error === undefined ? STEP_DONE : { ok: false, error }));\n}\n\nfunction clearFirstBlock",
      },
    ],
    caughtBy: ["scenario", "log-matching", "membership"],
    plan: (plan) => slowDisks(quiet(plan)),
    scenario: "killed-then-unplugged",
    seedsMax: 10,
  },
  {
    name: "a-living-body-is-not-copied",
    promise: "an acknowledged send is kept",
    patches: [
      {
        file: "queue/src/machine.ts",
        find: "if (entry < range.from || entry > range.upTo || page.place(slot) === PLACE.dead) continue;",
        replace:
          "if (entry < range.from || entry > range.upTo || page.place(slot) === PLACE.dead || slot % 5 === 4) continue;",
      },
    ],
    caughtBy: ["run"],
    plan: (plan) =>
      withStrikes(withSmallFiles(quiet(plan)), PACE, (atMs) => [
        { kind: "power-cut", atMs, lastsMs: 100 },
      ]),
    seedsMax: 10,
  },
];
