/** Wrong behaviours of standard queues with message groups: who is noisy, who is served first. */
import type { Plan } from "../../src/plan.ts";
import type { PlantedBug } from "../bug.ts";
import {
  fragile,
  PACE,
  quiet,
  withGroups,
  withLoad,
  withRates,
  withSmallFiles,
  withStrikes,
} from "../tuning.ts";

/** Few workers, who take a few messages of many and now and then forget them or give them back. */
function behind(plan: Plan): Plan {
  const load = withLoad(quiet(plan), { sendMax: 12, receiveMax: 4, workers: 2 });
  return withGroups(withRates(load, { abandon: 1_500, release: 1_500 }));
}

/** All nodes lose power again and again, with small checkpoints. */
function restarting(plan: Plan): Plan {
  return withStrikes(withSmallFiles(plan), PACE, (atMs) => [
    { kind: "power-cut", atMs, lastsMs: 100 },
  ]);
}

export const FAIR_BUGS: readonly PlantedBug[] = [
  {
    name: "noisy-groups-are-served-in-turn",
    promise: "messages of quiet groups are handed out before those of noisy ones",
    patches: [
      {
        file: "queue/src/receive-fair.ts",
        find: "  fair.putAside(noisy);",
        replace: "  fair.putAside(noisy.slice(noisy.length));",
      },
    ],
    caughtBy: ["quiet-first"],
    plan: behind,
    seedsMax: 5,
    gate: true,
  },
  {
    name: "what-a-receive-takes-makes-noise-at-once",
    promise: "who is noisy is decided when a receive begins",
    patches: [
      {
        file: "queue/src/receive-fair.ts",
        find: `  const more = takeAll(core, call, allowance, () =>
    earlier(fair, firstUngrouped(queue), fair.firstOfAll()),
  );`,
        replace: `  const more = takeAll(core, call, allowance, () => {
    fair.putAside(noisyTenants(queue));
    return earlier(fair, firstUngrouped(queue), fair.firstOfAll());
  });`,
      },
    ],
    caughtBy: ["quiet-first"],
    plan: behind,
    seedsMax: 5,
  },
  {
    name: "a-queues-own-threshold-is-ignored",
    promise: "a queue says from when on a group is noisy",
    patches: [
      {
        file: "queue/src/fair.ts",
        find: "  const least = attributes.fairness?.inFlightMin ?? FAIR_IN_FLIGHT_MIN;",
        replace: "  const least = FAIR_IN_FLIGHT_MIN;",
      },
    ],
    caughtBy: ["quiet-first"],
    plan: behind,
    seedsMax: 5,
  },
  {
    name: "a-group-with-just-the-share-is-noisy",
    promise: "a noisy group holds more than its share of what is in flight",
    patches: [
      {
        file: "queue/src/fair.ts",
        find: "held * 100 > percent * queue.inFlight);",
        replace: "held * 100 >= percent * queue.inFlight);",
      },
    ],
    caughtBy: ["quiet-first"],
    plan: (plan) => withGroups(behind(plan), { fairness: { inFlightMin: 1, inFlightPercent: 50 } }),
    seedsMax: 10,
  },
  {
    name: "a-lease-that-ends-by-itself-counts-on-for-its-group",
    promise: "what a group has in flight is what is leased",
    patches: [
      {
        file: "queue/src/places.ts",
        find: "if (isOfTenant(page, slot)) queue.fair?.changeInFlight(page.group(slot), -1);",
        replace: `if (isOfTenant(page, slot) && page.visibleAt(slot) > core.now) {
        queue.fair?.changeInFlight(page.group(slot), -1);
      }`,
      },
    ],
    caughtBy: ["quiet-first"],
    plan: behind,
    seedsMax: 5,
  },
  {
    name: "a-restore-forgets-the-groups-of-what-is-leased",
    promise: "who is noisy is known alike on every replica, across restarts",
    patches: [
      {
        file: "queue/src/snapshot.ts",
        find: "  holdForTenant(fair, page, slot);",
        // The last message of a group keeps it: a group without messages would be noticed when it is loaded.
        replace: `  if (page.place(slot) === PLACE.leased && fair.tenants.held(group) > 0) {
    page.setGroup(slot, 0);
    return true;
  }
  holdForTenant(fair, page, slot);`,
      },
    ],
    caughtBy: ["quiet-first", "state-equality"],
    plan: (plan) => restarting(behind(plan)),
    seedsMax: 5,
    gate: true,
  },
  {
    name: "a-restore-forgets-what-groups-have-in-flight",
    promise: "a node that restarts has the state that it had",
    patches: [
      {
        file: "queue/src/snapshot.ts",
        find: "  if (page.place(slot) === PLACE.leased) fair.changeInFlight(group, 1);",
        replace: "  if (page.place(slot) === PLACE.outbox) fair.changeInFlight(group, 1);",
      },
    ],
    // The machine checks what it loads, and refuses it.
    caughtBy: ["quiet-first", "run"],
    plan: (plan) => restarting(behind(plan)),
    seedsMax: 5,
  },
  {
    name: "redelivered-messages-of-groups-come-last",
    promise: "each class is handed out in the order of every standard queue",
    patches: [
      {
        file: "queue/src/fair.ts",
        find: "    if (isAgainA !== isAgainB) return isAgainA;",
        replace: "    if (isAgainA !== isAgainB) return isAgainB;",
      },
    ],
    caughtBy: ["quiet-first"],
    plan: behind,
    seedsMax: 5,
  },
  {
    name: "a-dead-letter-loses-its-group",
    promise: "a dead letter keeps its message group",
    patches: [
      {
        file: "queue/src/dead-letter.ts",
        find: "  const table = fifo?.groups ?? fair?.tenants;",
        replace: "  const table = fair === undefined ? fifo?.groups : undefined;",
      },
    ],
    caughtBy: ["quiet-first"],
    plan: (plan) =>
      withGroups(
        withLoad(fragile(withRates(quiet(plan), { abandon: 5_000 })), {
          sendMax: 12,
          receiveMax: 4,
        }),
      ),
    seedsMax: 15,
  },
  {
    name: "a-move-task-leaves-the-groups-behind",
    promise: "a moved message keeps its message group",
    patches: [
      {
        file: "queue/src/move.ts",
        find: "const origin = { ...originFor(page, slot), source: 0, enqueuedSecond, countOnArrival: 0 };",
        replace: `const from = originFor(page, slot);
  const groupKey = page.queue.fifo === undefined ? undefined : from.groupKey;
  const origin = { ...from, groupKey, source: 0, enqueuedSecond, countOnArrival: 0 };`,
      },
    ],
    caughtBy: ["quiet-first"],
    plan: (plan) => withGroups(withLoad(fragile(behind(plan)), { movers: 2, otherPauseMs: 200 })),
    seedsMax: 5,
  },
];
