/** Ways between nodes that are cut, slow, or come and go. Cut ways are silent; connections that break are told. */
import { type NodeId, Prng } from "@kqueuey/base";
import type { Ground } from "./ground.ts";
import type {
  BreakConnections,
  Bridge,
  CutLink,
  Flap,
  Isolate,
  SlowLink,
  Split,
  Weather,
} from "./strike.ts";

export function isolate(ground: Ground, strike: Isolate): boolean {
  const id = ground.victim(strike);
  if (id === undefined) return false;
  const { network, ids } = ground.cluster;
  ground.log(id, `isolated (${strike.ways})`);
  const mends: (() => void)[] = [];
  for (const other of ids) {
    if (other === id) continue;
    if (strike.ways !== "out") mends.push(network.cut(other, id));
    if (strike.ways !== "in") mends.push(network.cut(id, other));
  }
  ground.fail(id, strike.lastsMs, () => {
    ground.log(id, "no longer isolated");
    runAll(mends);
  });
  return true;
}

export function split(ground: Ground, strike: Split): boolean {
  const { ids } = ground.cluster;
  const order = new Prng(strike.salt).shuffle(ids);
  const most = strike.shape === "minority" ? Math.floor((ids.length - 1) / 2) : ids.length - 1;
  const side = order.slice(0, 1 + (strike.salt % most));
  const others = ids.filter((id) => !side.includes(id));
  if (strike.shape === "minority") {
    if (side.some((id) => ground.budget.isFailed(id)) || !ground.budget.allows(side)) return false;
  } else if (ground.budget.failed > 0) return false;
  ground.log(undefined, `split: ${side.join(" ")} | ${others.join(" ")}`);
  const mends = cutBetween(ground, side, others);
  if (strike.shape === "minority") for (const id of side) ground.fail(id, strike.lastsMs, () => {});
  ground.mendLater(strike.lastsMs, () => {
    ground.log(undefined, "split healed");
    runAll(mends);
  });
  return true;
}

/** Everybody but the bridge is on one of two sides: both can decide with it, and neither alone. */
export function bridge(ground: Ground, strike: Bridge): boolean {
  const { ids } = ground.cluster;
  const middle = ground.resolve(strike.victim, strike.atMs);
  if (middle === undefined || ids.length < 3) return false;
  const rest = new Prng(strike.salt).shuffle(ids.filter((id) => id !== middle));
  const half = Math.ceil(rest.length / 2);
  const [one, other] = [rest.slice(0, half), rest.slice(half)];
  ground.log(middle, `bridges ${one.join(" ")} | ${other.join(" ")}`);
  const mends = cutBetween(ground, one, other);
  ground.mendLater(strike.lastsMs, () => {
    ground.log(undefined, "bridge healed");
    runAll(mends);
  });
  return true;
}

export function cutLink(ground: Ground, strike: CutLink): boolean {
  const ends = endsOf(ground, strike);
  if (ends === undefined) return false;
  const [from, to] = ends;
  const { network } = ground.cluster;
  ground.log(from, `cut off from ${to}${strike.both ? ", both ways" : ""}`);
  const mends = [network.cut(from, to)];
  if (strike.both) mends.push(network.cut(to, from));
  ground.mendLater(strike.lastsMs, () => {
    ground.log(from, `reaches ${to} again`);
    runAll(mends);
  });
  return true;
}

/** Cut and mended in turn. */
export function flap(ground: Ground, strike: Flap): boolean {
  const ends = endsOf(ground, strike);
  if (ends === undefined) return false;
  const [from, to] = ends;
  const { network, world } = ground.cluster;
  const untilMs = world.nowMs + strike.lastsMs;
  ground.log(from, `link with ${to} flaps every ${strike.everyMs} ms`);
  const down = (): void => {
    if (ground.isOver || world.nowMs >= untilMs) return;
    const mends = [network.cut(from, to), network.cut(to, from)];
    ground.mendLater(strike.everyMs, () => {
      runAll(mends);
      if (!ground.isOver) ground.later(strike.everyMs, down);
    });
  };
  down();
  return true;
}

export function slowLink(ground: Ground, strike: SlowLink): boolean {
  const ends = endsOf(ground, strike);
  if (ends === undefined) return false;
  const [from, to] = ends;
  ground.log(from, `frames to ${to} take ${strike.delayMs} ms longer`);
  const mend = ground.cluster.network.slow(from, to, strike.delayMs);
  ground.mendLater(strike.lastsMs, mend);
  return true;
}

export function weather(ground: Ground, strike: Weather): boolean {
  const { network } = ground.cluster;
  const { delayMsMax, lossPer10k, duplicatePer10k, reorder } = strike;
  const delayMs = { from: 1, to: delayMsMax };
  const bad = { delayMs, lossPer10k, duplicatePer10k, reorder };
  ground.log(undefined, "bad weather");
  network.faults = bad;
  ground.mendLater(strike.lastsMs, () => {
    if (network.faults === bad) network.faults = ground.calmNetwork;
  });
  return true;
}

export function breakConnections(ground: Ground, strike: BreakConnections): boolean {
  const id = ground.resolve(strike.victim, strike.atMs);
  if (id === undefined || !ground.cluster.isUp(id)) return false;
  ground.log(id, "connections break");
  ground.cluster.network.breakConnections(id);
  return true;
}

function endsOf(
  ground: Ground,
  strike: { readonly from: number; readonly to: number },
): readonly [NodeId, NodeId] | undefined {
  const { ids } = ground.cluster;
  const from = ids.find((id) => id === strike.from);
  const to = ids.find((id) => id === strike.to);
  return from === undefined || to === undefined || from === to ? undefined : [from, to];
}

function cutBetween(
  ground: Ground,
  one: readonly NodeId[],
  other: readonly NodeId[],
): (() => void)[] {
  const { network } = ground.cluster;
  return one.flatMap((a) => other.flatMap((b) => [network.cut(a, b), network.cut(b, a)]));
}

function runAll(mends: readonly (() => void)[]): void {
  for (const mend of mends) mend();
}
