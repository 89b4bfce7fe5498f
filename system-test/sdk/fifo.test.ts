/** FIFO queues by the SDK for JavaScript against three nodes, the leader killed half-way. */
import {
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { describe, expect, onTestFinished, test } from "vitest";
import { CREDENTIALS, startSigningCluster } from "./errand.ts";

const GROUPS = 7;
const MESSAGES = 200;

function client(endpoint: string): SQSClient {
  const credentials = CREDENTIALS;
  const sqs = new SQSClient({ endpoint, region: "eu-west-1", credentials, maxAttempts: 10 });
  onTestFinished(() => sqs.destroy());
  return sqs;
}

async function createFifo(sqs: SQSClient, name: string): Promise<string> {
  const Attributes = { FifoQueue: "true", ContentBasedDeduplication: "true" };
  const { QueueUrl = "" } = await sqs.send(new CreateQueueCommand({ QueueName: name, Attributes }));
  return QueueUrl;
}

function entry(at: number): { Id: string; MessageBody: string; MessageGroupId: string } {
  return {
    Id: `e${at}`,
    MessageBody: `message ${at}`,
    MessageGroupId: `group-${at % GROUPS}`,
  };
}

/** Sends messages `from` to `to` in batches of ten, in order; gives their ids. */
async function sendAll(
  sqs: SQSClient,
  QueueUrl: string,
  range: { readonly from: number; readonly to: number },
): Promise<string[]> {
  const ids: string[] = [];
  for (let from = range.from; from < range.to; from += 10) {
    const Entries = Array.from({ length: 10 }, (_, i) => entry(from + i));
    const { Successful = [] } = await sqs.send(new SendMessageBatchCommand({ QueueUrl, Entries }));
    ids.push(...Successful.map(({ MessageId = "" }) => MessageId));
  }
  return ids;
}

async function receive(sqs: SQSClient, QueueUrl: string): Promise<Message[]> {
  const asked = { QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 1, VisibilityTimeout: 60 };
  const command = new ReceiveMessageCommand({
    ...asked,
    MessageSystemAttributeNames: ["MessageGroupId", "SequenceNumber"],
  });
  return (await sqs.send(command)).Messages ?? [];
}

async function remove(sqs: SQSClient, QueueUrl: string, messages: Message[]): Promise<void> {
  const Entries = messages.map(({ ReceiptHandle }, at) => ({ Id: `d${at}`, ReceiptHandle }));
  await sqs.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }));
}

describe("a FIFO queue, the leader killed while messages are sent and received", () => {
  test("keeps the order of each group, and its deduplication ids", async () => {
    const cluster = await startSigningCluster();
    const leader = await cluster.leader();
    const sqs = client(cluster.url(cluster.otherThan(leader)));
    const QueueUrl = await createFifo(sqs, "orders.fifo");
    const first = await sendAll(sqs, QueueUrl, { from: 0, to: MESSAGES / 2 });
    const received: Message[] = [];
    const take = async (): Promise<void> => {
      const messages = await receive(sqs, QueueUrl);
      received.push(...messages);
      if (messages.length > 0) await remove(sqs, QueueUrl, messages);
    };
    await take();
    const sending = sendAll(sqs, QueueUrl, { from: MESSAGES / 2, to: MESSAGES });
    await cluster.kill(leader);
    await take();
    const rest = await sending;
    // Sent again within five minutes, under another leader: the same messages.
    const again = await sendAll(sqs, QueueUrl, { from: 0, to: 20 });
    expect(again).toEqual(first.slice(0, 20));
    while (received.length < MESSAGES) await take();
    expect(await receive(sqs, QueueUrl)).toEqual([]);
    expect(new Set(received.map(({ MessageId }) => MessageId))).toEqual(
      new Set([...first, ...rest]),
    );
    for (let group = 0; group < GROUPS; group++) {
      const inGroup = received.filter((m) => m.Attributes?.MessageGroupId === `group-${group}`);
      const bodies = inGroup.map(({ Body }) => Body);
      const wanted = Array.from({ length: MESSAGES }, (_, at) => at);
      expect(bodies).toEqual(
        wanted.filter((at) => at % GROUPS === group).map((at) => `message ${at}`),
      );
      const numbers = inGroup.map(({ Attributes }) => Attributes?.SequenceNumber ?? "");
      expect(numbers).toEqual([...numbers].sort());
    }
  });

  test("locks a group, and gives an attempt its messages again", async () => {
    const cluster = await startSigningCluster();
    const leader = await cluster.leader();
    const sqs = client(cluster.url(cluster.otherThan(leader)));
    const QueueUrl = await createFifo(sqs, "locked.fifo");
    for (const body of ["1", "2", "3"]) {
      const message = { QueueUrl, MessageBody: body, MessageGroupId: "g" };
      await sqs.send(new SendMessageCommand(message));
    }
    const attempt = new ReceiveMessageCommand({
      QueueUrl,
      MaxNumberOfMessages: 2,
      VisibilityTimeout: 600,
      ReceiveRequestAttemptId: "attempt",
    });
    const { Messages: once = [] } = await sqs.send(attempt);
    expect(once.map(({ Body }) => Body)).toEqual(["1", "2"]);
    await cluster.kill(leader);
    expect(await receive(sqs, QueueUrl)).toEqual([]);
    const { Messages: twice = [] } = await sqs.send(attempt);
    expect(twice.map(({ ReceiptHandle }) => ReceiptHandle)).toEqual(
      once.map(({ ReceiptHandle }) => ReceiptHandle),
    );
    await remove(sqs, QueueUrl, twice);
    expect((await receive(sqs, QueueUrl)).map(({ Body }) => Body)).toEqual(["3"]);
  });
});
