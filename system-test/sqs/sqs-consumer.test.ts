import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  SendMessageBatchCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { Consumer } from "sqs-consumer";
import { expect, onTestFinished, test } from "vitest";
import { until } from "../harness/condition.ts";
import { startCluster } from "../harness/fixture.ts";

const MESSAGES = 300;

test("sqs-consumer works through a queue, across the death of the leader", async () => {
  const cluster = await startCluster();
  const old = await cluster.leader();
  const client = new SQSClient({
    endpoint: cluster.url(cluster.otherThan(old)),
    region: "us-east-1",
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
    maxAttempts: 10,
  });
  onTestFinished(() => client.destroy());
  const { QueueUrl = "" } = await client.send(
    new CreateQueueCommand({ QueueName: "jobs", Attributes: { VisibilityTimeout: "5" } }),
  );
  for (let first = 0; first < MESSAGES; first += 10) {
    const Entries = Array.from({ length: 10 }, (_, index) => ({
      Id: String(index),
      MessageBody: `job ${first + index}`,
    }));
    const { Successful } = await client.send(new SendMessageBatchCommand({ QueueUrl, Entries }));
    expect(Successful).toHaveLength(10);
  }

  const done = new Set<string>();
  const consumer = Consumer.create({
    queueUrl: QueueUrl,
    sqs: client,
    batchSize: 10,
    waitTimeSeconds: 1,
    pollingWaitTimeMs: 0,
    handleMessage: async (message) => {
      done.add(message.Body ?? "");
      return message;
    },
  });
  // Its errors are the election's; it goes on polling.
  consumer.on("error", () => undefined);
  consumer.on("processing_error", () => undefined);
  onTestFinished(() => consumer.stop({ abort: true }));
  consumer.start();
  await until(() => done.size >= MESSAGES / 3, { what: "a third of the jobs" });
  await cluster.kill(old);
  await until(() => done.size === MESSAGES, { what: "all the jobs", timeoutMs: 60_000 });
  await until(
    async () => {
      const { Attributes } = await client.send(
        new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["All"] }),
      );
      const waiting = Number(Attributes?.["ApproximateNumberOfMessages"]);
      return waiting + Number(Attributes?.["ApproximateNumberOfMessagesNotVisible"]) === 0;
    },
    { what: "the queue to be empty" },
  );
});
