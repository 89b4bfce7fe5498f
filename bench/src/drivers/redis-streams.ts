/**
 * Redis Streams by ioredis: a consumer group, XADDs of a batch in one pipeline, XREADGROUP of a batch,
 * XACK and XDEL of a batch in one pipeline. Senders and receivers have connections of their own.
 */
import { Redis } from "ioredis";
import type { Batch, Driver } from "../driver.ts";
import { NO_MESSAGES } from "../driver.ts";

const GROUP = "workers";

export class RedisStreamsDriver implements Driver {
  readonly #sending: Redis;
  readonly #receiving: Redis;
  readonly #done: Redis;
  #queue = "";

  constructor(url: string) {
    this.#sending = new Redis(url);
    this.#receiving = new Redis(url);
    this.#done = new Redis(url);
  }

  async open(queue: string): Promise<void> {
    this.#queue = queue;
    await this.#sending.xgroup("CREATE", queue, GROUP, "0", "MKSTREAM").catch(() => undefined);
  }

  async send(bodies: readonly Uint8Array[]): Promise<void> {
    const pipeline = this.#sending.pipeline();
    for (const body of bodies) {
      pipeline.xadd(this.#queue, "*", "b", Buffer.from(body.buffer, body.byteOffset, body.length));
    }
    await pipeline.exec();
  }

  async receive(max: number, waitMs: number): Promise<Batch> {
    const answer: unknown = await this.#receiving.callBuffer(
      ...["XREADGROUP", "GROUP", GROUP, "one", "COUNT", String(max), "BLOCK", String(waitMs)],
      ...["STREAMS", this.#queue, ">"],
    );
    const entries = entriesOf(answer);
    if (entries.length === 0) return NO_MESSAGES;
    const ids = entries.map((entry) => entry.id);
    return {
      bodies: entries.map((entry) => entry.body),
      acknowledge: async () => {
        await this.#done
          .pipeline()
          .xack(this.#queue, GROUP, ...ids)
          .xdel(this.#queue, ...ids)
          .exec();
      },
    };
  }

  async depth(): Promise<number> {
    return await this.#sending.xlen(this.#queue);
  }

  close(): Promise<void> {
    for (const each of [this.#sending, this.#receiving, this.#done]) each.disconnect();
    return Promise.resolve();
  }
}

/** `[[stream, [[id, [field, value]], …]]]`, or nothing. */
function entriesOf(answer: unknown): { readonly id: string; readonly body: Buffer }[] {
  const entries = at(at(answer, 0), 1);
  if (!Array.isArray(entries)) return [];
  return entries.flatMap((entry: unknown) => {
    const [id, body] = [at(entry, 0), at(at(entry, 1), 1)];
    return Buffer.isBuffer(id) && Buffer.isBuffer(body) ? [{ id: id.toString(), body }] : [];
  });
}

function at(value: unknown, place: number): unknown {
  return Array.isArray(value) ? value[place] : undefined;
}
