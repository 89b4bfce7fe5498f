/** The SDK for JavaScript of today, and libraries on top of it, against a cluster that checks signatures. */
import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  ListQueuesCommand,
  ListQueueTagsCommand,
  SendMessageCommand,
  SQSClient,
  TagQueueCommand,
} from "@aws-sdk/client-sqs";
import { Producer } from "sqs-producer";
import { describe, expect, onTestFinished, test } from "vitest";
import { CREDENTIALS, startSigningCluster } from "./errand.ts";

function client(endpoint: string, credentials = CREDENTIALS): SQSClient {
  const sqs = new SQSClient({ endpoint, region: "eu-west-1", credentials, maxAttempts: 10 });
  onTestFinished(() => sqs.destroy());
  return sqs;
}

describe("@aws-sdk/client-sqs", () => {
  test("signs as the cluster verifies; others are refused by name", async () => {
    const cluster = await startSigningCluster();
    const url = cluster.url(1);
    const sqs = client(url);
    const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: "signed" }));
    await sqs.send(new TagQueueCommand({ QueueUrl, Tags: { a: "1" } }));
    expect((await sqs.send(new ListQueueTagsCommand({ QueueUrl }))).Tags).toEqual({ a: "1" });
    const wrongSecret = client(url, { ...CREDENTIALS, secretAccessKey: "another" });
    await expect(wrongSecret.send(new ListQueuesCommand({}))).rejects.toMatchObject({
      name: "SignatureDoesNotMatch",
      $metadata: { httpStatusCode: 403 },
    });
    const wrongKey = client(url, { accessKeyId: "AKIANOBODY", secretAccessKey: "x" });
    await expect(wrongKey.send(new ListQueuesCommand({}))).rejects.toMatchObject({
      name: "InvalidClientTokenId",
    });
    const unsigned = await fetch(`${url}/?Action=ListQueues`);
    expect([unsigned.status, await unsigned.text()]).toEqual([
      403,
      expect.stringContaining("<Code>AccessDenied</Code>"),
    ]);
  });
});

describe("sqs-producer", () => {
  test("sends a thousand messages while the leader is killed", async () => {
    const cluster = await startSigningCluster();
    const leader = await cluster.leader();
    const sqs = client(cluster.url(cluster.otherThan(leader)));
    const { QueueUrl = "" } = await sqs.send(new CreateQueueCommand({ QueueName: "produced" }));
    const producer = Producer.create({ queueUrl: QueueUrl, sqs });
    const batch = (part: number): { id: string; body: string }[] =>
      Array.from({ length: 500 }, (_, at) => ({ id: `${part}-${at}`, body: `job ${part}-${at}` }));
    expect(await producer.send(batch(0))).toHaveLength(500);
    const sending = producer.send(batch(1));
    await cluster.kill(leader);
    expect(await sending).toHaveLength(500);
    expect(await producer.queueSize()).toBe(1_000);
    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: "one more" }));
    const names = ["ApproximateNumberOfMessages"] as const;
    const { Attributes } = await sqs.send(
      new GetQueueAttributesCommand({ QueueUrl, AttributeNames: [...names] }),
    );
    expect(Attributes?.ApproximateNumberOfMessages).toBe("1001");
  });
});
