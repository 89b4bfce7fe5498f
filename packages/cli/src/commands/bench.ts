/** `kqueuey bench`: a simple load, to see that a cluster is well and about how fast it is. */
import { randomFillSync } from "node:crypto";
import type { Client, Message, Queue } from "@kqueuey/client";
import { KQueueyError } from "@kqueuey/contract";
import type { Command } from "commander";
import {
  addClusterOptions,
  type ClusterOptions,
  Finished,
  print,
  withClient,
} from "../cluster-command.ts";
import type { CliContext } from "../context.ts";
import { EXIT_CODE } from "../exit-code.ts";
import { Latencies } from "../latencies.ts";
import { formatCount, renderTable } from "../render/table.ts";
import { countParser, parseSize } from "../values.ts";

interface Options extends ClusterOptions {
  readonly messages: number;
  readonly size: number;
  readonly batch: number;
  readonly queue: string;
  readonly inFlight: number;
  readonly keep?: boolean;
}

/** A receive waits so long; so many empty ones in a row mean that messages are missing. */
const WAIT_MS = 2_000;
const EMPTY_RECEIVES_MAX = 15;

export function addBench(parent: Command, context: CliContext): void {
  const command = parent
    .command("bench")
    .summary("send, receive and delete messages as fast as the cluster does")
    .description(
      "Sends messages of random bytes, receives and deletes them at the same time, and prints rates " +
        "and latencies of the calls. The queue is created, and deleted afterwards.",
    )
    .option("--messages <count>", "how many", countParser(1, 1_000_000_000), 100_000)
    .option("--size <bytes>", "bytes of a body: 1 to 1MiB", parseSize, 128)
    .option("--batch <count>", "messages a call: 1 to 1000", countParser(1, 1_000), 100)
    .option("--in-flight <count>", "calls of each kind at a time", countParser(1, 256), 16)
    .option("--queue <name>", "the queue", "kqueuey-bench")
    .option("--keep", "keep the queue");
  addClusterOptions(command, [
    "kqueuey bench",
    "kqueuey bench --messages 1000000 --size 1KiB --batch 10",
  ]).action((options: Options) =>
    withClient(context, options, (client) => bench(context, client, options)),
  );
}

interface Run {
  readonly queue: Queue;
  readonly options: Options;
  readonly nowMs: () => number;
  readonly signal: AbortSignal;
  /** Aborted when every message was received: the polls that still wait need not. */
  readonly allReceived: AbortController;
  readonly send: Latencies;
  readonly receive: Latencies;
  readonly tombstone: Latencies;
  toSend: number;
  sent: number;
  received: number;
  tombstoned: number;
}

async function bench(context: CliContext, client: Client, options: Options): Promise<void> {
  const { created } = await client.createQueue(options.queue, { signal: context.signal });
  const run: Run = {
    queue: client.queue(options.queue),
    options,
    nowMs: context.nowMs,
    signal: context.signal,
    allReceived: new AbortController(),
    send: new Latencies(),
    receive: new Latencies(),
    tombstone: new Latencies(),
    toSend: options.messages,
    sent: 0,
    received: 0,
    tombstoned: 0,
  };
  try {
    report(context, run, await runLoops(run));
  } finally {
    if (created && options.keep !== true) await client.deleteQueue(options.queue);
  }
}

interface Times {
  readonly sendSeconds: number;
  readonly totalSeconds: number;
}

async function runLoops(run: Run): Promise<Times> {
  const { inFlight } = run.options;
  const startedAtMs = run.nowMs();
  let sentAtMs = startedAtMs;
  const workers = Array.from({ length: inFlight }, () => receiveLoop(run));
  const senders = Array.from({ length: inFlight }, () => sendLoop(run));
  const sent = Promise.all(senders).then(() => {
    sentAtMs = run.nowMs();
  });
  await Promise.all([...workers, sent]);
  return {
    sendSeconds: (sentAtMs - startedAtMs) / 1_000,
    totalSeconds: (run.nowMs() - startedAtMs) / 1_000,
  };
}

async function sendLoop(run: Run): Promise<void> {
  const { options } = run;
  while (run.toSend > 0) {
    const count = Math.min(run.toSend, options.batch);
    run.toSend -= count;
    const bytes = randomFillSync(new Uint8Array(count * options.size));
    const messages = Array.from({ length: count }, (_, index) =>
      bytes.subarray(index * options.size, (index + 1) * options.size),
    );
    const startedAtMs = run.nowMs();
    const { sent } = await run.queue.sendBatch(messages, { signal: run.signal });
    run.send.record(run.nowMs() - startedAtMs);
    run.sent += sent;
  }
}

async function receiveLoop(run: Run): Promise<void> {
  const { options, queue, signal } = run;
  let empty = 0;
  while (run.received < options.messages && empty < EMPTY_RECEIVES_MAX) {
    const startedAtMs = run.nowMs();
    const messages = await receive(run);
    if (messages.length === 0) {
      empty += 1;
      continue;
    }
    empty = 0;
    const receivedAtMs = run.nowMs();
    run.receive.record(receivedAtMs - startedAtMs);
    run.received += messages.length;
    if (run.received >= options.messages) run.allReceived.abort();
    const outcomes = await queue.tombstone(messages, { signal });
    run.tombstone.record(run.nowMs() - receivedAtMs);
    run.tombstoned += outcomes.filter((outcome) => outcome.outcome === "effective").length;
  }
}

/** One poll; empty, too, when the others have received all. */
async function receive(run: Run): Promise<readonly Message[]> {
  const { allReceived } = run;
  const signal = AbortSignal.any([run.signal, allReceived.signal]);
  try {
    return await run.queue.receive({ maxMessages: run.options.batch, waitMs: WAIT_MS, signal });
  } catch (error) {
    if (allReceived.signal.aborted && KQueueyError.is(error) && error.code === "CANCELLED")
      return [];
    throw error;
  }
}

function report(context: CliContext, run: Run, times: Times): void {
  const rows = [
    { what: "send", count: run.sent, seconds: times.sendSeconds, latencies: run.send },
    { what: "receive", count: run.received, seconds: times.totalSeconds, latencies: run.receive },
    {
      what: "tombstone",
      count: run.tombstoned,
      seconds: times.totalSeconds,
      latencies: run.tombstone,
    },
  ].map(({ what, count, seconds, latencies }) => ({
    what,
    messages: count,
    messagesPerSecond: Math.round(count / Math.max(seconds, 0.001)),
    p50Ms: latencies.percentile(50),
    p99Ms: latencies.percentile(99),
    maxMs: latencies.percentile(100),
  }));
  const { messages, size, batch } = run.options;
  const text = renderTable(
    [
      { title: "call" },
      { title: "messages", align: "right" },
      { title: "messages/s", align: "right" },
      { title: "p50 ms", align: "right" },
      { title: "p99 ms", align: "right" },
      { title: "max ms", align: "right" },
    ],
    rows.map((row) => [
      row.what,
      formatCount(row.messages),
      formatCount(row.messagesPerSecond),
      row.p50Ms.toFixed(1),
      row.p99Ms.toFixed(1),
      row.maxMs.toFixed(1),
    ]),
  );
  const seconds = times.totalSeconds.toFixed(1);
  const head = `${formatCount(messages)} messages of ${size} bytes, ${batch} a call, in ${seconds} s\n\n`;
  const json = { messages, size, batch, seconds: times.totalSeconds, calls: rows };
  print(context, run.options, { json, text: `${head}${text}` });
  if (run.tombstoned >= messages) return;
  context.err(`kqueuey: ${formatCount(messages - run.tombstoned)} messages did not come back\n`);
  throw new Finished(EXIT_CODE.refused);
}
