/**
 * A client program built on the AWS SDK, which knows one node at a time: after a failure it turns to the
 * next. The SQS API gives no fencing token and calls a stale receipt's deletion a success, so grants are
 * ordered by their receive counts, and whether a deletion was effective follows from the lease alone.
 */
import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import type { Caller, CallerOptions, Outcome, Received } from "./caller.ts";

const ATTEMPT_MS = 5_000;

export class SdkCaller implements Caller {
  readonly name: string;
  readonly #options: CallerOptions;
  readonly #clients: readonly SQSClient[];
  #turn: number;

  constructor(options: CallerOptions, turn = 0) {
    this.name = options.name;
    this.#options = options;
    this.#turn = turn;
    this.#clients = options.endpoints.map(
      (endpoint) =>
        new SQSClient({
          endpoint,
          region: "us-east-1",
          credentials: { accessKeyId: "test", secretAccessKey: "test" },
          maxAttempts: 2,
        }),
    );
  }

  async send(bodies: readonly string[]): Promise<readonly (string | undefined)[]> {
    const answer = await this.#onOne((client, QueueUrl, abortSignal) =>
      client.send(
        new SendMessageBatchCommand({
          QueueUrl,
          Entries: bodies.map((MessageBody, index) => ({ Id: String(index), MessageBody })),
        }),
        { abortSignal },
      ),
    );
    const ids = new Map(answer.Successful?.map((one) => [one.Id, one.MessageId]));
    return bodies.map((_, index) => ids.get(String(index)));
  }

  async receive(count: number, waitMs: number): Promise<readonly Received[]> {
    const answer = await this.#onOne((client, QueueUrl, abortSignal) =>
      client.send(
        new ReceiveMessageCommand({
          QueueUrl,
          MaxNumberOfMessages: Math.min(10, count),
          WaitTimeSeconds: Math.ceil(waitMs / 1_000),
          MessageSystemAttributeNames: ["ApproximateReceiveCount"],
        }),
        { abortSignal },
      ),
    );
    return (answer.Messages ?? []).map((message) => {
      const receiveCount = Number(message.Attributes?.ApproximateReceiveCount ?? 0);
      return {
        body: message.Body ?? "",
        messageId: message.MessageId ?? "",
        receiptHandle: message.ReceiptHandle ?? "",
        receiveCount,
        fencingToken: receiveCount,
        leaseMs: this.#options.visibilityTimeoutMs,
      };
    });
  }

  async tombstone(messages: readonly Received[]): Promise<readonly Outcome[]> {
    const Entries = messages.map(({ receiptHandle: ReceiptHandle }, index) => ({
      Id: String(index),
      ReceiptHandle,
    }));
    const answer = await this.#onOne((client, QueueUrl, abortSignal) =>
      client.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }), { abortSignal }),
    );
    const deleted = new Set(answer.Successful?.map((one) => one.Id));
    return messages.map((_, index) => (deleted.has(String(index)) ? "effective" : "unknown"));
  }

  async release(messages: readonly Received[]): Promise<void> {
    const Entries = messages.map(({ receiptHandle: ReceiptHandle }, index) => ({
      Id: String(index),
      ReceiptHandle,
      VisibilityTimeout: 0,
    }));
    await this.#onOne((client, QueueUrl, abortSignal) =>
      client.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl, Entries }), { abortSignal }),
    );
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.destroy();
    await Promise.resolve();
  }

  async #onOne<T>(
    request: (client: SQSClient, queueUrl: string, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { endpoints, queue } = this.#options;
    const index = this.#turn % endpoints.length;
    const client = this.#clients[index];
    if (client === undefined) throw new Error("no endpoints");
    const url = `${endpoints[index]}/000000000000/${queue}`;
    try {
      return await request(client, url, AbortSignal.timeout(ATTEMPT_MS));
    } catch (error) {
      this.#turn += 1;
      throw error;
    }
  }
}
