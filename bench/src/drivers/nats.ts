/**
 * NATS JetStream by its own Node client: work-queue retention, replicas 3, file storage; publishes of a
 * batch are all under way at once; one pull consumer with a deep prefetch; explicit acknowledgements.
 */
import {
  AckPolicy,
  type ConsumerMessages,
  type JetStreamClient,
  type JetStreamManager,
  type JsMsg,
  jetstream,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
} from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import type { Batch, Driver } from "../driver.ts";
import { NO_MESSAGES } from "../driver.ts";
import { Arrivals } from "./arrivals.ts";

const PREFETCH = 5_000;

export class NatsDriver implements Driver {
  readonly #servers: readonly string[];
  readonly #replicas: number;
  readonly #arrivals = new Arrivals<JsMsg>();
  #connection: NatsConnection | undefined;
  #stream: JetStreamClient | undefined;
  #manager: JetStreamManager | undefined;
  #messages: ConsumerMessages | undefined;
  #consuming: Promise<void> | undefined;
  #queue = "";

  constructor(servers: readonly string[], replicas: number) {
    this.#servers = servers;
    this.#replicas = replicas;
  }

  async open(queue: string): Promise<void> {
    this.#queue = queue;
    // Tries them in the order given, the first at first.
    const servers = [...this.#servers];
    const connection = await connect({ servers, noRandomize: true, maxReconnectAttempts: -1 });
    this.#connection = connection;
    const manager = await jetstreamManager(connection, { timeout: 20_000 });
    this.#manager = manager;
    this.#stream = jetstream(connection, { timeout: 20_000 });
    await manager.streams.add({
      name: queue,
      subjects: [queue],
      num_replicas: this.#replicas,
      retention: RetentionPolicy.Workqueue,
      storage: StorageType.File,
    });
    await manager.consumers.add(queue, {
      durable_name: "workers",
      ack_policy: AckPolicy.Explicit,
      max_ack_pending: 50_000,
    });
  }

  async #consume(): Promise<void> {
    const consumer = await this.#stream?.consumers.get(this.#queue, "workers");
    this.#messages = await consumer?.consume({
      max_messages: PREFETCH,
      callback: (message) => this.#arrivals.push(message),
    });
  }

  async send(bodies: readonly Uint8Array[]): Promise<void> {
    const stream = this.#stream;
    if (stream === undefined) throw new Error("the driver is not open");
    await Promise.all(bodies.map((body) => stream.publish(this.#queue, body)));
  }

  async receive(max: number, waitMs: number): Promise<Batch> {
    this.#consuming ??= this.#consume();
    await this.#consuming;
    const messages = await this.#arrivals.take(max, waitMs);
    if (messages.length === 0) return NO_MESSAGES;
    return {
      bodies: messages.map((message) => message.data),
      acknowledge: () => {
        for (const message of messages) message.ack();
        return Promise.resolve();
      },
    };
  }

  async depth(): Promise<number> {
    const info = await this.#manager?.streams.info(this.#queue);
    return info?.state.messages ?? 0;
  }

  async close(): Promise<void> {
    await this.#messages?.close();
    await this.#connection?.close();
  }
}
