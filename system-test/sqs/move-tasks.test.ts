/** A move task goes on under the next leader: nothing is lost, nothing is there twice, and the rate is kept. */
import {
  CancelMessageMoveTaskCommand,
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  ListMessageMoveTasksCommand,
  type ListMessageMoveTasksResultEntry,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SQSClient,
  StartMessageMoveTaskCommand,
} from "@aws-sdk/client-sqs";
import { describe, expect, onTestFinished, test } from "vitest";
import { until } from "../harness/condition.ts";
import { startCluster } from "../harness/fixture.ts";

const ARN = "arn:aws:sqs:us-east-1:000000000000";
const BATCH = 10;
const BATCHES_AT_ONCE = 8;

function sdk(endpoint: string): SQSClient {
  const client = new SQSClient({
    endpoint,
    region: "us-east-1",
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
    maxAttempts: 10,
  });
  onTestFinished(() => client.destroy());
  return client;
}

/** Runs `call` for 0, 1, …, a few at a time. */
async function each(count: number, call: (i: number) => Promise<void>): Promise<void> {
  let next = 0;
  const run = async (): Promise<void> => {
    while (next < count) await call(next++);
  };
  await Promise.all(Array.from({ length: BATCHES_AT_ONCE }, run));
}

async function createQueues(client: SQSClient): Promise<void> {
  await client.send(new CreateQueueCommand({ QueueName: "dead" }));
  const policy = { deadLetterTargetArn: `${ARN}:dead`, maxReceiveCount: 1 };
  const attributes = { VisibilityTimeout: "0", RedrivePolicy: JSON.stringify(policy) };
  await client.send(new CreateQueueCommand({ QueueName: "q", Attributes: attributes }));
}

/** Sends `count` messages and receives each once, which makes dead letters of them. */
async function bury(client: SQSClient, count: number): Promise<void> {
  await each(count / BATCH, async (batch) => {
    const entries = Array.from({ length: BATCH }, (_, i) => {
      return { Id: `${i}`, MessageBody: `body ${batch * BATCH + i}` };
    });
    await client.send(new SendMessageBatchCommand({ QueueUrl: "q", Entries: entries }));
  });
  await until(
    async () => {
      await each(BATCHES_AT_ONCE, async () => {
        await client.send(new ReceiveMessageCommand({ QueueUrl: "q", MaxNumberOfMessages: BATCH }));
      });
      return (await available(client, "dead")) === count;
    },
    { what: "dead letters", timeoutMs: 120_000 },
  );
}

async function available(client: SQSClient, queue: string): Promise<number> {
  const asked = { QueueUrl: queue, AttributeNames: ["ApproximateNumberOfMessages" as const] };
  const { Attributes: attributes } = await client.send(new GetQueueAttributesCommand(asked));
  return Number(attributes?.ApproximateNumberOfMessages);
}

async function newestTask(client: SQSClient): Promise<ListMessageMoveTasksResultEntry> {
  const asked = new ListMessageMoveTasksCommand({ SourceArn: `${ARN}:dead` });
  const { Results: results } = await client.send(asked);
  return results?.[0] ?? {};
}

/** Takes everything out of a queue; gives the bodies. */
async function drain(client: SQSClient, queue: string, count: number): Promise<string[]> {
  const bodies: string[] = [];
  await until(
    async () => {
      const asked = { QueueUrl: queue, MaxNumberOfMessages: BATCH, VisibilityTimeout: 600 };
      const { Messages: messages = [] } = await client.send(new ReceiveMessageCommand(asked));
      if (messages.length === 0) return bodies.length >= count;
      bodies.push(...messages.map(({ Body: body }) => body ?? ""));
      const entries = messages.map(({ ReceiptHandle: handle }, i) => {
        return { Id: `${i}`, ReceiptHandle: handle };
      });
      await client.send(new DeleteMessageBatchCommand({ QueueUrl: queue, Entries: entries }));
      return false;
    },
    { what: () => `${bodies.length} of ${count} messages`, timeoutMs: 120_000 },
  );
  return bodies;
}

describe("a move task", () => {
  test("moves 2,000 dead letters back exactly once though the leader is killed half-way", async () => {
    const cluster = await startCluster();
    const leader = await cluster.leader();
    const client = sdk(cluster.url(cluster.otherThan(leader)));
    const count = 2_000;
    await createQueues(client);
    await bury(client, count);

    await client.send(
      new StartMessageMoveTaskCommand({
        SourceArn: `${ARN}:dead`,
        MaxNumberOfMessagesPerSecond: 500,
      }),
    );
    const half = await until(
      async () => {
        const task = await newestTask(client);
        return (task.ApproximateNumberOfMessagesMoved ?? 0) >= 500 && task;
      },
      { what: "a quarter of the messages" },
    );
    expect(half).toMatchObject({ Status: "RUNNING", ApproximateNumberOfMessagesToMove: count });
    await cluster.kill(leader);

    const ended = await until(
      async () => {
        const task = await newestTask(client);
        return task.Status !== "RUNNING" && task;
      },
      { what: "the end of the task", timeoutMs: 60_000 },
    );
    expect(ended).toMatchObject({
      Status: "COMPLETED",
      ApproximateNumberOfMessagesMoved: count,
      StartedTimestamp: half.StartedTimestamp,
    });
    expect(ended.TaskHandle).toBeUndefined();
    expect(await available(client, "dead")).toBe(0);
    const bodies = await drain(client, "q", count);
    expect(bodies).toHaveLength(count);
    expect(new Set(bodies).size).toBe(count);
    expect(await available(client, "dead")).toBe(0);
  });

  test("is cancelled at any node, and known after all nodes were killed", async () => {
    const cluster = await startCluster();
    const client = sdk(cluster.url(1));
    const count = 200;
    await createQueues(client);
    await bury(client, count);
    const { TaskHandle: handle } = await client.send(
      new StartMessageMoveTaskCommand({
        SourceArn: `${ARN}:dead`,
        MaxNumberOfMessagesPerSecond: 1,
      }),
    );
    for (const id of [...cluster.running]) await cluster.kill(id);
    cluster.startAll();
    await cluster.leader();

    const other = sdk(cluster.url(2));
    const moved = await until(
      async () => {
        const answer = await other.send(new CancelMessageMoveTaskCommand({ TaskHandle: handle }));
        return answer.ApproximateNumberOfMessagesMoved;
      },
      { what: "the cancelling" },
    );
    const task = await newestTask(client);
    expect(task).toMatchObject({ Status: "CANCELLED", ApproximateNumberOfMessagesMoved: moved });
    expect(await available(client, "dead")).toBe(count - moved);
  });
});
