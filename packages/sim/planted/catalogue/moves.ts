/** Wrong behaviours of move tasks. */
import type { Plan } from "../../src/plan.ts";
import type { PlantedBug } from "../bug.ts";
import {
  fragile,
  PACE,
  quiet,
  withLoad,
  withRates,
  withSmallFiles,
  withStrikes,
} from "../tuning.ts";

/** Many dead letters, and clients that move messages about. */
function moving(plan: Plan): Plan {
  const busy = fragile(withRates(quiet(plan), { abandon: 4_000 }));
  return withLoad(busy, { movers: 2, otherPauseMs: 200 });
}

/** The same with nodes that begin again from small checkpoints. */
function restarting(plan: Plan): Plan {
  return withStrikes(withSmallFiles(moving(plan)), PACE, (atMs) => [
    { kind: "crash", atMs, victim: "follower", power: false, effect: 0, lastsMs: 50 },
  ]);
}

/** Much to move, and long times in which nobody asks for anything. */
function idle(plan: Plan): Plan {
  const load = { senders: 2, workers: 0, sendMax: 12, pauseMs: 15_000, otherPauseMs: 15_000 };
  return { ...withLoad(moving(plan), load), faultyMs: 40_000 };
}

export const MOVE_BUGS: readonly PlantedBug[] = [
  {
    name: "a-moved-message-stays-behind-too",
    promise: "a message that a task moves is in one queue at any time",
    patches: [
      {
        file: "queue/src/move.ts",
        find: "  relocate(core, { page, slot }, target, { origin, firstReceived: 0 });",
        replace:
          "  arrive(core, target, { entry: page.entry(slot), offset: page.offset(slot), sizeClass: page.sizeClass(slot) }, { origin, firstReceived: 0 });\n  putReady(core, page, slot);",
      },
      {
        file: "queue/src/move.ts",
        find: "import { originFor, relocate } from",
        replace: "import { arrive, originFor, relocate } from",
      },
      {
        file: "queue/src/move.ts",
        find: "import { takeOut } from",
        replace: "import { putReady, takeOut } from",
      },
    ],
    caughtBy: ["audited-moves", "counters", "fate"],
    plan: moving,
    seedsMax: 5,
  },
  {
    name: "a-moved-message-is-lost",
    promise: "a message that a task moves is in one queue at any time",
    patches: [
      {
        file: "queue/src/dead-letter.ts",
        find: "  forget(core, page, slot);\n  arrive(core, target, body, arrival);",
        replace:
          "  forget(core, page, slot);\n  if (arrival.origin.source !== 0) arrive(core, target, body, arrival);",
      },
    ],
    caughtBy: ["counters", "fate"],
    plan: moving,
    seedsMax: 5,
  },
  {
    name: "a-move-task-is-forgotten-in-a-restore",
    promise: "a task goes on after a restart",
    patches: [
      {
        file: "queue/src/move-tasks.ts",
        find: "    if (tasks.running !== undefined) this.#addRunning(tasks);",
        replace: '    if (tasks.running !== undefined) this.end(tasks, "completed", "none");',
      },
    ],
    caughtBy: ["audited-moves", "state-equality"],
    plan: restarting,
    seedsMax: 10,
  },
  {
    name: "a-move-task-begins-anew-in-a-restore",
    promise: "a task moves no faster than its rate, across restarts",
    patches: [
      {
        file: "queue/src/move-tasks.ts",
        find: "  const credit = reader.u32();",
        replace: "  const credit = reader.u32() * 0;",
      },
    ],
    caughtBy: ["audited-moves", "state-equality"],
    plan: restarting,
    seedsMax: 10,
  },
  {
    name: "a-move-task-takes-what-came-later",
    promise: "a task moves what was there when it began",
    patches: [
      {
        file: "queue/src/move.ts",
        find: "const next = nextMovable(source, cursor, task.horizon);",
        replace: "const next = nextMovable(source, cursor, Number.POSITIVE_INFINITY);",
      },
    ],
    caughtBy: ["audited-moves", "counters"],
    plan: moving,
    seedsMax: 5,
  },
  {
    name: "nobody-lets-a-move-task-go-on",
    promise: "a task takes its steps while there is a leader",
    patches: [
      {
        file: "queue/src/machine.ts",
        find: "    const move = core.moves.nextStep() ?? Number.POSITIVE_INFINITY;",
        replace: "    const move = Number.POSITIVE_INFINITY;",
      },
    ],
    caughtBy: ["audited-moves"],
    plan: idle,
    seedsMax: 5,
  },
];
