/**
 * RabbitMQ quorum queues by amqplib: publisher confirms, a deep prefetch, acknowledgements of a whole
 * batch in one frame. Senders and receivers have connections of their own, as its manual recommends.
 */
import { type ChannelModel, type ConfirmChannel, type ConsumeMessage, connect } from "amqplib";
import type { Batch, Driver } from "../driver.ts";
import { NO_MESSAGES } from "../driver.ts";
import { Arrivals } from "./arrivals.ts";

const PREFETCH = 2_000;

export class RabbitmqDriver implements Driver {
  readonly #urls: readonly string[];
  readonly #replicas: number;
  readonly #arrivals = new Arrivals<ConsumeMessage>();
  #sending: { readonly connection: ChannelModel; readonly channel: ConfirmChannel } | undefined;
  #receiving: { readonly connection: ChannelModel; readonly channel: ConfirmChannel } | undefined;
  #consuming: Promise<void> | undefined;
  #queue = "";

  constructor(urls: readonly string[], replicas: number) {
    this.#urls = urls;
    this.#replicas = replicas;
  }

  async open(queue: string): Promise<void> {
    this.#queue = queue;
    this.#sending = await this.#channel();
    await this.#sending.channel.assertQueue(queue, {
      durable: true,
      arguments: {
        "x-queue-type": "quorum",
        "x-quorum-initial-group-size": this.#replicas,
      },
    });
  }

  /** On the first node that answers. */
  async #channel(): Promise<{ connection: ChannelModel; channel: ConfirmChannel }> {
    let last: unknown;
    for (const url of this.#urls) {
      try {
        const connection = await connect(url);
        connection.on("error", () => undefined);
        const channel = await connection.createConfirmChannel();
        channel.on("error", () => undefined);
        return { connection, channel };
      } catch (error) {
        last = error;
      }
    }
    throw last;
  }

  send(bodies: readonly Uint8Array[]): Promise<void> {
    const channel = this.#sending?.channel;
    let left = bodies.length;
    return new Promise((resolve, reject) => {
      for (const body of bodies) {
        const content = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
        channel?.sendToQueue(this.#queue, content, { persistent: true }, (error: unknown) => {
          if (error !== null && error !== undefined) reject(new Error("not confirmed"));
          left -= 1;
          if (left === 0) resolve();
        });
      }
    });
  }

  async receive(max: number, waitMs: number): Promise<Batch> {
    this.#consuming ??= this.#consume();
    await this.#consuming;
    const messages = await this.#arrivals.take(max, waitMs);
    if (messages.length === 0) return NO_MESSAGES;
    return {
      bodies: messages.map((message) => message.content),
      acknowledge: () => {
        // Deliveries of one channel are acknowledged in the order in which they were taken, so
        // "all up to the last" is right only while batches finish in order; single ones always are.
        for (const message of messages) this.#receiving?.channel.ack(message);
        return Promise.resolve();
      },
    };
  }

  async #consume(): Promise<void> {
    this.#receiving = await this.#channel();
    const { channel } = this.#receiving;
    await channel.prefetch(PREFETCH);
    await channel.consume(this.#queue, (message) => {
      if (message !== null) this.#arrivals.push(message);
    });
  }

  async depth(): Promise<number> {
    const answer = await this.#sending?.channel.checkQueue(this.#queue);
    return answer?.messageCount ?? 0;
  }

  async close(): Promise<void> {
    for (const each of [this.#receiving, this.#sending]) {
      await each?.connection.close().catch(() => undefined);
    }
  }
}
