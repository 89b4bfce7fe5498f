/** A client program built on the package that we publish. */
import { type Client, createClient, type Message } from "@kqueuey/client";
import type { Caller, CallerOptions, Outcome, Received } from "./caller.ts";

const TIMEOUT_MS = 15_000;

export class ClientCaller implements Caller {
  readonly name: string;
  readonly #client: Client;
  readonly #queue: string;

  constructor(options: CallerOptions) {
    this.name = options.name;
    this.#queue = options.queue;
    this.#client = createClient({
      endpoints: options.endpoints,
      timeoutMs: TIMEOUT_MS,
      name: options.name,
    });
  }

  async send(bodies: readonly string[]): Promise<readonly (string | undefined)[]> {
    const queue = this.#client.queue(this.#queue);
    const result = await queue.sendBatch(bodies, { ids: true, failures: "return" });
    return (result.ids ?? []).map((sent) => sent?.messageId);
  }

  async receive(count: number, waitMs: number): Promise<readonly Received[]> {
    const messages = await this.#client.queue(this.#queue).receive({ maxMessages: count, waitMs });
    return messages.map(receivedOf);
  }

  async tombstone(messages: readonly Received[]): Promise<readonly Outcome[]> {
    const outcomes = await this.#client.queue(this.#queue).tombstone(messages);
    return outcomes.map(({ outcome }) => (outcome === "error" ? "unknown" : outcome));
  }

  async release(messages: readonly Received[]): Promise<void> {
    await this.#client.queue(this.#queue).release(messages);
  }

  async close(): Promise<void> {
    await this.#client.close();
  }
}

function receivedOf(message: Message): Received {
  return {
    body: message.text,
    messageId: message.id,
    receiptHandle: message.receiptHandle,
    receiveCount: message.receiveCount,
    fencingToken: message.fencingToken,
    leaseMs: message.remainingMs(),
  };
}
