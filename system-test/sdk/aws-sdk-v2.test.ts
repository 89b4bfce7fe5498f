/** The SDK for JavaScript of before 2.1492.0: the Query protocol. It checks every digest by itself. */
import SQS from "aws-sdk/clients/sqs.js";
import { describe, expect, test } from "vitest";
import { CREDENTIALS, startSigningCluster } from "./errand.ts";

const COUNT = 60;

function client(endpoint: string, secretAccessKey: string = CREDENTIALS.secretAccessKey): SQS {
  const { accessKeyId } = CREDENTIALS;
  const credentials = { accessKeyId, secretAccessKey };
  return new SQS({ endpoint, region: "eu-west-1", ...credentials, maxRetries: 12 });
}

function attributes(number: number): SQS.MessageBodyAttributeMap {
  return {
    colour: { DataType: "String", StringValue: 'red <&> "blue" \r\n é' },
    number: { DataType: "Number", StringValue: String(number) },
    raw: { DataType: "Binary", BinaryValue: Buffer.from([0, 1, 255]) },
  };
}

describe("aws-sdk v2", () => {
  test("sends, receives and deletes over the Query protocol while the leader is killed", async () => {
    const cluster = await startSigningCluster();
    const leader = await cluster.leader();
    const sqs = client(cluster.url(cluster.otherThan(leader)));
    const { QueueUrl = "" } = await sqs
      .createQueue({
        QueueName: "v2",
        Attributes: { VisibilityTimeout: "5", ReceiveMessageWaitTimeSeconds: "1" },
        tags: { team: "a & b" },
      })
      .promise();
    expect((await sqs.listQueues({ QueueNamePrefix: "v" }).promise()).QueueUrls).toEqual([
      QueueUrl,
    ]);
    expect((await sqs.listQueueTags({ QueueUrl }).promise()).Tags).toEqual({ team: "a & b" });
    const shown = await sqs.getQueueAttributes({ QueueUrl, AttributeNames: ["All"] }).promise();
    expect(shown.Attributes).toMatchObject({ VisibilityTimeout: "5" });
    for (let first = 0; first < COUNT; first += 10) {
      if (first === COUNT / 2) await cluster.kill(leader);
      const Entries = Array.from({ length: 10 }, (_, at) => ({
        Id: `e${at}`,
        MessageBody: `job ${first + at} <&> "\r\n" 你好 🐇`,
        MessageAttributes: attributes(first + at),
      }));
      const sent = await sqs.sendMessageBatch({ QueueUrl, Entries }).promise();
      expect([sent.Successful.length, sent.Failed.length]).toEqual([10, 0]);
    }
    const seen = new Set<string>();
    while (seen.size < COUNT) {
      const input = { QueueUrl, MaxNumberOfMessages: 10, MessageAttributeNames: ["All"] };
      const { Messages = [] } = await sqs.receiveMessage(input).promise();
      for (const { Body = "", MessageAttributes, ReceiptHandle = "" } of Messages) {
        expect(MessageAttributes).toMatchObject(attributes(Number(/\d+/.exec(Body)?.[0])));
        seen.add(Body);
        await sqs.deleteMessage({ QueueUrl, ReceiptHandle }).promise();
      }
    }
    await sqs.deleteQueue({ QueueUrl }).promise();
  });

  test("meets the errors that programs compare", async () => {
    const cluster = await startSigningCluster();
    const sqs = client(cluster.url(1));
    const { QueueUrl = "" } = await sqs.createQueue({ QueueName: "errors" }).promise();
    await expect(sqs.getQueueUrl({ QueueName: "nowhere" }).promise()).rejects.toMatchObject({
      code: "AWS.SimpleQueueService.NonExistentQueue",
      statusCode: 400,
      message: "The specified queue does not exist for this wsdl version.",
    });
    const ReceiptHandle = "garbage";
    await expect(sqs.deleteMessage({ QueueUrl, ReceiptHandle }).promise()).rejects.toMatchObject({
      code: "ReceiptHandleIsInvalid",
      statusCode: 404,
    });
    const stranger = client(cluster.url(1), "another secret");
    await expect(stranger.listQueues().promise()).rejects.toMatchObject({
      code: "SignatureDoesNotMatch",
      statusCode: 403,
    });
  });
});
