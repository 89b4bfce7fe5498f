/** Wrong behaviours in what is kept: the log, checkpoints, bodies, snapshots. */
import type { PlantedBug } from "../bug.ts";
import { withNodes } from "../tuning.ts";

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
    caughtBy: ["delivery", "run"],
    seedsMax: 60,
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
    caughtBy: ["delivery", "run"],
    seedsMax: 100,
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
    caughtBy: ["delivery", "run"],
    seedsMax: 100,
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
    plan: (plan) => withNodes(plan, 3),
    seedsMax: 100,
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
    caughtBy: ["delivery", "run"],
    seedsMax: 60,
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
    caughtBy: ["delivery", "run"],
    seedsMax: 60,
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
        find: "    this.#files.forget(segment.id);\n    this.#segments.remove(segment.id);\n",
        replace: "",
      },
      {
        file: "storage/src/wal/wal.ts",
        find: '    const segment = this.#segments.get(range.segment);\n    assert(segment.state !== "reclaiming" || segment.pins > 0, "the segment was given back");\n    segment.pins += 1;\n    this.#reads',
        replace:
          "    const segment = this.#segments.get(range.segment);\n    segment.pins += 1;\n    this.#reads",
      },
      {
        file: "replica/src/node.ts",
        find: "return view.getUint32(4, true) === crc32(record.subarray(8));",
        replace: "return view.byteLength >= 0 || crc32(record) === 0;",
      },
    ],
    caughtBy: ["delivery", "run"],
    seedsMax: 60,
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
    caughtBy: ["delivery", "run"],
    seedsMax: 60,
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
    caughtBy: ["delivery", "run"],
    seedsMax: 100,
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
    caughtBy: ["delivery", "run"],
    seedsMax: 60,
  },
];
