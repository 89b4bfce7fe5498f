/** The record in words and tables: for the terminal, and for the page of the docs. */
import type { FaultKind, FaultRecord } from "./faults.ts";
import type { Sample } from "./sample.ts";
import { median } from "./trend.ts";
import type { Judgement } from "./verdict.ts";

export interface Result {
  readonly seed: number;
  readonly minutes: number;
  readonly machine: string;
  readonly commit: string;
  readonly at: string;
  readonly clients: number;
  readonly rate: number;
  readonly backlog: number;
  readonly bodyBytes: number;
  readonly acknowledged: number;
  readonly tombstoned: number;
  readonly deliveries: number;
  /** Messages of sends whose fate was never learnt, and calls that failed after their retries. */
  readonly failures: number;
  readonly lost: number;
  readonly risen: number;
  readonly strangers: number;
  /** Messages that were still in the queue at the end. */
  readonly left: number;
  readonly elections: number;
  readonly faults: readonly FaultRecord[];
  readonly samples: readonly Sample[];
  /** Empty when the run was too short to say. */
  readonly judgements: readonly Judgement[];
}

/** What is wrong, in words; empty when nothing is. */
export function complaints(result: Result): readonly string[] {
  const counts: readonly (readonly [number, string])[] = [
    [result.lost, "acknowledged messages were never delivered"],
    [result.risen, "deliveries came after their message's tombstone"],
    [result.strangers, "deliveries were of messages that nobody sent"],
    [result.left, "messages could not be drained"],
  ];
  return [
    ...counts.flatMap(([count, what]) => (count === 0 ? [] : [`${count} ${what}`])),
    ...result.judgements
      .filter(({ holds }) => !holds)
      .map(
        ({ what, unit, trend }) =>
          `${what} grows: ${inUnit(trend.growth, unit)} in the second half`,
      ),
  ];
}

/** Tables in Markdown: they read well in a terminal too. */
export function describeResult(result: Result): string {
  return [
    table(["What", "Value"], countRows(result)),
    "",
    table(["Fault", "Times", "Healed after (median)", "Healed after (longest)"], faultRows(result)),
    "",
    result.judgements.length === 0
      ? "The run was too short to say whether anything grows."
      : table(
          ["What", "Level", "Growth in the second half", "Bound", "Holds"],
          result.judgements.map(judgementRow),
        ),
  ].join("\n");
}

/** The page of the docs. `plot` is the path of the SVG from there. */
export function describePage(result: Result, plot: string): string {
  const { at, commit, minutes, seed, machine } = result;
  return [
    ABOUT,
    "## The last run",
    `${at}, commit ${commit}, ${minutes} minutes, seed ${seed}, on ${machine}, which also ran the load.`,
    describeLoad(result),
    `**${describeVerdict(result)}**`,
    describeResult(result),
    `![Throughput, latency, memory, disk and more over time](${plot})\n`,
  ].join("\n\n");
}

const ABOUT = `# The soak

\`npm run soak -- --minutes M\` runs a real cluster of three nodes under constant load and faults, and asks what only time
shows: does memory, a count of file descriptors, the disk or the latency grow without bound, and is anything lost or
delivered after its tombstone. The code is in \`soak/\`; this page is written by \`--write-docs\`.
Latencies are those of a machine that may be busy with other work; numbers of a quiet one are in
[benchmarks](../benchmarks.md).

## How it is judged

- The load is an open loop: clients send at a fixed rate whatever the answers do, and workers leave a standing backlog.
  Every message has a number in its body, and a ledger of a few bytes for each says what became of it.
- Faults come one at a time, the next one when the cluster has healed. In the first half any node is killed (kill -9),
  paused or wiped, and all are restarted at once. In the second half one node goes on being killed and wiped; the
  processes of the other two are paused at most, so that a leak has the time to show.
- What is judged is the second half. The slope is Theil and Sen's (the median of the slopes between all pairs of
  points), because checkpoints, garbage collections and faults make points that a least-squares line would follow. The
  slope over the whole window must come to no more than a part of the level and a fixed amount: growth without bound
  is in proportion to time and passes any such bound, a level that sways does not. Memory and descriptors are judged
  for the processes that lived through all of it; of the heap, the least of every six samples.
- At the end the queue is drained. Lost: acknowledged and never delivered. Delivered after its tombstone: with a higher
  fencing token than the delivery whose tombstone was effective.`;

function describeLoad({ clients, rate, bodyBytes, backlog }: Result): string {
  const load = `${clients} clients sent ${rate} messages a second of ${bodyBytes} bytes`;
  return `${load}; ${whole(backlog)} messages were left waiting.`;
}

function describeVerdict(result: Result): string {
  const wrong = complaints(result);
  if (wrong.length > 0) return wrong.join("; ");
  const grew = result.judgements.length === 0 ? "" : ", nothing grew";
  return `Nothing was lost, nothing came back${grew}.`;
}

function countRows(result: Result): string[][] {
  const latencies = (read: (sample: Sample) => number | undefined): string => {
    const values = result.samples.flatMap((sample) => read(sample) ?? []);
    return values.length === 0 ? "–" : `${median(values).toFixed(1)} ms`;
  };
  return [
    ["messages acknowledged", whole(result.acknowledged)],
    ["deliveries", whole(result.deliveries)],
    ["messages tombstoned", whole(result.tombstoned)],
    ["calls and sends without a good answer", whole(result.failures)],
    ["acknowledged and lost", whole(result.lost)],
    ["delivered after the tombstone", whole(result.risen)],
    ["delivered and never sent", whole(result.strangers)],
    ["elections", whole(result.elections)],
    ["send latency, median of the medians", latencies(({ p50Ms }) => p50Ms)],
    ["send latency, median of the 99th percentiles", latencies(({ p99Ms }) => p99Ms)],
  ];
}

function faultRows({ faults }: Result): string[][] {
  const kinds = [...new Set(faults.map(({ kind }) => kind))];
  return kinds.map((kind: FaultKind) => {
    const healed = faults
      .filter((fault) => fault.kind === kind)
      .map(({ atS, healedAtS }) => healedAtS - atS);
    const longest = Math.max(...healed);
    return [
      kind,
      whole(healed.length),
      `${median(healed).toFixed(1)} s`,
      `${longest.toFixed(1)} s`,
    ];
  });
}

function judgementRow({ what, unit, trend, bound, holds }: Judgement): string[] {
  const most = trend.level * bound.ofLevel + bound.plus;
  return [
    what,
    inUnit(trend.level, unit),
    inUnit(trend.growth, unit),
    inUnit(most, unit),
    holds ? "yes" : "**no**",
  ];
}

function inUnit(value: number, unit: Judgement["unit"]): string {
  return `${value.toFixed(1)} ${unit}`.trim();
}

function whole(value: number): string {
  return value.toLocaleString("en-US");
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}
