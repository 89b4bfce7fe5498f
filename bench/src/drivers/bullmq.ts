/**
 * BullMQ on Redis: `addBulk` of a batch; a Worker with high concurrency whose jobs are done when the
 * workload acknowledges them. Completed jobs are removed, as a queue of this size would have it.
 */
import { Queue, Worker } from "bullmq";
import { Redis } from "ioredis";
import type { Batch, Driver } from "../driver.ts";
import { NO_MESSAGES } from "../driver.ts";
import { Arrivals } from "./arrivals.ts";

const CONCURRENCY = 500;

interface Held {
  readonly body: Uint8Array;
  done(): void;
}

export class BullmqDriver implements Driver {
  readonly #url: string;
  readonly #arrivals = new Arrivals<Held>();
  #queue: Queue | undefined;
  #worker: Worker | undefined;

  constructor(url: string) {
    this.#url = url;
  }

  #connection(): Redis {
    return new Redis(this.#url, { maxRetriesPerRequest: null });
  }

  open(queue: string): Promise<void> {
    this.#queue = new Queue(queue, { connection: this.#connection() });
    return Promise.resolve();
  }

  async send(bodies: readonly Uint8Array[]): Promise<void> {
    const opts = { removeOnComplete: true };
    await this.#queue?.addBulk(
      bodies.map((body) => ({
        name: "m",
        data: Buffer.from(body.buffer, body.byteOffset, body.length).toString("base64"),
        opts,
      })),
    );
  }

  async receive(max: number, waitMs: number): Promise<Batch> {
    const name = this.#queue?.name ?? "";
    this.#worker ??= new Worker(
      name,
      (job) =>
        new Promise<void>((done) => {
          this.#arrivals.push({ body: Buffer.from(String(job.data), "base64"), done });
        }),
      { connection: this.#connection(), concurrency: CONCURRENCY },
    ).on("error", (error) => {
      throw error;
    });
    const held = await this.#arrivals.take(max, waitMs);
    if (held.length === 0) return NO_MESSAGES;
    return {
      bodies: held.map((each) => each.body),
      acknowledge: () => {
        for (const each of held) each.done();
        return Promise.resolve();
      },
    };
  }

  async depth(): Promise<number> {
    return (await this.#queue?.getWaitingCount()) ?? 0;
  }

  async close(): Promise<void> {
    await this.#worker?.close(true);
    await this.#queue?.close();
  }
}
