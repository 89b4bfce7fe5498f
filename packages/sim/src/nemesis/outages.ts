/** Processes that end, stand still or come back, whose disks keep what they promised. */
import type { NodeId } from "@kqueuey/base";
import type { CrashKind } from "../disk.ts";
import type { Ground } from "./ground.ts";
import type { Crash, Pause, PowerCut, RollingRestart, Stall } from "./strike.ts";

/** How long a node that is asked to stop may take, ms. */
const GRACE_MS = 300;
/** How long the next node of a rolling restart waits for the one before, ms. */
const TURN_MS = 300;

export function crash(ground: Ground, strike: Crash): boolean {
  const id = ground.victim(strike);
  if (id === undefined) return false;
  const { cluster } = ground;
  const kind: CrashKind = strike.power ? "power" : "process";
  const process = cluster.process(id);
  if (strike.effect === 0) cluster.crash(id, kind);
  else {
    ground.log(id, `will crash at effect ${strike.effect}`);
    cluster.crashAtEffect(id, strike.effect, kind);
  }
  ground.fail(id, strike.lastsMs, () => {
    process?.disarm();
    ground.restart(id);
  });
  return true;
}

export function pause(ground: Ground, strike: Pause): boolean {
  const id = ground.victim(strike);
  if (id === undefined) return false;
  ground.cluster.pause(id);
  ground.fail(id, strike.lastsMs, () => ground.cluster.resume(id));
  return true;
}

export function stall(ground: Ground, strike: Stall): boolean {
  const id = ground.victim(strike);
  const process = id === undefined ? undefined : ground.cluster.process(id);
  if (id === undefined || process === undefined) return false;
  ground.log(id, `stalls for ${strike.lastsMs} ms before ${strike.before}`);
  if (strike.before === "answer") process.stallBeforeAnswer(strike.lastsMs);
  else process.stallBeforeStep(strike.lastsMs);
  // An answer may be long in coming; a node that stalls unexpectedly later is no worse than a slow one.
  ground.fail(id, strike.lastsMs, () => undefined);
  return true;
}

export function powerCut(ground: Ground, strike: PowerCut): boolean {
  if (ground.budget.failed > 0) return false;
  const { cluster } = ground;
  ground.log(undefined, "power cut");
  cluster.ids.forEach((id, ordinal) => {
    cluster.crash(id, "power");
    // Each comes back at its own time; the order differs from cut to cut.
    const turn = ((ordinal * 3 + strike.atMs) % cluster.ids.length) + 1;
    const lastsMs = Math.ceil((strike.lastsMs * turn) / cluster.ids.length);
    ground.fail(id, lastsMs, () => ground.restart(id));
  });
  return true;
}

/** Every node in turn; one that is failed, or may not fail at its turn, is left out. */
export function rollingRestart(ground: Ground, strike: RollingRestart): boolean {
  if (ground.budget.failed > 0) return false;
  const turn = (at: number): void => {
    const id = ground.cluster.ids[at];
    if (id === undefined) return;
    if (ground.victim({ victim: id, atMs: strike.atMs }) === undefined) {
      turn(at + 1);
      return;
    }
    const downMs = strike.grace ? GRACE_MS + strike.lastsMs : strike.lastsMs;
    if (strike.grace) stop(ground, id);
    else ground.cluster.crash(id, "process");
    const process = strike.grace ? ground.cluster.process(id) : undefined;
    ground.fail(id, downMs, () => {
      // With grace it may still be up: it is gone now, as when a supervisor loses its patience.
      if (process !== undefined && ground.cluster.process(id) === process) {
        ground.cluster.crash(id, "process");
      }
      ground.restart(id);
    });
    ground.later(downMs + TURN_MS, () => {
      if (!ground.isOver) turn(at + 1);
    });
  };
  turn(0);
  return true;
}

/** Asks the process to stop: it hands over what it leads, writes what it took, and is gone. */
function stop(ground: Ground, id: NodeId): void {
  const process = ground.cluster.process(id);
  ground.log(id, "asked to stop");
  process?.engine.beginStop();
  ground.later(GRACE_MS / 2, () => {
    if (ground.cluster.process(id) !== process || process === undefined) return;
    process.engine.stop(() => {
      if (ground.cluster.process(id) === process) ground.cluster.crash(id, "process");
    });
  });
}
