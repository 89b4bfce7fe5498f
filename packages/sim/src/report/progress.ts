/** How far a campaign has come, in numbers and in one line. */

export interface Tally {
  /** Plans that were run. */
  readonly plans: number;
  /** Simulated runs, more than plans when each runs twice. */
  readonly runs: number;
  readonly failures: number;
  readonly acknowledged: number;
  readonly tombstones: number;
  readonly faults: number;
  readonly virtualMs: number;
  /** Events of simulated worlds, first runs only. */
  readonly steps: number;
  /** Real ms inside of runs, summed over threads. */
  readonly threadMs: number;
}

export const NO_TALLY: Tally = {
  plans: 0,
  runs: 0,
  failures: 0,
  acknowledged: 0,
  tombstones: 0,
  faults: 0,
  virtualMs: 0,
  steps: 0,
  threadMs: 0,
};

const HOUR_MS = 3_600_000;

/** `leftMs`: what is thought to be left; undefined when nobody knows. */
export function describeProgress(
  tally: Tally,
  elapsedMs: number,
  leftMs: number | undefined,
): string {
  const seconds = Math.max(0.001, elapsedMs / 1_000);
  const parts = [
    `${span(elapsedMs)}: ${count(tally.plans)} runs (${(tally.plans / seconds).toFixed(1)}/s)`,
    `${count(tally.steps / seconds)} events/s`,
    `${(tally.virtualMs / HOUR_MS).toFixed(2)} virtual hours`,
    `${tally.failures} failures`,
  ];
  if (leftMs !== undefined) parts.push(`${span(leftMs)} left`);
  return parts.join(", ");
}

/** The sum at the end. */
export function describeTally(tally: Tally, elapsedMs: number): string[] {
  const virtualHours = tally.virtualMs / HOUR_MS;
  const perThread = (tally.steps * (tally.runs / Math.max(1, tally.plans))) / tally.threadMs;
  return [
    `${count(tally.plans)} plans in ${span(elapsedMs)}, ${virtualHours.toFixed(2)} virtual hours, ` +
      `${count(tally.faults)} faults, ${count(tally.acknowledged)} acknowledged sends, ` +
      `${count(tally.tombstones)} tombstones`,
    `${count(tally.steps)} simulated events, ${count((tally.steps * 1_000) / elapsedMs)} a second, ` +
      `${count(Math.round(perThread * 1_000))} a second and thread`,
  ];
}

/** Whole numbers with commas. */
function count(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

function span(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3_600)} h ${Math.floor((seconds % 3_600) / 60)} min`;
}
