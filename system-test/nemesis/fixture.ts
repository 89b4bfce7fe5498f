/** Arenas and loads for tests: the running test ends what it started, and shows what it knows if it failed. */
import { onTestFailed, onTestFinished, test } from "vitest";
import { Arena, type ArenaOptions } from "./arena.ts";
import { Load, type LoadOptions } from "./load.ts";
import { Nemesis } from "./nemesis.ts";

export interface Field {
  readonly arena: Arena;
  readonly load: Load;
  readonly nemesis: Nemesis;
  /** Ends the load; answers every broken promise, and every process that ended by itself. */
  finish(): Promise<string[]>;
}

/** A cluster under load. */
export async function startField(
  options: ArenaOptions & Omit<LoadOptions, "endpoints"> = {},
): Promise<Field> {
  const arena = await Arena.create(options);
  onTestFinished(() => arena.close());
  const journal: string[] = [];
  const load = new Load({ ...options, endpoints: arena.cluster.endpoints });
  onTestFinished(() => load.stop());
  onTestFailed(() => {
    console.log(journal.join("\n"));
    console.log(load.summary());
    console.log(arena.cluster.logs());
  });
  await arena.begin();
  await load.start();
  await load.acknowledged(100);
  const finish = async (): Promise<string[]> => {
    await load.drain();
    return [...load.violations(), ...arena.unexpectedEnds()];
  };
  return { arena, load, nemesis: new Nemesis(arena, (line) => journal.push(line)), finish };
}

/** A test that is left out, by name and with the reason, where this machine does not let it run. */
export function testNeeding(
  reason: string | undefined,
  title: string,
  run: () => Promise<void>,
): void {
  const name = reason === undefined ? title : `${title} (left out: ${reason})`;
  test.skipIf(reason !== undefined)(name, run);
}
