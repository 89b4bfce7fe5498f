/** The client: wires connections, calls and queues together and closes them in order. */
import { KQueueyError, parseQueueName } from "@kqueuey/contract";
import { Admin } from "./admin.ts";
import type { BatcherConfig } from "./batcher.ts";
import { Caller } from "./caller.ts";
import { streamUrls } from "./endpoint.ts";
import { Pool } from "./pool.ts";
import { ClientQueue } from "./queue.ts";
import { RequestIds } from "./request-ids.ts";
import { check, senderConfig } from "./sender.ts";
import type {
  CallOptions,
  Client,
  ClientOptions,
  ClusterStatus,
  CreateQueueOptions,
  ListQueuesOptions,
  MoveTask,
  Queue,
  QueueAttributeChanges,
  QueueDescription,
  QueuePage,
  StartMoveTaskOptions,
} from "./types.ts";
import { webSocketTransport } from "./websocket-transport.ts";

/** Queue handles that a client keeps; one that is asked for again later is made anew. */
const QUEUES_MAX = 10_000;

/**
 * A client of the cluster at `endpoints`. It connects when first used. Throws INVALID_ARGUMENT.
 *
 * ```ts
 * import { createClient } from "@kqueuey/client";
 *
 * await using client = createClient({ endpoints: ["http://127.0.0.1:9324"] });
 * await client.createQueue("orders");
 * const orders = client.queue("orders");
 * await orders.send("hello");
 * const worker = orders.work(async (message) => {
 *   console.log(message.text);
 * });
 * await worker.stop();
 * ```
 */
export function createClient(options: ClientOptions): Client {
  return new ClusterClient(options);
}

class ClusterClient implements Client {
  readonly #pool: Pool;
  readonly #caller: Caller;
  readonly #ids: RequestIds;
  readonly #admin: Admin;
  readonly #batch: BatcherConfig;
  readonly #queues = new Map<string, ClientQueue>();
  #closing: Promise<void> | undefined;

  constructor(options: ClientOptions) {
    const transport = options.transport ?? webSocketTransport;
    this.#batch = senderConfig(options.batch ?? {});
    this.#pool = new Pool(
      {
        urls: streamUrls(options.endpoints),
        clientName: options.name ?? "kqueuey-js",
        clusterId: options.clusterId,
        discover: options.discover ?? true,
      },
      transport,
    );
    this.#caller = new Caller(this.#pool, transport, {
      timeoutMs: check("timeoutMs", options.timeoutMs ?? 30_000, 1, 2 ** 31 - 1),
      maxCallsInFlight: check("maxCallsInFlight", options.maxCallsInFlight ?? 256, 1, 1_024),
    });
    this.#ids = new RequestIds(transport);
    this.#admin = new Admin(this.#caller, this.#ids);
  }

  queue(name: string): Queue {
    const known = this.#queues.get(name);
    if (known !== undefined) return known;
    const queue = new ClientQueue(checkName(name), this.#caller, this.#ids, this.#batch);
    if (this.#queues.size < QUEUES_MAX) this.#queues.set(name, queue);
    return queue;
  }

  async createQueue(
    name: string,
    options: CreateQueueOptions = {},
  ): Promise<{ readonly created: boolean }> {
    return this.#admin.createQueue(checkName(name), options);
  }

  async describeQueue(name: string, options: CallOptions = {}): Promise<QueueDescription> {
    return this.#admin.describeQueue(checkName(name), options);
  }

  listQueues(options: ListQueuesOptions = {}): Promise<QueuePage> {
    return this.#admin.listQueues(options);
  }

  async setQueueAttributes(
    name: string,
    changes: QueueAttributeChanges,
    options: CallOptions = {},
  ): Promise<void> {
    await this.#admin.setQueueAttributes(checkName(name), changes, options);
  }

  async deleteQueue(name: string, options: CallOptions = {}): Promise<void> {
    await this.#admin.deleteQueue(checkName(name), options);
  }

  async purgeQueue(name: string, options: CallOptions = {}): Promise<void> {
    await this.#admin.purgeQueue(checkName(name), options);
  }

  async startMoveTask(
    name: string,
    options: StartMoveTaskOptions = {},
  ): Promise<{ readonly taskId: string }> {
    return this.#admin.startMoveTask(checkName(name), options);
  }

  async listMoveTasks(name: string, options: CallOptions = {}): Promise<readonly MoveTask[]> {
    return this.#admin.listMoveTasks(checkName(name), options);
  }

  async cancelMoveTask(
    name: string,
    taskId: string,
    options: CallOptions = {},
  ): Promise<{ readonly moved: number }> {
    return this.#admin.cancelMoveTask(checkName(name), taskId, options);
  }

  clusterStatus(options: CallOptions = {}): Promise<ClusterStatus> {
    return this.#admin.clusterStatus(options);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#queues.values()].map((queue) => queue.drain()));
    this.#caller.close();
    this.#pool.close();
  }
}

function checkName(name: string): string {
  const parsed = parseQueueName(name);
  if (parsed.ok) return parsed.value;
  throw new KQueueyError("INVALID_QUEUE_NAME", parsed.reason, { details: { queue: name } });
}
