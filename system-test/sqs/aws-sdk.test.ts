import { createHash } from "node:crypto";
import {
  ChangeMessageVisibilityCommand,
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  DeleteMessageCommand,
  DeleteQueueCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ListQueuesCommand,
  type Message,
  PurgeQueueCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SetQueueAttributesCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Cluster } from "../harness/cluster.ts";
import { until } from "../harness/condition.ts";
import { startCluster } from "../harness/fixture.ts";

function sdk(cluster: Cluster, node = 1): SQSClient {
  const client = new SQSClient({
    endpoint: cluster.url(node),
    region: "us-east-1",
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
  });
  onTestFinished(() => client.destroy());
  return client;
}

async function createQueue(
  client: SQSClient,
  name: string,
  attributes: Record<string, string> = {},
): Promise<string> {
  const { QueueUrl } = await client.send(
    new CreateQueueCommand({ QueueName: name, Attributes: attributes }),
  );
  if (QueueUrl === undefined) throw new Error("no queue URL");
  return QueueUrl;
}

async function receive(client: SQSClient, url: string, max = 10): Promise<Message[]> {
  const { Messages } = await client.send(
    new ReceiveMessageCommand({
      QueueUrl: url,
      MaxNumberOfMessages: max,
      WaitTimeSeconds: 1,
      MessageAttributeNames: ["All"],
      MessageSystemAttributeNames: ["All"],
    }),
  );
  return Messages ?? [];
}

describe("the AWS SDK", () => {
  test("sends to one node, receives from another, deletes on a third", async () => {
    const cluster = await startCluster();
    const url = await createQueue(sdk(cluster, 1), "orders");
    const sent = await sdk(cluster, 1).send(
      new SendMessageCommand({
        QueueUrl: url,
        MessageBody: "hello, Grüße, 你好",
        MessageAttributes: {
          colour: { DataType: "String", StringValue: "red" },
          size: { DataType: "Number.kg", StringValue: "12.5" },
          raw: { DataType: "Binary", BinaryValue: new Uint8Array([0, 1, 255]) },
        },
      }),
    );
    // The SDK checks MD5OfMessageBody by itself; MD5OfMessageAttributes it leaves to us.
    expect(sent.MD5OfMessageBody).toBe(md5("hello, Grüße, 你好"));
    const [message] = await receive(sdk(cluster, 2), url);
    expect(message).toMatchObject({
      MessageId: sent.MessageId,
      Body: "hello, Grüße, 你好",
      MD5OfMessageAttributes: sent.MD5OfMessageAttributes,
      Attributes: { ApproximateReceiveCount: "1" },
      MessageAttributes: {
        colour: { DataType: "String", StringValue: "red" },
        size: { DataType: "Number.kg", StringValue: "12.5" },
        raw: { DataType: "Binary", BinaryValue: new Uint8Array([0, 1, 255]) },
      },
    });
    await sdk(cluster, 3).send(
      new DeleteMessageCommand({ QueueUrl: url, ReceiptHandle: message?.ReceiptHandle }),
    );
    expect(await counts(sdk(cluster, 1), url)).toEqual([0, 0, 0]);
  });

  test("batches answer entry by entry", async () => {
    const cluster = await startCluster();
    const client = sdk(cluster);
    const url = await createQueue(client, "batches");
    const sent = await client.send(
      new SendMessageBatchCommand({
        QueueUrl: url,
        Entries: [
          { Id: "a", MessageBody: "one" },
          { Id: "b", MessageBody: "two", DelaySeconds: 900 },
          { Id: "c", MessageBody: "\u0000" },
        ],
      }),
    );
    expect(sent.Successful?.map((entry) => entry.Id)).toEqual(["a", "b"]);
    expect(sent.Failed).toMatchObject([{ Id: "c", SenderFault: true }]);
    expect(await counts(client, url)).toEqual([1, 0, 1]);
    const [message] = await receive(client, url);
    const deleted = await client.send(
      new DeleteMessageBatchCommand({
        QueueUrl: url,
        Entries: [
          { Id: "a", ReceiptHandle: message?.ReceiptHandle },
          { Id: "b", ReceiptHandle: "no receipt at all" },
        ],
      }),
    );
    expect(deleted.Successful?.map((entry) => entry.Id)).toEqual(["a"]);
    expect(deleted.Failed?.map((entry) => entry.Id)).toEqual(["b"]);
  });

  test("visibility: hidden, given back, counted", async () => {
    const cluster = await startCluster();
    const client = sdk(cluster, 2);
    const url = await createQueue(client, "visible", { VisibilityTimeout: "600" });
    await client.send(new SendMessageCommand({ QueueUrl: url, MessageBody: "once" }));
    const [first] = await receive(client, url);
    expect(await counts(client, url)).toEqual([0, 1, 0]);
    expect(await receive(client, url)).toEqual([]);
    await client.send(
      new ChangeMessageVisibilityCommand({
        QueueUrl: url,
        ReceiptHandle: first?.ReceiptHandle,
        VisibilityTimeout: 0,
      }),
    );
    const [second] = await receive(client, url);
    expect(second?.MessageId).toBe(first?.MessageId);
    expect(second?.Attributes?.ApproximateReceiveCount).toBe("2");
    expect(second?.ReceiptHandle).not.toBe(first?.ReceiptHandle);
  });

  test("what is received too often is in the dead-letter queue", async () => {
    const cluster = await startCluster();
    const client = sdk(cluster);
    const deadUrl = await createQueue(client, "dead");
    const { Attributes } = await client.send(
      new GetQueueAttributesCommand({ QueueUrl: deadUrl, AttributeNames: ["QueueArn"] }),
    );
    const url = await createQueue(client, "source", {
      VisibilityTimeout: "0",
      RedrivePolicy: JSON.stringify({
        deadLetterTargetArn: Attributes?.QueueArn,
        maxReceiveCount: 2,
      }),
    });
    await client.send(new SendMessageCommand({ QueueUrl: url, MessageBody: "poison" }));
    let dead: Message[] = [];
    await until(
      async () => {
        await receive(client, url);
        dead = await receive(client, deadUrl);
        return dead.length > 0;
      },
      { what: "the message to be in the dead-letter queue" },
    );
    expect(dead).toMatchObject([{ Body: "poison" }]);
    expect(await counts(client, url)).toEqual([0, 0, 0]);
  });

  test("queues: found, listed, changed, purged, deleted", async () => {
    const cluster = await startCluster();
    const client = sdk(cluster, 3);
    const url = await createQueue(client, "first");
    await createQueue(client, "second");
    const found = await client.send(new GetQueueUrlCommand({ QueueName: "first" }));
    expect(found.QueueUrl).toBe(url);
    const listed = await client.send(new ListQueuesCommand({ QueueNamePrefix: "f" }));
    expect(listed.QueueUrls).toEqual([url]);
    await client.send(
      new SetQueueAttributesCommand({ QueueUrl: url, Attributes: { DelaySeconds: "7" } }),
    );
    const { Attributes } = await client.send(
      new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ["All"] }),
    );
    expect(Attributes).toMatchObject({ DelaySeconds: "7", VisibilityTimeout: "30" });
    await client.send(new SendMessageCommand({ QueueUrl: url, MessageBody: "gone soon" }));
    await client.send(new PurgeQueueCommand({ QueueUrl: url }));
    expect(await counts(client, url)).toEqual([0, 0, 0]);
    await client.send(new DeleteQueueCommand({ QueueUrl: url }));
    await expect(client.send(new GetQueueUrlCommand({ QueueName: "first" }))).rejects.toMatchObject(
      { name: "QueueDoesNotExist" },
    );
  });

  test("errors have the names that programs compare", async () => {
    const cluster = await startCluster({ nodes: 1 });
    const client = sdk(cluster);
    const url = await createQueue(client, "errors");
    const missing = url.replace(/errors$/, "missing");
    await expect(
      client.send(new SendMessageCommand({ QueueUrl: missing, MessageBody: "a" })),
    ).rejects.toMatchObject({ name: "QueueDoesNotExist" });
    await expect(
      client.send(new DeleteMessageCommand({ QueueUrl: url, ReceiptHandle: "garbage" })),
    ).rejects.toMatchObject({ name: "ReceiptHandleIsInvalid" });
    await expect(
      client.send(new CreateQueueCommand({ QueueName: "not a name!" })),
    ).rejects.toMatchObject({ $metadata: { httpStatusCode: 400 } });
    await expect(
      client.send(new SendMessageBatchCommand({ QueueUrl: url, Entries: [] })),
    ).rejects.toMatchObject({ name: "EmptyBatchRequest" });
  });
});

/** Available, in flight, delayed. */
async function counts(client: SQSClient, url: string): Promise<number[]> {
  const { Attributes } = await client.send(
    new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ["All"] }),
  );
  return [
    Number(Attributes?.ApproximateNumberOfMessages),
    Number(Attributes?.ApproximateNumberOfMessagesNotVisible),
    Number(Attributes?.ApproximateNumberOfMessagesDelayed),
  ];
}

function md5(text: string): string {
  return createHash("md5").update(text).digest("hex");
}
