/** Results of a run: every figure of every trial, medians, and ratios against KQueuey. */
import type { Figures } from "./assignment.ts";
import type { Machine } from "./machine.ts";
import type { Workload } from "./plan.ts";
import type { System } from "./systems/system.ts";

export interface Result {
  readonly workload: string;
  readonly title: string;
  readonly bodyBytes: number;
  readonly system: string;
  readonly variant: string;
  readonly metric: string;
  readonly unit: string;
  readonly median: number;
  readonly runs: readonly number[];
}

export interface Results {
  readonly machine: Machine;
  readonly commit: string;
  readonly configuration: Readonly<Record<string, unknown>>;
  readonly results: readonly Result[];
  readonly skipped: readonly { readonly system: string; readonly why: string }[];
}

/** The results of all trials of one workload on one system. */
export function summarize(
  workload: Workload,
  system: System,
  trials: readonly Figures[],
): Result[] {
  const metrics = new Set(trials.flatMap((figures) => Object.keys(figures)));
  return [...metrics].map((metric) => {
    const runs = trials.flatMap((figures) => figures[metric] ?? []);
    return {
      workload: workload.name,
      title: workload.title,
      bodyBytes: workload.bodyBytes,
      system: system.name,
      variant: system.variant,
      metric,
      unit: unitOf(metric),
      median: median(runs),
      runs,
    };
  });
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
}

function unitOf(metric: string): string {
  if (/CallsPerSecond$/.test(metric)) return "calls/s";
  if (/CpuMicros$/.test(metric)) return "µs a call";
  if (/PerSecond|^perSecond/.test(metric)) return "messages/s";
  if (/CpuPerMillion/.test(metric)) return "CPU s per million";
  if (/MiB/.test(metric)) return "MiB";
  if (/Ms$|Stall|Work$|loopDelay/.test(metric)) return "ms";
  return "";
}
