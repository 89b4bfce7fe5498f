/** Wrong behaviours of FIFO queues: order, locks, deduplication, attempts. */
import type { Plan } from "../../src/plan.ts";
import type { PlantedBug } from "../bug.ts";
import {
  fragile,
  inOrder,
  PACE,
  quiet,
  withLoad,
  withRates,
  withSmallFiles,
  withStrikes,
} from "../tuning.ts";

/** Workers that take a few messages and now and then forget them or give them back. */
function careless(plan: Plan): Plan {
  const load = withLoad(quiet(plan), { receiveMax: 3 });
  return inOrder(withRates(load, { abandon: 2_000, release: 3_000 }));
}

/** All nodes lose power again and again, with small checkpoints. */
function restarting(plan: Plan): Plan {
  return withStrikes(withSmallFiles(plan), PACE, (atMs) => [
    { kind: "power-cut", atMs, lastsMs: 100 },
  ]);
}

/** Long enough for deduplication ids to be forgotten, with little to do. */
function long(plan: Plan): Plan {
  const load = { senders: 1, workers: 1, sendMax: 1, pauseMs: 12_000, waitMsMax: 20_000 };
  const calm = withRates(withLoad(quiet(plan), load), { release: 0, late: 0 });
  return { ...inOrder(calm, { repeatedIds: 5_000 }), faultyMs: 660_000 };
}

export const FIFO_BUGS: readonly PlantedBug[] = [
  {
    name: "ignore-the-group-lock",
    promise: "what comes before a message in its group keeps it back while it is in flight",
    patches: [
      {
        file: "queue/src/receive-fifo.ts",
        find: "    if (place !== PLACE.fresh && place !== PLACE.redelivered) return true;\n    reference = page.next(slot);",
        replace:
          "    reference = page.next(slot);\n    if (place !== PLACE.fresh && place !== PLACE.redelivered) continue;",
      },
      {
        file: "queue/src/receive-fifo.ts",
        find: "    if (allowance.messages === 0 || page.queue.inFlight >= FIFO_IN_FLIGHT_MAX) return false;",
        replace: `    if (allowance.messages === 0 || page.queue.inFlight >= FIFO_IN_FLIGHT_MAX) {
      if (fifo.groups.turn(group) === 0) fifo.groups.joinRound(group, fifo.nextTurn++);
      return false;
    }`,
      },
      {
        file: "queue/src/receive-fifo.ts",
        find: "    call.slots.push(slot);\n  }\n  return true;",
        replace:
          "    call.slots.push(slot);\n  }\n  if (fifo.groups.turn(group) > 0) fifo.groups.leaveRound(group);\n  return true;",
      },
    ],
    caughtBy: ["group-lock", "fifo-order"],
    plan: careless,
    seedsMax: 5,
    gate: true,
  },
  {
    name: "deliver-past-what-is-in-flight",
    promise: "what comes before a message in its group keeps it back while it is in flight",
    patches: [
      {
        file: "queue/src/receive-fifo.ts",
        find: "    if (place !== PLACE.fresh && place !== PLACE.redelivered) return true;\n    reference = page.next(slot);",
        replace:
          "    reference = page.next(slot);\n    if (place !== PLACE.fresh && place !== PLACE.redelivered) continue;",
      },
    ],
    caughtBy: ["group-lock", "fifo-order"],
    plan: careless,
    seedsMax: 10,
  },
  {
    name: "order-lost-at-redelivery",
    promise: "a message that comes back stands where it stood",
    patches: [
      {
        file: "queue/src/fifo.ts",
        find: "  if (fifo.groups.first(group) === referenceTo(page, slot)) lookAtFirst(core, fifo, page, group);\n}",
        replace: `  const reference = referenceTo(page, slot);
  if (page.place(slot) === PLACE.redelivered && fifo.groups.last(group) !== reference) {
    unlink(core, page, slot);
    linkLast(core.pool, fifo, page, slot);
    fifo.groups.letGo(group);
  }
  if (fifo.groups.first(group) === reference) lookAtFirst(core, fifo, page, group);
}`,
      },
    ],
    caughtBy: ["fifo-order"],
    plan: careless,
    seedsMax: 5,
  },
  {
    name: "a-dead-letter-moves-before-its-turn",
    promise: "dead letters of a group arrive in order",
    patches: [
      {
        file: "queue/src/dead-letter.ts",
        find: "  return page.queue.fifo === undefined;\n",
        replace: "  return page.queue.live !== undefined || page.used > 0;\n",
      },
    ],
    caughtBy: ["counters"],
    plan: (plan) => inOrder(fragile(withRates(quiet(plan), { abandon: 4_000 }))),
    seedsMax: 5,
  },
  {
    name: "a-move-task-takes-what-is-behind-a-lease",
    promise: "a move task takes of a group only what is first in it",
    patches: [
      {
        file: "queue/src/move.ts",
        find: "  return fifo === undefined || fifo.groups.first(page.group(slot)) === referenceTo(page, slot);",
        replace:
          "  return fifo === undefined || page.group(slot) > 0 || referenceTo(page, slot) > 0;",
      },
    ],
    caughtBy: ["audited-moves", "counters"],
    plan: (plan) =>
      inOrder(
        withLoad(fragile(withRates(quiet(plan), { abandon: 4_000 })), {
          movers: 2,
          otherPauseMs: 200,
        }),
      ),
    seedsMax: 5,
  },
  {
    name: "lose-the-deduplication-window-in-a-snapshot",
    promise: "a deduplication id stores at most one message in five minutes, across restarts",
    patches: [
      {
        file: "queue/src/window-log.ts",
        find: "      readKey(records, offset, key);\n      this.#index.set(",
        replace:
          "      readKey(records, offset, key);\n      if (this.#content !== FIFO_UNIT.deduplications) this.#index.set(",
      },
    ],
    caughtBy: ["deduplication", "answers"],
    plan: (plan) => restarting(inOrder(quiet(plan), { repeatedIds: 5_000 })),
    seedsMax: 5,
    gate: true,
  },
  {
    name: "deduplication-window-too-short",
    promise: "a deduplication id stores at most one message in five minutes",
    patches: [
      {
        file: "queue/src/window-log.ts",
        find: "    if (reader.u48() + FIFO_WINDOW_MS <= now) return undefined;",
        replace: "    if (reader.u48() + FIFO_WINDOW_MS / 300 <= now) return undefined;",
      },
    ],
    caughtBy: ["deduplication"],
    plan: (plan) => inOrder(quiet(plan), { repeatedIds: 5_000 }),
    seedsMax: 5,
  },
  {
    name: "a-repetition-makes-the-deduplication-window-longer",
    promise: "a deduplication id counts for five minutes from its first send",
    patches: [
      {
        file: "queue/src/send-fifo.ts",
        find: "  if (known !== undefined) return known.u48();",
        replace: `  if (known !== undefined) {
    const first = known.u48();
    remembered.truncate(0);
    remembered.u48(first);
    fifo.deduplications.record(deduplicationKey, core.now, remembered.view());
    return first;
  }`,
      },
    ],
    caughtBy: ["answers", "counters"],
    plan: long,
    seedsMax: 5,
  },
  {
    name: "a-deduplication-id-counts-in-other-groups-too",
    promise: "a deduplication id counts within its scope",
    patches: [
      {
        file: "queue/src/send-fifo.ts",
        find: '  if (queue.attributes.fifo?.deduplicationScope === "messageGroup") narrowToGroup();',
        replace:
          '  if (queue.attributes.fifo?.deduplicationScope === "messageGroup" && call.at < 0) narrowToGroup();',
      },
    ],
    caughtBy: ["answers", "counters"],
    plan: (plan) =>
      inOrder(quiet(plan), { deduplicationScope: "messageGroup", repeatedIds: 5_000 }),
    seedsMax: 5,
  },
  {
    name: "an-attempt-is-given-other-messages",
    promise: "a receive tried again under its attempt id is given the same messages",
    patches: [
      {
        file: "queue/src/receive-fifo.ts",
        find: "  if (deadline <= core.now) return undefined;",
        replace: "  if (deadline >= 0) return undefined;",
      },
    ],
    caughtBy: ["attempts"],
    plan: (plan) => inOrder(quiet(plan), { groups: 12, attempts: 5_000 }),
    seedsMax: 5,
  },
  {
    name: "an-attempt-is-forgotten-in-a-snapshot",
    promise:
      "a receive tried again under its attempt id is given the same messages, across restarts",
    patches: [
      {
        file: "queue/src/window-log.ts",
        find: "      readKey(records, offset, key);\n      this.#index.set(",
        replace:
          "      readKey(records, offset, key);\n      if (this.#content !== FIFO_UNIT.attempts) this.#index.set(",
      },
    ],
    caughtBy: ["attempts", "answers", "counters"],
    plan: (plan) => restarting(inOrder(quiet(plan), { groups: 12, attempts: 8_000 })),
    seedsMax: 10,
  },
];
