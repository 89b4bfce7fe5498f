/** The machine says what the naive model says, whatever happens, at every index. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Driver, type PlainOutcome, type TestCommand, withMoreTokens } from "./driver.ts";
import { Model } from "./model.ts";
import { type DrawnEntry, histories, runs, Scenario } from "./scenario.ts";

/** The model knows no offsets. */
function comparable(outcome: PlainOutcome): PlainOutcome {
  const { offsets: _, ...rest } = outcome;
  return rest;
}

interface Given {
  readonly commands: readonly TestCommand[];
  readonly timeMs: number;
  readonly wallMs: number;
}

/** Runs a history on both and gives the first difference, in words. `spoil` may change what the machine is given. */
function firstDifference(
  history: readonly DrawnEntry[],
  spoil: (given: Given) => Given = (given) => given,
): string | undefined {
  const scenario = new Scenario();
  const driver = new Driver();
  const model = new Model();
  for (let i = -1; i < history.length; i++) {
    const entry = history[i];
    const commands = entry === undefined ? scenario.begin() : scenario.read(entry);
    const { timeMs } = scenario;
    const wallMs = entry === undefined ? timeMs : scenario.wallMs(entry);
    if (entry !== undefined) skipTokens(entry, scenario.queueOf(entry), { driver, model });
    const expected = model.apply(commands, timeMs, wallMs);
    const given = spoil({ commands, timeMs, wallMs });
    const actual = driver.run(given.commands, given.timeMs, given.wallMs).map(comparable);
    scenario.learn(expected);
    const difference =
      differ("outcomes", actual, expected) ??
      differ("counters", counters(driver, model), modelCounters(model)) ??
      differ("move tasks", moveTasks(driver, model), modelMoveTasks(model)) ??
      driver.machine.checkInvariants();
    if (difference !== undefined) return `entry ${i}: ${difference}`;
  }
  while (driver.machine.sweep(100)) driver.countBodies();
  driver.countBodies();
  const sorted = (bodies: Map<number, number>) => [...bodies].sort(([a], [b]) => a - b);
  const live = new Map<number, number>();
  driver.machine.forEachLiveBody((index, count) => live.set(index, (live.get(index) ?? 0) + count));
  return (
    differ("bodies", sorted(driver.bodies), sorted(model.bodies())) ??
    differ("live bodies", sorted(live), sorted(model.bodies()))
  );
}

/** What takes the machine days of receives, in no time: it is restored with a lease counter that is further on. */
function skipTokens(
  entry: DrawnEntry,
  queue: number,
  on: { readonly driver: Driver; readonly model: Model },
): void {
  if (entry.tokens === 0 || !on.model.queues.has(queue)) return;
  on.model.skipTokens(queue, entry.tokens);
  on.driver.replace(withMoreTokens(on.driver.machine, queue, entry.tokens));
}

function counters(driver: Driver, model: Model): unknown {
  return [...model.queues.keys()].map((id) => {
    const view = driver.machine.describe(id as never);
    if (view === undefined) return undefined;
    const { available, inFlight, delayed, outbox, noisyGroups, availableQuiet } = view;
    return { available, inFlight, delayed, outbox, noisyGroups, availableQuiet };
  });
}

function moveTasks(driver: Driver, model: Model): unknown {
  return [...model.queues.keys()].map((id) =>
    driver.machine.moveTasks(id as never)?.map(({ taskId, status, failure, moved }) => ({
      task: taskId[0],
      status: failure === "none" ? status : `${status} ${failure}`,
      moved,
    })),
  );
}

function modelMoveTasks(model: Model): unknown {
  return [...model.queues.keys()].map((id) => model.tasks(id));
}

function modelCounters(model: Model): unknown {
  return [...model.queues.keys()].map((id) => model.counters(id));
}

function differ(what: string, actual: unknown, expected: unknown): string | undefined {
  const a = JSON.stringify(actual);
  const e = JSON.stringify(expected);
  return a === e ? undefined : `${what}\n  machine ${a}\n  model   ${e}`;
}

describe("the machine against the naive model", () => {
  it("gives equal outcomes and counters at every index", () => {
    fc.assert(
      fc.property(histories(60), (history) => {
        expect(firstDifference(history)).toBeUndefined();
      }),
      { numRuns: runs(150) },
    );
  });

  /** Whether random histories tell the machine from one that is spoiled like this. */
  function notices(spoil: (given: Given) => Given): boolean {
    const property = fc.property(histories(60), (history) => {
      return firstDifference(history, spoil) === undefined;
    });
    return fc.check(property, { numRuns: runs(400), endOnFailure: true }).failed;
  }

  it("notices a machine whose leases last a millisecond longer", () => {
    expect(notices((given) => ({ ...given, timeMs: given.timeMs - 1 }))).toBe(true);
  });

  it("notices an undelivered release that does not restore the count", () => {
    const keepCount = (command: TestCommand): TestCommand =>
      command.op === "undelivered" ? { ...command, op: "release" } : command;
    expect(notices((given) => ({ ...given, commands: given.commands.map(keepCount) }))).toBe(true);
  });

  it("notices a retry that is executed again", () => {
    const forget = ({ id: _, ...command }: TestCommand): TestCommand => command as TestCommand;
    expect(notices((given) => ({ ...given, commands: given.commands.map(forget) }))).toBe(true);
  });

  it("notices a move task of another rate", () => {
    const hasten = (command: TestCommand): TestCommand =>
      command.op === "startMove" && command.perSecond !== undefined
        ? { ...command, perSecond: command.perSecond + 1 }
        : command;
    expect(notices((given) => ({ ...given, commands: given.commands.map(hasten) }))).toBe(true);
  });

  it("notices a deduplication id that is forgotten", () => {
    let ids = 0;
    const own = (command: TestCommand): TestCommand => {
      if (command.op !== "sendFifo") return command;
      const messages = command.messages.map((message) => {
        return { ...message, deduplicationId: `own ${ids++}` };
      });
      return { ...command, messages };
    };
    expect(notices((given) => ({ ...given, commands: given.commands.map(own) }))).toBe(true);
  });

  it("notices an attempt id that is forgotten", () => {
    const forget = (command: TestCommand): TestCommand =>
      command.op === "receive" ? { ...command, attempt: undefined } : command;
    expect(notices((given) => ({ ...given, commands: given.commands.map(forget) }))).toBe(true);
  });

  it("notices messages of one group that are given as of another", () => {
    const mix = (command: TestCommand): TestCommand => {
      if (command.op !== "sendFifo") return command;
      const messages = command.messages.map((message) => ({ ...message, group: "group 0" }));
      return { ...command, messages };
    };
    expect(notices((given) => ({ ...given, commands: given.commands.map(mix) }))).toBe(true);
  });

  it("notices a queue that is not fair", () => {
    const off = { inFlightMin: 1, inFlightPercent: 100 };
    const silence = (command: TestCommand): TestCommand =>
      command.op === "create" && command.attributes.fifo === undefined
        ? { ...command, attributes: { ...command.attributes, fairness: off } }
        : command;
    expect(notices((given) => ({ ...given, commands: given.commands.map(silence) }))).toBe(true);
  });

  it("notices a dead letter that is delivered once more", () => {
    const raise = (command: TestCommand): TestCommand => {
      if (command.op !== "create" || command.attributes.deadLetter === undefined) return command;
      const { deadLetter } = command.attributes;
      const maximumReceives = deadLetter.maximumReceives + 1;
      return {
        ...command,
        attributes: { ...command.attributes, deadLetter: { ...deadLetter, maximumReceives } },
      };
    };
    expect(notices((given) => ({ ...given, commands: given.commands.map(raise) }))).toBe(true);
  });
});
