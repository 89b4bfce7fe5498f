/** Wrong behaviours in what few clients ask for: bounds on what is in flight, leases that begin anew. */
import type { PlantedBug } from "../bug.ts";
import { inOrder, quiet, withLoad, withRare, withRates } from "../tuning.ts";

export const RARE_BUGS: readonly PlantedBug[] = [
  {
    name: "a-bounded-receive-takes-more",
    promise: "a receive makes no more messages in flight than it says",
    patches: [
      {
        file: "queue/src/receive.ts",
        find: "  const messages = Math.min(limit & ~RECEIVE_BOUNDED, room);",
        replace: "  const messages = limit & ~RECEIVE_BOUNDED;",
      },
    ],
    caughtBy: ["counters"],
    plan: (plan) => withRare(quiet(plan), { bounded: 8_000, inFlightMax: 3 }),
    seedsMax: 5,
  },
  {
    name: "a-receive-is-refused-with-room-for-one",
    promise: "a receive is refused when as many messages are in flight as it says, and not before",
    patches: [
      {
        file: "queue/src/receive.ts",
        find: "  if (room <= 0) {",
        replace: "  if (room <= 1) {",
      },
    ],
    caughtBy: ["answers", "counters"],
    plan: (plan) => withRare(quiet(plan), { bounded: 8_000, inFlightMax: 3 }),
    seedsMax: 5,
  },
  {
    name: "a-lease-begins-anew-in-answers-only",
    promise: "a lease that begins anew keeps others from the message",
    patches: [
      {
        file: "queue/src/settle.ts",
        find: "      return ms === 0 ? SETTLED.ok : extend(core, page, { slot, ms });",
        replace:
          "      return ms < EXTEND_REVIVES ? SETTLED.ok : extend(core, page, { slot, ms });",
      },
    ],
    caughtBy: ["counters"],
    plan: (plan) => withRare(quiet(plan), { revive: 5_000 }),
    seedsMax: 5,
  },
  {
    name: "a-lease-begins-anew-while-its-message-is-delayed",
    promise: "a lease begins anew only while its message waits to be received",
    patches: [
      {
        file: "queue/src/settle.ts",
        find: "  return page.queue.fifo === undefined && page.place(slot) !== PLACE.delayed;",
        replace: "  return page.queue.fifo === undefined && page.place(slot) !== PLACE.outbox;",
      },
    ],
    caughtBy: ["answers", "counters"],
    plan: (plan) =>
      withRare(withRates(quiet(plan), { release: 4_000, forged: 6_000 }), { revive: 1_000 }),
    seedsMax: 5,
  },
  {
    name: "a-lease-of-a-fifo-queue-begins-anew",
    promise: "a lease of a FIFO queue that is over is over",
    patches: [
      {
        file: "queue/src/settle.ts",
        find: "  return page.queue.fifo === undefined && page.place(slot) !== PLACE.delayed;",
        replace: "  return page.place(slot) !== PLACE.delayed;",
      },
    ],
    caughtBy: ["answers", "counters"],
    plan: (plan) => inOrder(withLoad(withRare(quiet(plan), { revive: 5_000 }), { workers: 2 })),
    seedsMax: 5,
  },
  {
    name: "a-name-stays-taken-by-a-deleted-queue",
    promise: "a name is free once its queue is deleted",
    patches: [
      {
        file: "queue/src/catalogue.ts",
        find: "    this.#byName.delete(record.name);",
        replace: "    this.#byName.get(record.name);",
      },
    ],
    caughtBy: ["answers", "current-reads"],
    plan: (plan) =>
      withLoad(withRare(quiet(plan), { otherKinds: 5_000 }), {
        administrators: 2,
        otherPauseMs: 20,
        readers: 1,
      }),
    seedsMax: 5,
  },
];
