/**
 * The swarm: each seed switches each class of faults on or off and picks its rate, so that every mixture
 * comes up, the pure ones too. What is drawn is a plan; whether a strike may happen is seen when it comes.
 */
import type { Prng } from "@kqueuey/base";
import type { Strike, Victim } from "./strike.ts";

export interface Arena {
  readonly nodes: number;
  readonly faultyMs: number;
}

/** What a class draws from. */
interface Draw extends Arena {
  readonly random: Prng;
  readonly atMs: number;
}

interface FaultClass {
  /** On in one seed of this many. */
  readonly oneIn: number;
  readonly draw: (draw: Draw) => Strike;
}

const CLASSES: readonly FaultClass[] = [
  { oneIn: 2, draw: (on) => drawCrash(on, false) },
  { oneIn: 2, draw: (on) => drawCrash(on, true) },
  { oneIn: 3, draw: drawPowerCut },
  { oneIn: 2, draw: drawPause },
  { oneIn: 3, draw: drawWipe },
  { oneIn: 2, draw: drawIsolation },
  { oneIn: 2, draw: drawWeather },
];

/** Longest time between two strikes of a busy seed, ms. */
const GAPS_MS = [300, 700, 1_500, 3_000];
const STRIKES_MAX = 400;

/** Strikes for the whole faulty phase, in order of time. */
export function drawStrikes(random: Prng, arena: Arena): Strike[] {
  const on = CLASSES.filter((each) => random.chance(1, each.oneIn));
  const gapMs = random.pick(GAPS_MS);
  const strikes: Strike[] = [];
  if (on.length === 0) return strikes;
  for (let atMs = 0; strikes.length < STRIKES_MAX; ) {
    atMs += random.between(1, gapMs);
    if (atMs >= arena.faultyMs) break;
    strikes.push(random.pick(on).draw({ ...arena, random, atMs }));
  }
  return strikes;
}

function drawVictim({ random, nodes }: Draw): Victim {
  return random.pick<Victim>(["leader", "follower", random.between(1, nodes)]);
}

/** Mostly short, sometimes long. */
function drawSpan(random: Prng): number {
  return random.between(10, random.pick([200, 1_500, 4_000]));
}

function drawCrash(on: Draw, power: boolean): Strike {
  const { random, atMs } = on;
  const effect = random.chance(1, 2) ? 0 : random.between(1, random.pick([3, 20, 200]));
  return { kind: "crash", atMs, victim: drawVictim(on), power, effect, lastsMs: drawSpan(random) };
}

function drawPowerCut({ random, atMs }: Draw): Strike {
  return { kind: "power-cut", atMs, lastsMs: drawSpan(random) };
}

function drawPause(on: Draw): Strike {
  return { kind: "pause", atMs: on.atMs, victim: drawVictim(on), lastsMs: drawSpan(on.random) };
}

function drawWipe(on: Draw): Strike {
  return { kind: "wipe", atMs: on.atMs, victim: drawVictim(on), lastsMs: drawSpan(on.random) };
}

function drawIsolation(on: Draw): Strike {
  const { random, atMs } = on;
  const ways = random.pick(["both", "in", "out"] as const);
  return { kind: "isolate", atMs, victim: drawVictim(on), ways, lastsMs: drawSpan(random) };
}

function drawWeather({ random, atMs }: Draw): Strike {
  return {
    kind: "weather",
    atMs,
    delayMsMax: random.between(2, 60),
    lossPer10k: random.between(0, 300),
    duplicatePer10k: random.between(0, 200),
    reorder: random.chance(1, 2),
    lastsMs: random.between(500, 5_000),
  };
}
