/**
 * A load process. It is told what to do by its parent's first message and answers with what it
 * measured. It uses the client, as a program of any user would.
 */
import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { type Client, createClient, type Queue } from "@kqueuey/client";
import hdr from "hdr-histogram-js";
import { type Assignment, type Measured, toAssignment } from "./assignment.ts";

const SENDERS = 8;
const RECEIVERS = 8;
const BODY_POOL_BYTES = 1_048_576;

process.once("message", (value) => {
  void main(toAssignment(value)).then(
    (measured) => answer(measured),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});

async function main(assignment: Assignment): Promise<Measured> {
  const { endpoints, queue: name } = assignment;
  const client = createClient({ endpoints, name: "bench", timeoutMs: 60_000 });
  try {
    return await measure(client, client.queue(name), assignment);
  } finally {
    await client.close();
  }
}

async function measure(client: Client, queue: Queue, assignment: Assignment): Promise<Measured> {
  switch (assignment.kind) {
    case "throughput":
      return await throughput(queue, assignment);
    case "latency":
      return await latency(queue, assignment);
    case "fill":
      return await fill(client, queue, assignment);
  }
}

function answer(measured: Measured): void {
  process.send?.(measured, undefined, {}, () => process.disconnect());
}

/**
 * Sends, receives and tombstones at once, for a while; what counts is what went all the way. Senders
 * wait when they are `window` messages ahead of the tombstones, so that the queue stays short.
 */
async function throughput(
  queue: Queue,
  { seconds, warmUpSeconds, batch, bodyBytes, window }: Assignment,
): Promise<Measured> {
  const bodies = bodySource(bodyBytes);
  let sent = 0;
  let done = 0;
  let running = true;
  const send = async (): Promise<void> => {
    while (running) {
      if (sent - done > window) {
        await pause(1);
        continue;
      }
      sent += batch;
      await queue.sendBatch(Array.from({ length: batch }, bodies));
    }
  };
  const work = async (): Promise<void> => {
    while (running) {
      const messages = await queue.receive({ maxMessages: batch, waitMs: 200 });
      if (messages.length === 0) continue;
      const outcomes = await queue.tombstone(messages);
      done += outcomes.filter(({ outcome }) => outcome === "effective").length;
    }
  };
  const loops = [
    ...Array.from({ length: SENDERS }, send),
    ...Array.from({ length: RECEIVERS }, work),
  ];
  await pause(warmUpSeconds * 1_000);
  const [doneBefore, startedMs] = [done, performance.now()];
  await pause(seconds * 1_000);
  const messages = done - doneBefore;
  const tookMs = performance.now() - startedMs;
  running = false;
  await Promise.all(loops);
  return { kind: "throughput", messages, tookMs };
}

/**
 * Sends single messages at a fixed rate whatever the answers do (open loop), and measures each from the
 * moment at which it was due: a stall counts for every message that it held up.
 */
async function latency(
  queue: Queue,
  { seconds, warmUpSeconds, rate, bodyBytes, batch }: Assignment,
): Promise<Measured> {
  const bodies = bodySource(bodyBytes);
  const histogram = hdr.build({ lowestDiscernibleValue: 1, highestTrackableValue: 60_000_000 });
  let running = true;
  const drain = async (): Promise<void> => {
    while (running) {
      const messages = await queue.receive({ maxMessages: batch, waitMs: 200 });
      if (messages.length > 0) await queue.tombstone(messages);
    }
  };
  const draining = drain();
  const startedMs = performance.now();
  const skipped = warmUpSeconds * rate;
  const count = skipped + seconds * rate;
  const pending: Promise<void>[] = [];
  for (let index = 0; index < count; index += 1) {
    const dueMs = startedMs + (index * 1_000) / rate;
    while (performance.now() < dueMs) await pause(Math.max(0, dueMs - performance.now() - 1));
    const sending = queue.send(bodies()).then(() => {
      const micros = Math.max(1, Math.round((performance.now() - dueMs) * 1_000));
      if (index >= skipped) histogram.recordValue(micros);
    });
    pending.push(sending);
  }
  await Promise.all(pending);
  running = false;
  await draining;
  return {
    kind: "latency",
    messages: histogram.totalCount,
    p50Ms: histogram.getValueAtPercentile(50) / 1_000,
    p99Ms: histogram.getValueAtPercentile(99) / 1_000,
    p999Ms: histogram.getValueAtPercentile(99.9) / 1_000,
    maxMs: histogram.maxValue / 1_000,
  };
}

/** Sends until `messages` wait in the queue. */
async function fill(
  client: Client,
  queue: Queue,
  { messages, bodyBytes, batch }: Assignment,
): Promise<Measured> {
  const bodies = bodySource(bodyBytes);
  const startedMs = performance.now();
  let sent = 0;
  const send = async (): Promise<void> => {
    while (sent < messages) {
      const size = Math.min(batch, messages - sent);
      sent += size;
      await queue.sendBatch(Array.from({ length: size }, bodies));
    }
  };
  await Promise.all(Array.from({ length: SENDERS }, send));
  const { available } = await client.describeQueue(queue.name);
  return { kind: "fill", messages: available, tookMs: performance.now() - startedMs };
}

/** Bodies of random bytes: nothing on the way can compress or recognise them. */
function bodySource(bytes: number): () => Uint8Array {
  const pool = randomBytes(BODY_POOL_BYTES);
  let at = 0;
  return () => {
    at = at + bytes > pool.length - bytes ? (at + 7) % bytes : at + bytes;
    return pool.subarray(at, at + bytes);
  };
}
