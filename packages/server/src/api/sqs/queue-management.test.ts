/** CreateQueue, GetQueueUrl, ListQueues, DeleteQueue, PurgeQueue. */
import { beforeEach, describe, expect, test } from "vitest";
import { errorOutput, QUEUES_URL, SqsCaller } from "../../testing/sqs-caller.ts";

const INVALID = "com.amazon.coral.service#InvalidParameterValueException";
const MISSING = "com.amazon.coral.service#MissingRequiredParameterException";
const BAD_NAME =
  "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length";
const NOT_THERE = errorOutput(
  "com.amazonaws.sqs#QueueDoesNotExist",
  "The specified queue does not exist.",
);

let sqs: SqsCaller;

beforeEach(() => {
  sqs = new SqsCaller();
});

describe("CreateQueue", () => {
  test.each(["q", "x".repeat(80), "Az09_-"])("the name %s is taken", async (name) => {
    const reply = await sqs.call("CreateQueue", { QueueName: name });
    expect(reply.output).toEqual({ QueueUrl: `${QUEUES_URL}/${name}` });
  });

  test.each(["x".repeat(81), "a b", "a.b", "ä", "a/b", "orders.fifo"])(
    "the name %s is refused",
    async (name) => {
      const reply = await sqs.call("CreateQueue", { QueueName: name });
      expect(reply.status).toBe(400);
      expect(reply.output).toEqual(errorOutput(INVALID, BAD_NAME));
    },
  );

  test.each([{}, { QueueName: "" }, { QueueName: null }])("%j lacks a name", async (input) => {
    const reply = await sqs.call("CreateQueue", input);
    expect(reply.output).toEqual(
      errorOutput(MISSING, "The request must contain the parameter QueueName."),
    );
  });

  test("the names of FIFO queues have rules", async () => {
    const fifo = { FifoQueue: "true" };
    const good = await sqs.call("CreateQueue", { QueueName: "a.fifo", Attributes: fifo });
    expect(good.output["QueueUrl"]).toMatch(/a\.fifo$/);
    const bad = await sqs.call("CreateQueue", { QueueName: "a", Attributes: fifo });
    expect(bad.output).toEqual(
      errorOutput(
        INVALID,
        "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length",
      ),
    );
  });

  test.each([
    ["no attributes", {}],
    ["the same", { DelaySeconds: "5", VisibilityTimeout: "60" }],
    ["a part of them", { DelaySeconds: "5" }],
    ["the same in other words", { DelaySeconds: "05", VisibilityTimeout: 60 }],
    ["a default nobody set", { SqsManagedSseEnabled: "True", MaximumMessageSize: "1048576" }],
  ])("creating again with %s gives the URL", async (_what, attributes) => {
    await sqs.createQueue("q", { DelaySeconds: "5", VisibilityTimeout: "60" });
    const reply = await sqs.call("CreateQueue", { QueueName: "q", Attributes: attributes });
    expect(reply.output).toEqual({ QueueUrl: `${QUEUES_URL}/q` });
  });

  test.each([
    [{ DelaySeconds: "6" }, "DelaySeconds"],
    [{ DelaySeconds: "5", MaximumMessageSize: "1024" }, "MaximumMessageSize"],
    [{ Policy: '{"Version":"2012-10-17"}' }, "Policy"],
    [{ SqsManagedSseEnabled: "false" }, "SqsManagedSseEnabled"],
    [
      { RedrivePolicy: '{"deadLetterTargetArn":"arn:aws:sqs:r:1:q","maxReceiveCount":3}' },
      "RedrivePolicy",
    ],
  ])("creating again with %j names what differs", async (attributes, name) => {
    await sqs.createQueue("q", { DelaySeconds: "5" });
    const reply = await sqs.call("CreateQueue", { QueueName: "q", Attributes: attributes });
    expect(reply.headers["x-amzn-query-error"]).toBe("QueueAlreadyExists;Sender");
    expect(reply.output).toEqual(
      errorOutput(
        "com.amazonaws.sqs#QueueNameExists",
        `A queue already exists with the same name and a different value for attribute ${name}`,
      ),
    );
  });

  test("an attribute changed since does not stand in the way of one that is not asked for", async () => {
    const url = await sqs.createQueue("q", { DelaySeconds: "5" });
    await sqs.call("SetQueueAttributes", { QueueUrl: url, Attributes: { DelaySeconds: "7" } });
    expect((await sqs.call("CreateQueue", { QueueName: "q" })).status).toBe(200);
  });
});

describe("GetQueueUrl", () => {
  test("gives the URL of a queue that is there", async () => {
    const url = await sqs.createQueue("q");
    const input = { QueueName: "q", QueueOwnerAWSAccountId: "123456789012" };
    expect((await sqs.call("GetQueueUrl", input)).output).toEqual({ QueueUrl: url });
  });

  test.each(["Q", "other", "not a name", "x".repeat(81)])("%s is not there", async (name) => {
    await sqs.createQueue("q");
    const reply = await sqs.call("GetQueueUrl", { QueueName: name });
    expect(reply.output).toEqual(NOT_THERE);
  });
});

describe("ListQueues", () => {
  test("nothing to list is no member at all", async () => {
    expect((await sqs.call("ListQueues", {})).text).toBe("{}");
  });

  test("lists by prefix, in order", async () => {
    for (const name of ["b1", "a2", "a1"]) await sqs.createQueue(name);
    expect((await sqs.call("ListQueues", {})).output).toEqual({
      QueueUrls: ["a1", "a2", "b1"].map((name) => `${QUEUES_URL}/${name}`),
    });
    expect((await sqs.call("ListQueues", { QueueNamePrefix: "a" })).output).toEqual({
      QueueUrls: ["a1", "a2"].map((name) => `${QUEUES_URL}/${name}`),
    });
  });

  test("pages follow each other to the end", async () => {
    for (const name of ["a", "b", "c", "d"]) await sqs.createQueue(name);
    const first = await sqs.call("ListQueues", { MaxResults: 2 });
    expect(first.output["QueueUrls"]).toEqual([`${QUEUES_URL}/a`, `${QUEUES_URL}/b`]);
    const token = first.output["NextToken"];
    const second = await sqs.call("ListQueues", { MaxResults: 2, NextToken: token });
    expect(second.output).toEqual({ QueueUrls: [`${QUEUES_URL}/c`, `${QUEUES_URL}/d`] });
  });

  test("without MaxResults there are a thousand at most and no token", async () => {
    for (let at = 0; at < 1001; at++) await sqs.createQueue(`q${at}`);
    const { output } = await sqs.call("ListQueues", {});
    expect(output["QueueUrls"]).toHaveLength(1000);
    expect(output["NextToken"]).toBeUndefined();
  });

  test.each([
    [0, false],
    [1, true],
    [1000, true],
    [1001, false],
    [-1, false],
  ])("MaxResults %i is fine: %s", async (asked, fine) => {
    const reply = await sqs.call("ListQueues", { MaxResults: asked });
    expect(reply.output).toEqual(
      fine
        ? {}
        : errorOutput(
            INVALID,
            `Value ${asked} for parameter MaxResults is invalid. Reason: Must be between 1 and 1000, if provided.`,
          ),
    );
  });

  test.each(["*", "YSBi", "////"])("the token %s is refused", async (token) => {
    const reply = await sqs.call("ListQueues", { NextToken: token });
    expect(reply.output).toEqual(errorOutput(INVALID, "Invalid or expired next token."));
  });
});

describe("DeleteQueue", () => {
  test("deletes at once; a second time there is nothing", async () => {
    const url = await sqs.createQueue("q");
    expect((await sqs.call("DeleteQueue", { QueueUrl: url })).status).toBe(200);
    expect((await sqs.call("DeleteQueue", { QueueUrl: url })).output).toEqual(NOT_THERE);
  });
});

describe("PurgeQueue", () => {
  const again = errorOutput(
    "com.amazonaws.sqs#PurgeQueueInProgress",
    "Only one PurgeQueue operation on q is allowed every 60 seconds.",
  );

  test("removes every message, once in sixty seconds", async () => {
    const url = await sqs.createQueue("q");
    await sqs.sendMessage(url, "a");
    expect((await sqs.call("PurgeQueue", { QueueUrl: url })).text).toBe("");
    expect((await sqs.call("ReceiveMessage", { QueueUrl: url })).text).toBe("{}");
    sqs.clock.advance(59_999);
    const tooSoon = await sqs.call("PurgeQueue", { QueueUrl: url });
    expect([tooSoon.status, tooSoon.output]).toEqual([403, again]);
    sqs.clock.advance(1);
    expect((await sqs.call("PurgeQueue", { QueueUrl: url })).status).toBe(200);
  });

  test("an SDK's retry passes; a queue made anew may be purged", async () => {
    const url = await sqs.createQueue("q");
    const headers = { "amz-sdk-invocation-id": "one" };
    expect((await sqs.call("PurgeQueue", { QueueUrl: url }, headers)).status).toBe(200);
    expect((await sqs.call("PurgeQueue", { QueueUrl: url }, headers)).status).toBe(200);
    await sqs.call("DeleteQueue", { QueueUrl: url });
    await sqs.createQueue("q");
    expect((await sqs.call("PurgeQueue", { QueueUrl: url })).status).toBe(200);
  });

  test("a queue that is not there says so, every time", async () => {
    for (let round = 0; round < 2; round++) {
      const reply = await sqs.call("PurgeQueue", { QueueUrl: `${QUEUES_URL}/q` });
      expect(reply.output).toEqual(NOT_THERE);
    }
  });
});
