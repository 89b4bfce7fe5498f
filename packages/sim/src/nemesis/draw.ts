/**
 * The swarm: each seed switches each class of faults on or off and picks its rate, so that every mixture
 * comes up, the pure ones too. What is drawn is a plan; whether a strike may happen is seen when it comes.
 */
import type { Prng } from "@kqueuey/base";
import type { DamageKind, FileKind, MembershipStep, Strike, Victim } from "./strike.ts";

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
  { oneIn: 3, draw: (on) => drawCrash(on, false) },
  { oneIn: 3, draw: (on) => drawCrash(on, true) },
  { oneIn: 5, draw: drawPowerCut },
  { oneIn: 6, draw: drawRollingRestart },
  { oneIn: 4, draw: drawPause },
  { oneIn: 4, draw: drawStall },
  { oneIn: 4, draw: drawWipe },
  { oneIn: 4, draw: drawOldDisk },
  { oneIn: 3, draw: drawDamage },
  { oneIn: 6, draw: drawStrayWrite },
  { oneIn: 5, draw: drawDiskErrors },
  { oneIn: 6, draw: drawSlowDisk },
  { oneIn: 6, draw: drawFullDisk },
  { oneIn: 4, draw: drawIsolation },
  { oneIn: 4, draw: drawSplit },
  { oneIn: 5, draw: drawBridge },
  { oneIn: 5, draw: drawCutLink },
  { oneIn: 6, draw: drawFlap },
  { oneIn: 6, draw: drawSlowLink },
  { oneIn: 3, draw: drawWeather },
  { oneIn: 6, draw: drawBreak },
  { oneIn: 6, draw: drawClockJump },
  { oneIn: 4, draw: drawTransfer },
  { oneIn: 3, draw: drawMembership },
];

/** Longest time between two strikes, ms; one of them for a seed. */
const GAPS_MS = [200, 500, 1_200, 3_000];
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

function drawSalt(random: Prng): number {
  return random.nextU32();
}

/** Two different nodes. */
function drawEnds({ random, nodes }: Draw): { readonly from: number; readonly to: number } {
  const from = random.between(1, nodes);
  const to = 1 + ((from - 1 + random.between(1, nodes - 1)) % nodes);
  return { from, to };
}

function drawCrash(on: Draw, power: boolean): Strike {
  const { random, atMs } = on;
  const effect = random.chance(1, 2) ? 0 : random.between(1, random.pick([3, 20, 200]));
  return { kind: "crash", atMs, victim: drawVictim(on), power, effect, lastsMs: drawSpan(random) };
}

function drawPowerCut({ random, atMs }: Draw): Strike {
  return { kind: "power-cut", atMs, lastsMs: drawSpan(random) };
}

function drawRollingRestart({ random, atMs }: Draw): Strike {
  const grace = random.chance(2, 3);
  return { kind: "rolling-restart", atMs, grace, lastsMs: random.between(10, 300) };
}

function drawPause(on: Draw): Strike {
  return { kind: "pause", atMs: on.atMs, victim: drawVictim(on), lastsMs: drawSpan(on.random) };
}

function drawStall(on: Draw): Strike {
  const { random, atMs } = on;
  const before = random.pick(["use-of-clock", "answer"] as const);
  return { kind: "stall", atMs, victim: drawVictim(on), before, lastsMs: drawSpan(random) };
}

function drawWipe(on: Draw): Strike {
  const { random, atMs } = on;
  const folder = random.pick(["", "", "wal", "groups"] as const);
  return { kind: "wipe", atMs, victim: drawVictim(on), folder, lastsMs: drawSpan(random) };
}

function drawOldDisk({ random, atMs, nodes }: Draw): Strike {
  const agoMs = random.between(500, 6_000);
  const node = random.between(1, nodes);
  return { kind: "old-disk", atMs, node, agoMs, lastsMs: drawSpan(random) };
}

const FILES: readonly FileKind[] = [
  "wal",
  "wal",
  "bodies",
  "pages",
  "manifest",
  "snapshot",
  "identity",
  "any",
];
const DAMAGES: readonly DamageKind[] = ["flip", "flip", "cut", "misdirect", "zero"];

function drawDamage(on: Draw): Strike {
  const { random, atMs } = on;
  return {
    kind: "damage",
    atMs,
    victim: drawVictim(on),
    file: random.pick(FILES),
    how: random.pick(DAMAGES),
    running: random.chance(1, 2),
    salt: drawSalt(random),
    lastsMs: drawSpan(random),
  };
}

function drawStrayWrite(on: Draw): Strike {
  const lastsMs = on.random.between(50, 2_000);
  return { kind: "stray-write", atMs: on.atMs, victim: drawVictim(on), lastsMs };
}

function drawDiskErrors(on: Draw): Strike {
  const { random, atMs } = on;
  const request = random.pick(["read", "write", "sync"] as const);
  const per10k = random.pick([30, 300, 3_000, 10_000]);
  const lastsMs = drawSpan(random);
  return { kind: "disk-errors", atMs, victim: drawVictim(on), request, per10k, lastsMs };
}

function drawSlowDisk(on: Draw): Strike {
  const { random, atMs } = on;
  const slowMs = random.pick([20, 100, 500, 1_500]);
  const per10k = random.pick([100, 2_000, 10_000]);
  return {
    kind: "slow-disk",
    atMs,
    victim: drawVictim(on),
    slowMs,
    per10k,
    lastsMs: drawSpan(random),
  };
}

function drawFullDisk(on: Draw): Strike {
  const { random, atMs } = on;
  const freeBytes = random.pick([0, 4_096, 65_536, 524_288]);
  const lastsMs = random.between(200, 4_000);
  return { kind: "full-disk", atMs, victim: drawVictim(on), freeBytes, lastsMs };
}

function drawIsolation(on: Draw): Strike {
  const { random, atMs } = on;
  const ways = random.pick(["both", "in", "out"] as const);
  return { kind: "isolate", atMs, victim: drawVictim(on), ways, lastsMs: drawSpan(random) };
}

function drawSplit({ random, atMs }: Draw): Strike {
  const shape = random.pick(["minority", "minority", "shards"] as const);
  return { kind: "split", atMs, shape, salt: drawSalt(random), lastsMs: drawSpan(random) };
}

function drawBridge(on: Draw): Strike {
  const { random, atMs } = on;
  const salt = drawSalt(random);
  return { kind: "bridge", atMs, victim: drawVictim(on), salt, lastsMs: drawSpan(random) };
}

function drawCutLink(on: Draw): Strike {
  const { random, atMs } = on;
  const both = random.chance(1, 2);
  return { kind: "cut-link", atMs, ...drawEnds(on), both, lastsMs: drawSpan(random) };
}

function drawFlap(on: Draw): Strike {
  const { random, atMs } = on;
  const everyMs = random.pick([20, 150, 700]);
  return { kind: "flap", atMs, ...drawEnds(on), everyMs, lastsMs: random.between(500, 4_000) };
}

function drawSlowLink(on: Draw): Strike {
  const { random, atMs } = on;
  const delayMs = random.pick([20, 150, 600, 2_000]);
  return { kind: "slow-link", atMs, ...drawEnds(on), delayMs, lastsMs: random.between(200, 4_000) };
}

function drawWeather({ random, atMs }: Draw): Strike {
  return {
    kind: "weather",
    atMs,
    delayMsMax: random.pick([2, 10, 60, 200]),
    lossPer10k: random.pick([0, 50, 300, 2_000]),
    duplicatePer10k: random.pick([0, 200, 2_000]),
    reorder: random.chance(1, 2),
    lastsMs: random.between(500, 5_000),
  };
}

function drawBreak(on: Draw): Strike {
  return { kind: "break-connections", atMs: on.atMs, victim: drawVictim(on) };
}

function drawClockJump(on: Draw): Strike {
  const { random, atMs } = on;
  const byMs = random.pick([10, 5_000, 3_600_000, 86_400_000]) * random.pick([1, -1]);
  return { kind: "clock-jump", atMs, victim: drawVictim(on), byMs };
}

function drawTransfer(on: Draw): Strike {
  return { kind: "transfer", atMs: on.atMs, to: drawVictim(on) };
}

function drawMembership(on: Draw): Strike {
  const { random, atMs, nodes } = on;
  const steps: MembershipStep[] = [];
  const count = random.between(1, random.pick([1, 2, nodes - 1]));
  for (let i = 0; i < count; i++) {
    steps.push({ kind: random.pick(["demote", "remove"] as const), victim: drawVictim(on) });
  }
  const promoting = random.chance(1, 2);
  return { kind: "membership", atMs, steps, promoting, lastsMs: drawSpan(random) };
}
