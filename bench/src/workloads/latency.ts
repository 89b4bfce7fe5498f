/**
 * W2: single messages at a fixed rate whatever the answers do (open loop), each measured from the moment
 * at which it was due: a stall counts for every message that it held up. Two latencies: until the send
 * was confirmed, and until a worker had the message.
 */
import hdr, { type Histogram } from "hdr-histogram-js";
import type { Figures } from "../assignment.ts";
import { bodySource, numberedBody, numberOf } from "../bodies.ts";
import type { Driver } from "../driver.ts";
import { Metronome } from "../metronome.ts";

export async function latency(
  driver: Driver,
  options: {
    readonly bodyBytes: number;
    readonly warmUpSeconds: number;
    readonly seconds: number;
    readonly rate: number;
  },
): Promise<Figures> {
  const bodies = bodySource(options.bodyBytes);
  const confirmed = histogram();
  const delivered = histogram();
  const skipped = options.warmUpSeconds * options.rate;
  const count = skipped + options.seconds * options.rate;
  const metronome = await Metronome.start();
  const startedMs = performance.now();
  const dueMs = (index: number): number => startedMs + (index * 1_000) / options.rate;
  const record = (into: Histogram, index: number): void => {
    if (index < skipped) return;
    into.recordValue(Math.max(1, Math.round((performance.now() - dueMs(index)) * 1_000)));
  };
  let arrived = 0;
  // A worker polls on while its acknowledgements are under way; some systems tell nobody when they are done.
  const acknowledging: Promise<void>[] = [];
  const drain = async (): Promise<void> => {
    while (arrived < count) {
      const messages = await driver.receive(100, 1_000);
      for (const body of messages.bodies) record(delivered, numberOf(body));
      acknowledging.push(messages.acknowledge());
      arrived += messages.bodies.length;
    }
  };
  const draining = drain();
  const pending: Promise<void>[] = [];
  for (let index = 0; index < count; index += 1) {
    await metronome.until(dueMs(index));
    const sending = driver.send([numberedBody(index, bodies)]).then(() => record(confirmed, index));
    pending.push(sending);
  }
  await Promise.all(pending);
  await draining;
  await Promise.all(acknowledging);
  await metronome.stop();
  return { ...figures("confirm", confirmed), ...figures("endToEnd", delivered) };
}

function histogram(): Histogram {
  return hdr.build({ lowestDiscernibleValue: 1, highestTrackableValue: 120_000_000 });
}

function figures(name: string, from: Histogram): Record<string, number> {
  return {
    [`${name}P50Ms`]: from.getValueAtPercentile(50) / 1_000,
    [`${name}P99Ms`]: from.getValueAtPercentile(99) / 1_000,
    [`${name}P999Ms`]: from.getValueAtPercentile(99.9) / 1_000,
    [`${name}MaxMs`]: from.maxValue / 1_000,
  };
}
