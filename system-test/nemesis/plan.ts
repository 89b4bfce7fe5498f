/** A whole run as data, drawn from its seed alone. */
import { Random } from "./random.ts";
import { FILE_KINDS, PARTITION_SHAPES, type Strike, type Victim } from "./strike.ts";

export interface Plan {
  readonly seed: number;
  /** 3 or 5. */
  readonly nodes: number;
  /** Of a message's body, about. */
  readonly bodyBytes: number;
  readonly strikes: readonly Strike[];
}

/** Two in three clusters have three nodes, as most have. */
const SIZES = [3, 3, 5] as const;
/** The large ones fill the log fast enough for checkpoints, reclaimed segments and snapshots. */
const BODY_BYTES = [200, 200, 2_000, 20_000] as const;

export function planOf(seed: number, strikes: number): Plan {
  const random = new Random(seed);
  return {
    seed,
    nodes: random.pick(SIZES),
    bodyBytes: random.pick(BODY_BYTES),
    strikes: Array.from({ length: strikes }, () => drawStrike(random)),
  };
}

type Draw = (random: Random) => Strike;

/** Every kind as likely as every other. */
function drawStrike(random: Random): Strike {
  return random.pick(DRAWS)(random);
}

const DRAWS: readonly Draw[] = [
  (random) => ({
    kind: "kill",
    who: random.pick(["leader", "follower", "two", "all"] as const),
    lastsMs: random.between(0, 3_000),
  }),
  (random) => ({ kind: "restart", who: drawVictim(random) }),
  (random) => ({ kind: "pause", who: drawVictim(random), lastsMs: random.between(100, 6_000) }),
  (random) => ({
    kind: "partition",
    shape: random.pick(PARTITION_SHAPES),
    lastsMs: random.between(500, 6_000),
  }),
  (random) => ({
    kind: "flap",
    who: drawVictim(random),
    times: random.between(2, 6),
    everyMs: random.between(100, 1_200),
  }),
  (random) => ({
    kind: "slow-link",
    who: drawVictim(random),
    delayMs: random.between(20, 400),
    kilobitsPerSecond: random.between(200, 2_000),
    lastsMs: random.between(1_000, 5_000),
  }),
  (random) => ({
    kind: "lossy-links",
    lost: random.between(1, 15) / 100,
    lastsMs: random.between(1_000, 5_000),
  }),
  (random) => ({
    kind: "full-disk",
    who: drawVictim(random),
    lastsMs: random.between(1_000, 5_000),
  }),
  (random) => ({
    kind: "slow-disk",
    who: drawVictim(random),
    writesPerSecond: random.between(10, 100),
    lastsMs: random.between(1_000, 5_000),
  }),
  (random) => ({
    kind: "stalled-disk",
    who: drawVictim(random),
    lastsMs: random.between(200, 4_000),
  }),
  (random) => ({
    kind: "power-loss",
    who: random.pick(["leader", "follower", "all", "all"] as const),
  }),
  (random) => ({
    kind: "damage",
    who: drawVictim(random),
    file: random.pick(FILE_KINDS),
    how: random.pick(["flip", "flip", "truncate", "remove"] as const),
    share: random.between(0, 999) / 1_000,
  }),
  (random) => ({ kind: "old-copy", who: drawVictim(random), lastsMs: random.between(500, 4_000) }),
  (random) => ({ kind: "wipe", who: drawVictim(random) }),
  (random) => ({
    kind: "wall-clock",
    who: drawVictim(random),
    offsetMs: random.pick([-86_400_000, -5_000, 5_000, 86_400_000, 3_650 * 86_400_000]),
    lastsMs: random.between(1_000, 4_000),
  }),
];

function drawVictim(random: Random): Victim {
  return random.pick(["leader", "leader", "follower"] as const);
}
