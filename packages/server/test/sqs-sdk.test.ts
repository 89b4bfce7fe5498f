/** The AWS SDK and sqs-consumer against the listener and the SQS API, over loopback, on an in-memory broker. */
import {
  BatchRequestTooLong,
  ChangeMessageVisibilityBatchCommand,
  ChangeMessageVisibilityCommand,
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  DeleteMessageCommand,
  DeleteQueueCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ListQueuesCommand,
  PurgeQueueCommand,
  PurgeQueueInProgress,
  QueueDoesNotExist,
  ReceiptHandleIsInvalid,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SetQueueAttributesCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { KQueueyError } from "@kqueuey/contract";
import { Consumer } from "sqs-consumer";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createSqsApi, isSqsRequest } from "../src/api/sqs/sqs-api.ts";
import { createListener, type Listener } from "../src/http/listener.ts";
import { nodeDigests } from "../src/node/digests.ts";
import { MemoryBroker } from "../src/testing/memory-broker.ts";
import { systemTimerClock } from "../src/testing/timer-clock.ts";

let broker: MemoryBroker;
let listener: Listener;
let client: SQSClient;
let endpoint: string;

beforeEach(async () => {
  broker = new MemoryBroker(systemTimerClock);
  const handler = createSqsApi({
    broker,
    digests: nodeDigests,
    newRequestId: () => crypto.randomUUID(),
  });
  listener = createListener(
    { host: "127.0.0.1", port: 0 },
    { requests: [{ kind: "plain", matches: isSqsRequest, handler }], upgrades: [] },
  );
  const { port } = await listener.listen();
  endpoint = `http://127.0.0.1:${port}`;
  client = makeClient();
});

afterEach(async () => {
  client.destroy();
  broker.endPolls();
  await listener.stop(1_000);
});

function makeClient(): SQSClient {
  return new SQSClient({
    endpoint,
    region: "us-east-1",
    credentials: { accessKeyId: "AKIDTEST", secretAccessKey: "secret" },
    // A test sees the first answer.
    maxAttempts: 1,
  });
}

async function createQueue(name: string, Attributes: Record<string, string> = {}): Promise<string> {
  const created = await client.send(new CreateQueueCommand({ QueueName: name, Attributes }));
  return created.QueueUrl ?? "";
}

describe("@aws-sdk/client-sqs", () => {
  test("queues: create, find, list, describe, set, purge, delete", async () => {
    const QueueUrl = await createQueue("orders", { VisibilityTimeout: "60" });
    expect(QueueUrl).toBe(`${endpoint}/000000000000/orders`);
    expect(await client.send(new GetQueueUrlCommand({ QueueName: "orders" }))).toMatchObject({
      QueueUrl,
    });
    expect(await client.send(new ListQueuesCommand({}))).toMatchObject({ QueueUrls: [QueueUrl] });
    await client.send(
      new SetQueueAttributesCommand({ QueueUrl, Attributes: { DelaySeconds: "0" } }),
    );
    const described = await client.send(
      new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["All"] }),
    );
    expect(described.Attributes).toMatchObject({ VisibilityTimeout: "60", DelaySeconds: "0" });
    await client.send(new PurgeQueueCommand({ QueueUrl }));
    await expect(client.send(new PurgeQueueCommand({ QueueUrl }))).rejects.toBeInstanceOf(
      PurgeQueueInProgress,
    );
    await client.send(new DeleteQueueCommand({ QueueUrl }));
    await expect(
      client.send(new GetQueueUrlCommand({ QueueName: "orders" })),
    ).rejects.toBeInstanceOf(QueueDoesNotExist);
  });

  test("messages: the SDK checks the digests of what it sends and receives", async () => {
    const QueueUrl = await createQueue("q");
    const MessageAttributes = {
      text: { DataType: "String", StringValue: "häl\r\nlo" },
      number: { DataType: "Number.int", StringValue: "42" },
      bytes: { DataType: "Binary", BinaryValue: new Uint8Array([0, 1, 254, 255]) },
    };
    const body = 'line\r\n"quoted" <&> \u{1f600}';
    const sent = await client.send(
      new SendMessageCommand({ QueueUrl, MessageBody: body, MessageAttributes }),
    );
    const received = await client.send(
      new ReceiveMessageCommand({
        QueueUrl,
        MessageAttributeNames: ["All"],
        MessageSystemAttributeNames: ["All"],
      }),
    );
    expect(received.Messages).toMatchObject([
      {
        MessageId: sent.MessageId,
        Body: body,
        MessageAttributes,
        MD5OfMessageAttributes: sent.MD5OfMessageAttributes,
        Attributes: { SenderId: "AKIDTEST", ApproximateReceiveCount: "1" },
      },
    ]);
    const ReceiptHandle = received.Messages?.[0]?.ReceiptHandle;
    await client.send(
      new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle, VisibilityTimeout: 5 }),
    );
    await client.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
  });

  test("batches", async () => {
    const QueueUrl = await createQueue("q");
    const ids = Array.from({ length: 10 }, (_, at) => `m${at}`);
    const sent = await client.send(
      new SendMessageBatchCommand({
        QueueUrl,
        Entries: ids.map((Id) => ({ Id, MessageBody: `body of ${Id}` })),
      }),
    );
    expect(sent.Successful?.map(({ Id }) => Id)).toEqual(ids);
    const received = await client.send(
      new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }),
    );
    const handles = received.Messages?.map(({ ReceiptHandle }) => ReceiptHandle) ?? [];
    const entries = handles.map((ReceiptHandle, at) => ({ Id: `h${at}`, ReceiptHandle }));
    const changed = await client.send(
      new ChangeMessageVisibilityBatchCommand({
        QueueUrl,
        Entries: entries.map((entry) => ({ ...entry, VisibilityTimeout: 60 })),
      }),
    );
    expect(changed.Successful).toHaveLength(10);
    const deleted = await client.send(
      new DeleteMessageBatchCommand({
        QueueUrl,
        Entries: [...entries.slice(0, 9), { Id: "bad", ReceiptHandle: "garbage" }],
      }),
    );
    expect(deleted.Successful).toHaveLength(9);
    expect(deleted.Failed).toMatchObject([{ Id: "bad", Code: "ReceiptHandleIsInvalid" }]);
    await expect(
      client.send(
        new SendMessageBatchCommand({
          QueueUrl,
          Entries: ["a", "b"].map((Id) => ({ Id, MessageBody: "x".repeat(600_000) })),
        }),
      ),
    ).rejects.toBeInstanceOf(BatchRequestTooLong);
  });

  test("errors have the class, the code and the status that programs look at", async () => {
    const QueueUrl = await createQueue("q");
    const missing = await client
      .send(new SendMessageCommand({ QueueUrl: `${endpoint}/000000000000/no`, MessageBody: "a" }))
      .catch((error: unknown) => error);
    expect(missing).toBeInstanceOf(QueueDoesNotExist);
    expect(missing).toMatchObject({
      name: "QueueDoesNotExist",
      Code: "AWS.SimpleQueueService.NonExistentQueue",
      Type: "Sender",
    });
    const handle = new DeleteMessageCommand({ QueueUrl, ReceiptHandle: "garbage" });
    const invalid = await client.send(handle).catch((error: unknown) => error);
    expect(invalid).toBeInstanceOf(ReceiptHandleIsInvalid);
    expect(invalid).toMatchObject({ $metadata: { httpStatusCode: 404 } });
    broker.failWith(new KQueueyError("UNAVAILABLE", "no leader"));
    const unavailable = await client.send(new ListQueuesCommand({})).catch((e: unknown) => e);
    expect(unavailable).toMatchObject({ $metadata: { httpStatusCode: 503 } });
  });

  test("a long poll ends when a message comes, and an aborted one is granted nothing", async () => {
    const QueueUrl = await createQueue("q");
    const receive = new ReceiveMessageCommand({
      QueueUrl,
      WaitTimeSeconds: 20,
      MessageSystemAttributeNames: ["ApproximateReceiveCount"],
    });
    const hangUp = new AbortController();
    const aborted = client.send(receive, { abortSignal: hangUp.signal });
    aborted.catch(() => undefined);
    await untilWaiting(1);
    hangUp.abort();
    await expect(aborted).rejects.toMatchObject({ name: "AbortError" });
    await untilWaiting(0);
    const poll = client.send(receive);
    await untilWaiting(1);
    await client.send(new SendMessageCommand({ QueueUrl, MessageBody: "a" }));
    expect((await poll).Messages).toMatchObject([
      { Body: "a", Attributes: { ApproximateReceiveCount: "1" } },
    ]);
  });

  test("the largest message in its worst escaping goes through", async () => {
    const QueueUrl = await createQueue("q");
    const body = '"'.repeat(1_048_576);
    await client.send(new SendMessageCommand({ QueueUrl, MessageBody: body }));
    const received = await client.send(new ReceiveMessageCommand({ QueueUrl }));
    expect(received.Messages?.[0]?.Body).toBe(body);
  });

  test("fifty calls at once over kept connections", async () => {
    const QueueUrl = await createQueue("q");
    const bodies = Array.from({ length: 50 }, (_, at) => `m${at}`);
    await Promise.all(
      bodies.map((body) => client.send(new SendMessageCommand({ QueueUrl, MessageBody: body }))),
    );
    const { Attributes } = await client.send(
      new GetQueueAttributesCommand({
        QueueUrl,
        AttributeNames: ["ApproximateNumberOfMessages"],
      }),
    );
    expect(Attributes).toEqual({ ApproximateNumberOfMessages: "50" });
  });
});

/** Until so many polls wait at the broker: requests are on their way through real sockets. */
async function untilWaiting(count: number): Promise<void> {
  while (broker.waiting !== count) await new Promise((resolve) => setImmediate(resolve));
}

describe("sqs-consumer", () => {
  test("works a queue empty, one message failing at first", async () => {
    const QueueUrl = await createQueue("q", { VisibilityTimeout: "30" });
    const bodies = Array.from({ length: 12 }, (_, at) => `m${at}`);
    for (const body of bodies) {
      await client.send(new SendMessageCommand({ QueueUrl, MessageBody: body }));
    }
    const seen: string[] = [];
    let failed = false;
    const consumer = Consumer.create({
      queueUrl: QueueUrl,
      sqs: client,
      batchSize: 10,
      terminateVisibilityTimeout: true,
      suppressFifoWarning: true,
      handleMessage: async (message) => {
        if (message.Body === "m3" && !failed) {
          failed = true;
          throw new Error("once");
        }
        seen.push(message.Body ?? "");
        return message;
      },
    });
    const done = new Promise<void>((resolve) => {
      consumer.on("message_processed", () => {
        if (seen.length === bodies.length) resolve();
      });
    });
    consumer.on("error", () => undefined);
    consumer.on("processing_error", () => undefined);
    consumer.start();
    await done;
    const stopped = new Promise((resolve) => consumer.once("stopped", resolve));
    consumer.stop({ abort: true });
    await stopped;
    expect(seen.toSorted()).toEqual(bodies.toSorted());
    expect(failed).toBe(true);
  });
});
