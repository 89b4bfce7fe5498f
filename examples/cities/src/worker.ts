/** Polls batches of records, computes something of each, and sends their tombstones. */
import { setTimeout as pause } from "node:timers/promises";
import { createClient, type Message, type Queue } from "@kqueuey/client";
import type { TombstoneOutcome } from "./ledger.ts";
import { assignment, type Body, nowMs, report } from "./messages.ts";

const BATCH = 250;
const LOOPS = 2;
const RETRY_MS = 200;

const { endpoints, queue: name } = await assignment();
const stopping = new AbortController();
process.on("message", (value) => {
  if (value === "stop") stopping.abort();
});
const client = createClient({ endpoints, name: "cities-worker", timeoutMs: 60_000 });
const queue = client.queue(name);

await Promise.all(Array.from({ length: LOOPS }, () => work(queue)));
await client.close();
await report({ kind: "done" });
process.disconnect();

async function work(from: Queue): Promise<void> {
  while (!stopping.signal.aborted) {
    const messages = await poll(from);
    if (messages.length === 0) continue;
    const receivedAtMs = nowMs();
    const bodies = messages.map((message) => decode(message.json()));
    const outcomes = await finish(from, messages);
    await report({
      kind: "worked",
      records: bodies.map((body) => body.record),
      messageIds: messages.map((message) => message.id),
      receiveCounts: messages.map((message) => message.receiveCount),
      fencingTokens: messages.map((message) => message.fencingToken),
      outcomes,
      countries: bodies.map((body) => body.country),
      populations: bodies.map((body) => body.population),
      receivedAtMs,
      answeredAtMs: nowMs(),
    });
  }
}

async function poll(from: Queue): Promise<Message[]> {
  try {
    return await from.receive({ maxMessages: BATCH, waitMs: 1_000 });
  } catch {
    // The client has retried for a minute: no majority is up. Somebody may be working on that.
    await pause(RETRY_MS);
    return [];
  }
}

/** A tombstone without an answer is unknown; if it had no effect, the message comes again. */
async function finish(from: Queue, messages: readonly Message[]): Promise<TombstoneOutcome[]> {
  try {
    const outcomes = await from.tombstone(messages);
    return outcomes.map(({ outcome }) => (outcome === "error" ? "unknown" : outcome));
  } catch {
    return messages.map(() => "unknown");
  }
}

function decode(value: unknown): Body {
  if (
    typeof value === "object" &&
    value !== null &&
    "record" in value &&
    "name" in value &&
    "country" in value &&
    "population" in value
  ) {
    return {
      record: Number(value.record),
      name: String(value.name),
      country: String(value.country),
      population: Number(value.population),
    };
  }
  throw new Error(`this is no record: ${JSON.stringify(value)}`);
}
