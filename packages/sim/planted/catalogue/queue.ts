/** Wrong behaviours in what a queue is: grants, leases, counts, moves, and what a snapshot holds of them. */
import type { PlantedBug } from "../bug.ts";
import {
  fleeting,
  fragile,
  PACE,
  quiet,
  withLoad,
  withRates,
  withSmallFiles,
  withStrikes,
} from "../tuning.ts";

export const QUEUE_BUGS: readonly PlantedBug[] = [
  {
    name: "lose-the-tail-of-a-batch",
    promise: "an acknowledged send is kept",
    patches: [
      {
        file: "queue/src/send.ts",
        find: "for (let i = 0; i < count; i++) {",
        replace: "for (let i = 0; i < Math.min(count, 7); i++) {",
      },
    ],
    caughtBy: ["no-acknowledged-send-lost", "fate", "counters"],
    plan: (plan) => withLoad(quiet(plan), { sendMax: 20 }),
    seedsMax: 5,
  },
  {
    name: "let-a-stale-receipt-delete",
    promise: "a stale receipt changes nothing",
    patches: [
      {
        file: "queue/src/settle.ts",
        find: "if (!hasToken(page, slot, lease.token)) return SETTLED.stale;",
        replace:
          'if (lease.kind !== "tombstone" && !hasToken(page, slot, lease.token)) return SETTLED.stale;',
      },
    ],
    caughtBy: ["stale-receipt", "answers"],
    plan: (plan) => withRates(quiet(plan), { late: 3_000 }),
    seedsMax: 5,
    gate: true,
  },
  {
    name: "double-grant-a-lease",
    promise: "one holder at a time",
    patches: [
      {
        file: "queue/src/granting.ts",
        find: "if (leaseMs > 0) putLeased(core, page, slot, core.now + leaseMs);",
        replace: "if (leaseMs > 0) putLeased(core, page, slot, core.now + Math.ceil(leaseMs / 2));",
      },
      {
        file: "queue/src/receive.ts",
        find: "columns.deadlines[i] = page.visibleAt(slot);",
        replace:
          "columns.deadlines[i] = grant.replayed ? page.visibleAt(slot) : core.now + grant.leaseMs;",
      },
    ],
    caughtBy: ["one-lease-at-a-time", "no-early-redelivery"],
    plan: (plan) => withRates(quiet(plan), { late: 3_000, abandon: 2_000 }),
    seedsMax: 5,
    gate: true,
  },
  {
    name: "forget-the-receive-count-in-a-snapshot",
    promise: "the receive count is the number of grants that were handed out",
    patches: [
      {
        file: "queue/src/snapshot.ts",
        find: "if (second < page.oldestSecond) page.oldestSecond = second;",
        replace: `if (second < page.oldestSecond) page.oldestSecond = second;
    if (page.receivesHere(slot) > 1) {
      page.setLease(slot, {
        token: page.token(slot),
        leaseMs: page.leaseMs(slot),
        firstReceived: page.firstReceived(slot),
        count: page.countOnArrival(slot) + 1,
      });
    }`,
      },
    ],
    caughtBy: ["receive-count", "answers"],
    plan: (plan) =>
      withStrikes(withSmallFiles(withRates(quiet(plan), { abandon: 4_000 })), PACE, (atMs) => [
        { kind: "power-cut", atMs, lastsMs: 100 },
      ]),
    seedsMax: 5,
  },
  {
    name: "undelivered-does-not-restore-the-count",
    promise: "the receive count is the number of grants that were handed out",
    patches: [
      {
        file: "queue/src/settle.ts",
        find: "const count = page.receiveCount(slot) - 1;",
        replace: "const count = page.receiveCount(slot);",
      },
    ],
    caughtBy: ["receive-count", "answers"],
    plan: (plan) => withRates(quiet(plan), { hangUp: 3_000 }),
    seedsMax: 5,
  },
  {
    name: "lose-the-order-of-redelivery-in-a-restore",
    promise: "replicas are equal at every index",
    patches: [
      {
        file: "queue/src/housekeeping.ts",
        find: "  references.reverse();\n",
        replace: "  if (references.length > 0) return references;\n",
      },
    ],
    caughtBy: ["state-equality"],
    plan: (plan) =>
      withStrikes(withSmallFiles(withRates(quiet(plan), { abandon: 4_000 })), PACE, (atMs) => [
        { kind: "crash", atMs, victim: "follower", power: false, effect: 0, lastsMs: 50 },
      ]),
    seedsMax: 5,
  },
  {
    name: "lose-the-idempotency-window-in-a-snapshot",
    promise: "a send is stored once, however often it is retried",
    patches: [
      {
        file: "queue/src/request-ledger.ts",
        find: "if (reader.ok) generation.index(",
        replace: "if (reader.ok && false) generation.index(",
      },
    ],
    caughtBy: ["sent-at-most-once"],
    plan: (plan) =>
      withStrikes(withSmallFiles(withRates(quiet(plan), { repeat: 3_000 })), PACE, (atMs) => [
        { kind: "power-cut", atMs, lastsMs: 100 },
      ]),
    seedsMax: 5,
    gate: true,
  },
  {
    name: "execute-a-retry-again",
    promise: "a send is stored once, however often it is retried",
    patches: [
      {
        file: "queue/src/machine.ts",
        find: "if (known !== undefined) {\n    replay(core, call, known);",
        replace:
          'if (known !== undefined && call.kind !== "send") {\n    replay(core, call, known);',
      },
    ],
    caughtBy: ["sent-at-most-once"],
    plan: (plan) => withRates(quiet(plan), { repeat: 3_000 }),
    seedsMax: 5,
  },
  {
    name: "dead-letter-without-removing",
    promise: "a dead-lettered message is in the dead-letter queue and in no other",
    patches: [
      {
        file: "queue/src/dead-letter.ts",
        find: "  forget(core, page, slot);\n  arrive(core, target, body, arrival);",
        replace: "  putReady(core, page, slot);\n  arrive(core, target, body, arrival);",
      },
    ],
    caughtBy: ["dead-letter-once", "audited-dead-letters", "counters"],
    plan: (plan) => fragile(withRates(quiet(plan), { abandon: 4_000 })),
    seedsMax: 10,
  },
  {
    name: "dead-letter-one-receive-late",
    promise: "past the maximum number of receives a message is in the dead-letter queue",
    patches: [
      {
        file: "queue/src/dead-letter.ts",
        find: "page.receivesHere(slot) >= policy.maximumReceives;",
        replace: "page.receivesHere(slot) > policy.maximumReceives;",
      },
    ],
    caughtBy: ["dead-letter-once", "audited-dead-letters", "counters"],
    plan: (plan) => fragile(withRates(quiet(plan), { abandon: 4_000 })),
    seedsMax: 10,
  },
  {
    name: "counter-drift",
    promise: "the counters equal the state at every index",
    patches: [
      {
        file: "queue/src/places.ts",
        find: "      core.wheel.remove(referenceTo(page, slot), page.visibleAt(slot));\n      queue.inFlight -= 1;",
        replace:
          "      core.wheel.remove(referenceTo(page, slot), page.visibleAt(slot));\n      queue.inFlight -= page.receiveCount(slot) > 2 ? 0 : 1;",
      },
    ],
    caughtBy: ["counters"],
    plan: (plan) => withRates(quiet(plan), { abandon: 5_000 }),
    seedsMax: 5,
    gate: true,
  },
  {
    name: "retention-ignored",
    promise: "a message is expired when its retention is over",
    patches: [
      {
        file: "queue/src/housekeeping.ts",
        find: "  if (core.retentionDue <= second) {",
        replace: "  if (core.retentionDue <= second && second < 0) {",
      },
    ],
    caughtBy: ["fate", "counters"],
    plan: (plan) => fleeting(withRates(quiet(plan), { abandon: 5_000 })),
    seedsMax: 5,
  },
  {
    name: "delay-ignored",
    promise: "a delayed message is not delivered before its time",
    patches: [
      {
        file: "queue/src/send.ts",
        find: "if (delayMs > 0) {",
        replace: "if (delayMs > 0 && i === 0) {",
      },
    ],
    caughtBy: ["delays", "audited-delays"],
    plan: (plan) => withRates(quiet(plan), { delayed: 4_000 }),
    seedsMax: 5,
  },
  {
    name: "purge-leaves-what-is-in-flight",
    promise: "a purged message is never delivered again",
    patches: [
      {
        file: "queue/src/queues.ts",
        find: "  for (const page of queue.pages.takeAll()) {",
        replace: "  if (queue.inFlight > 0) return;\n  for (const page of queue.pages.takeAll()) {",
      },
    ],
    caughtBy: ["fate", "counters"],
    plan: (plan) => withLoad(quiet(plan), { administrators: 2, purge: 3_000 }),
    seedsMax: 5,
  },
  {
    name: "fencing-tokens-start-over-in-a-restore",
    promise: "fencing tokens only grow",
    patches: [
      {
        file: "queue/src/queue.ts",
        find: "queue.nextToken = reader.u48();",
        replace: "queue.nextToken = Math.max(1, reader.u48() - 50);",
      },
      {
        file: "queue/src/invariants.ts",
        find: "if (place !== PLACE.outbox && page.token(slot) >= queue.nextToken)",
        replace: "if (place !== PLACE.outbox && page.token(slot) >= queue.nextToken + 50)",
      },
    ],
    caughtBy: ["stale-receipt", "answers"],
    plan: (plan) =>
      withStrikes(withSmallFiles(quiet(plan)), PACE, (atMs) => [
        { kind: "power-cut", atMs, lastsMs: 100 },
      ]),
    seedsMax: 5,
  },
  {
    name: "an-extension-is-not-kept",
    promise: "one holder at a time",
    patches: [
      {
        file: "queue/src/settle.ts",
        find: "  page.setLeaseMs(slot, leaseMs);\n  putLeased(core, page, slot, core.now + ms);",
        replace:
          "  page.setLeaseMs(slot, leaseMs);\n  putLeased(core, page, slot, Math.min(page.visibleAt(slot), core.now + ms));",
      },
    ],
    caughtBy: ["one-lease-at-a-time", "no-early-redelivery", "counters"],
    plan: (plan) => withRates(quiet(plan), { extend: 3_000, abandon: 3_000, forged: 6_000 }),
    seedsMax: 5,
  },
];
