/** The workloads, by the names of docs/benchmarks.md, and which systems take part in each. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Figures, Work } from "./assignment.ts";
import { kqueuey, kqueueyWith } from "./systems/kqueuey.ts";
import { natsSystems } from "./systems/nats.ts";
import { rabbitmq } from "./systems/rabbitmq.ts";
import { singleSystems } from "./systems/single.ts";
import type { Running, System, Tuning } from "./systems/system.ts";
import { onSystem, runLoad, runTrial } from "./trial.ts";

export const SYSTEMS: readonly System[] = [kqueuey, ...natsSystems, rabbitmq, ...singleSystems];

export interface Settings {
  readonly seconds: number;
  readonly warmUpSeconds: number;
  /** How many messages wait in the growth workload, in steps. */
  readonly growth: readonly number[];
}

/** One row of the plan: a workload in one size, run on each of its systems. */
export interface Workload {
  readonly name: string;
  readonly title: string;
  readonly bodyBytes: number;
  takes(system: System): boolean;
  run(system: System, tuning: Tuning, settings: Settings): Promise<Figures>;
  /** The figure that is compared, and whether more of it is better. */
  readonly figure: string;
  readonly unit: string;
  readonly moreIsBetter: boolean;
  /** Whether batches and windows are swept first. */
  readonly swept: boolean;
}

const WINDOW = 20_000;
const FILLED = 200_000;

export function workloads(): readonly Workload[] {
  return [
    throughputAt(128),
    throughputAt(1_024),
    load({
      name: "W1b",
      title: `fill ${FILLED}, then drain`,
      takes: everybody,
      figure: "drainPerSecond",
      warmUpSeconds: 0,
      work: () => ({ kind: "fill-drain", messages: FILLED }),
    }),
    load({
      name: "W2",
      title: "latency at 500 messages/s, open loop",
      takes: everybody,
      figure: "confirmP99Ms",
      unit: "ms",
      moreIsBetter: false,
      // At this rate engines with a compiler of their own take some seconds to be as fast as they stay.
      warmUpSeconds: 8,
      work: ({ seconds }) => ({ kind: "latency", seconds, rate: 500 }),
    }),
    load({
      name: "W3",
      title: "64 callers, one message a call",
      takes: everybody,
      figure: "perSecond",
      work: ({ seconds }) => ({ kind: "callers", seconds, callers: 64 }),
    }),
    load({
      name: "W4",
      title: "kill -9 of the leader at 2,000 messages/s",
      takes: replicated,
      figure: "confirmPauseMs",
      unit: "ms",
      moreIsBetter: false,
      warmUpSeconds: 4,
      work: () => ({ kind: "failover", seconds: 20, rate: 2_000 }),
    }),
    growthAt128(),
    ...[1, 100, 10_000].map((queues) =>
      load({
        name: "W6",
        title: `${queues} queues`,
        takes: ownOnly,
        figure: "perSecond",
        work: ({ seconds }) => ({ kind: "queues", seconds, queues }),
      }),
    ),
    sqsCalls("W7", "raw", false),
    sqsCalls("W7b", "raw", true),
    sqsCalls("W7c", "sdk", false),
    sqsCalls("W7d", "sdk", true),
  ];
}

const SQS_CALLERS = 64;
/** Ten messages each: as many as may be in flight in the service's profile, and some room. */
const SQS_CALLS = 10_000;
const SQS_BODY_BYTES = 128;

/** The SQS API on the leader, by bare HTTP or by the SDK, with signatures checked or not. */
function sqsCalls(name: string, generator: "raw" | "sdk", signed: boolean): Workload {
  const how = generator === "raw" ? "bare HTTP" : "@aws-sdk/client-sqs";
  const credentials = { accessKeyId: "BENCH", secretAccessKey: "secret" };
  const server = kqueueyWith((folder) => {
    if (!signed) return [];
    const file = join(folder, "access-keys.yaml");
    writeFileSync(file, `${credentials.accessKeyId}: ${credentials.secretAccessKey}\n`);
    return ["--auth", "keys", "--access-keys-file", file];
  });
  return {
    name,
    title: `SQS, ${SQS_CALLERS} callers, ${how}, signatures ${signed ? "checked" : "not checked"}`,
    bodyBytes: SQS_BODY_BYTES,
    takes: ownOnly,
    figure: "sendBatchLeaderCpuMicros",
    unit: "µs a call",
    moreIsBetter: false,
    swept: false,
    run: (_system, tuning) =>
      runTrial({
        system: server,
        tuning,
        bodyBytes: SQS_BODY_BYTES,
        warmUpSeconds: 0,
        work: {
          kind: "sqs",
          callers: SQS_CALLERS,
          calls: SQS_CALLS,
          generator,
          ...(signed ? { credentials } : {}),
        },
      }),
  };
}

const everybody = (): boolean => true;
const replicated = (system: System): boolean =>
  ["kqueuey", "nats", "rabbitmq"].includes(system.name);
const ownOnly = (system: System): boolean => system.name === "kqueuey";

interface LoadWorkload extends Pick<Workload, "name" | "title" | "takes" | "figure"> {
  /** 128 unless told. */
  readonly bodyBytes?: number;
  readonly unit?: string;
  readonly moreIsBetter?: boolean;
  readonly swept?: boolean;
  /** As the settings say unless told. */
  readonly warmUpSeconds?: number;
  work(settings: Settings): Work;
}

/** A workload that is one load on a fresh cluster. */
function load(about: LoadWorkload): Workload {
  const bodyBytes = about.bodyBytes ?? 128;
  return {
    name: about.name,
    title: `${about.title}, ${bodyBytes} B`,
    bodyBytes,
    takes: about.takes,
    figure: about.figure,
    unit: about.unit ?? "messages/s",
    moreIsBetter: about.moreIsBetter ?? true,
    swept: about.swept ?? false,
    run: (system, tuning, settings) => {
      const warmUpSeconds = about.warmUpSeconds ?? settings.warmUpSeconds;
      return runTrial({ system, tuning, bodyBytes, warmUpSeconds, work: about.work(settings) });
    },
  };
}

function throughputAt(bodyBytes: number): Workload {
  return load({
    name: "W1",
    title: "send, receive and acknowledge at once",
    bodyBytes,
    takes: everybody,
    figure: "perSecond",
    swept: true,
    work: ({ seconds }) => ({ kind: "throughput", seconds, window: WINDOW }),
  });
}

function growthAt128(): Workload {
  return {
    name: "W5",
    title: "growth: rate, memory and restart with messages waiting, 128 B",
    bodyBytes: 128,
    takes: ownOnly,
    figure: "rateRatio",
    unit: "",
    moreIsBetter: true,
    swept: false,
    run: (system, tuning, settings) =>
      onSystem(system, (running) => grow(running, tuning, settings)),
  };
}

/** Rates with ever more messages waiting, then the largest backlog's memory and restart. */
async function grow(running: Running, tuning: Tuning, settings: Settings): Promise<Figures> {
  const figures: Record<string, number> = {};
  const common = { tuning, bodyBytes: 128, warmUpSeconds: settings.warmUpSeconds };
  let waiting = 0;
  let empty = 0;
  for (const target of settings.growth) {
    if (target > waiting) {
      await runLoad(running, { ...common, work: { kind: "fill", messages: target - waiting } });
      waiting = target;
    }
    const { seconds } = settings;
    const work = { kind: "throughput", seconds, window: WINDOW } as const;
    const { perSecond = 0, residentMiB = 0 } = await runLoad(running, { ...common, work });
    if (target === 0) empty = perSecond;
    figures[`perSecondAt${target}`] = perSecond;
    figures[`residentMiBAt${target}`] = residentMiB;
    if (empty > 0) figures["rateRatio"] = perSecond / empty;
  }
  figures["restartMs"] = await running.restart();
  return figures;
}
