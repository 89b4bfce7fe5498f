/** KQueuey by its own client: batches as the workload makes them, one connection. */
import { type Client, createClient, type Queue } from "@kqueuey/client";
import type { Batch, Driver } from "../driver.ts";
import { NO_MESSAGES } from "../driver.ts";

export class KqueueyDriver implements Driver {
  readonly #client: Client;
  #queue: Queue;

  constructor(endpoints: readonly string[]) {
    this.#client = createClient({ endpoints, name: "bench", timeoutMs: 60_000 });
    this.#queue = this.#client.queue("bench");
  }

  async open(name: string): Promise<void> {
    await this.#client.createQueue(name);
    this.#queue = this.#client.queue(name);
  }

  async send(bodies: readonly Uint8Array[]): Promise<void> {
    const [only] = bodies;
    if (bodies.length === 1 && only !== undefined) await this.#queue.send(only);
    else await this.#queue.sendBatch([...bodies]);
  }

  async receive(max: number, waitMs: number): Promise<Batch> {
    const messages = await this.#queue.receive({ maxMessages: max, waitMs });
    if (messages.length === 0) return NO_MESSAGES;
    return {
      bodies: messages.map((message) => message.body),
      acknowledge: async () => {
        await this.#queue.tombstone(messages);
      },
    };
  }

  async depth(): Promise<number> {
    return (await this.#client.describeQueue(this.#queue.name)).available;
  }

  close(): Promise<void> {
    return this.#client.close();
  }
}
