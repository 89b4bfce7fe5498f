import { Prng } from "@kqueuey/base";
import { describe, expect, it } from "vitest";
import { World } from "./world.ts";

interface Planned {
  readonly atMs: number;
  readonly order: number;
}

/** Tasks that schedule more tasks, some at once; what they were to be, and in which order they ran. */
function runWorld(seed: number): { readonly planned: Planned[]; readonly ran: Planned[] } {
  const random = new Prng(seed);
  const world = new World();
  const planned: Planned[] = [];
  const ran: Planned[] = [];
  const plan = (): void => {
    const delayMs = random.pick([0, 0, 1, 2, 0.5]);
    const task = { atMs: world.nowMs + delayMs, order: planned.length };
    planned.push(task);
    world.schedule(delayMs, () => {
      ran.push(task);
      expect(world.nowMs).toBe(task.atMs);
      for (let more = random.between(0, 2); more > 0 && planned.length < 500; more--) plan();
    });
  };
  for (let i = 0; i < 20; i++) plan();
  world.runFor(random.between(0, 3));
  world.runUntil(() => ran.length === 30, random.between(0, 3));
  for (let i = 0; i < 20; i++) plan();
  while (world.step());
  expect(world.steps).toBe(ran.length);
  return { planned, ran };
}

describe("the world", () => {
  it("runs everything in order of time, and of scheduling for one time", () => {
    for (let seed = 1; seed <= 50; seed++) {
      const { planned, ran } = runWorld(seed);
      const sorted = [...planned].sort((a, b) => a.atMs - b.atMs || a.order - b.order);
      expect(ran, `seed ${seed}`).toEqual(sorted);
    }
  });

  it("stops before what is due after its end, and stands at its end then", () => {
    const world = new World();
    const ran: string[] = [];
    world.schedule(5, () => world.schedule(0, () => ran.push("at once")));
    world.schedule(6, () => ran.push("later"));
    world.runFor(5);
    expect(ran).toEqual(["at once"]);
    expect(world.nowMs).toBe(5);
    expect(world.runUntil(() => ran.length === 2, 0.5)).toBe(false);
    expect(world.nowMs).toBe(5.5);
    expect(world.runUntil(() => ran.length === 2, 0.5)).toBe(true);
  });
});
