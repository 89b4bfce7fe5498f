/** GetQueueAttributes and SetQueueAttributes: ranges, texts, dead letters, what is shown. */
import { beforeEach, describe, expect, test } from "vitest";
import { errorOutput, QUEUES_URL, SqsCaller } from "../../testing/sqs-caller.ts";

const INVALID = "com.amazon.coral.service#InvalidParameterValueException";
const VALUE = "com.amazonaws.sqs#InvalidAttributeValue";
const NAME = "com.amazonaws.sqs#InvalidAttributeName";
const ARN = "arn:aws:sqs:us-east-1:000000000000";

let sqs: SqsCaller;
let url: string;

beforeEach(async () => {
  sqs = new SqsCaller();
  url = await sqs.createQueue("q");
});

async function set(attributes: Record<string, unknown>): Promise<[number, unknown]> {
  const reply = await sqs.call("SetQueueAttributes", { QueueUrl: url, Attributes: attributes });
  return [reply.status, reply.text === "" ? undefined : reply.output];
}

async function get(...names: string[]): Promise<unknown> {
  const reply = await sqs.call("GetQueueAttributes", { QueueUrl: url, AttributeNames: names });
  return reply.output["Attributes"] ?? reply.output;
}

const FINE = [200, undefined];

describe("what is shown", () => {
  test("All of a fresh queue is exactly this", async () => {
    expect(await get("All")).toEqual({
      ApproximateNumberOfMessages: "0",
      ApproximateNumberOfMessagesDelayed: "0",
      ApproximateNumberOfMessagesNotVisible: "0",
      CreatedTimestamp: "1700000000",
      DelaySeconds: "0",
      LastModifiedTimestamp: "1700000000",
      MaximumMessageSize: "1048576",
      MessageRetentionPeriod: "345600",
      QueueArn: `${ARN}:q`,
      ReceiveMessageWaitTimeSeconds: "0",
      SqsManagedSseEnabled: "true",
      VisibilityTimeout: "30",
    });
  });

  test("no names give nothing; named ones come alone; those not set are left out", async () => {
    expect(await get()).toEqual({});
    expect(await get("QueueArn")).toEqual({ QueueArn: `${ARN}:q` });
    expect(await get("Policy", "FifoQueue")).toEqual({});
  });

  test.each(["Foobar", "visibilityTimeout", "toString", ""])("%j is unknown", async (name) => {
    expect(await get(name)).toEqual(errorOutput(NAME, `Unknown Attribute ${name}.`));
  });

  test("counters tell available, in flight and delayed apart", async () => {
    await sqs.sendMessage(url, "a");
    await sqs.sendMessage(url, "b");
    await sqs.call("SendMessage", { QueueUrl: url, MessageBody: "c", DelaySeconds: 9 });
    await sqs.receiveHandle(url);
    expect(
      await get(
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesNotVisible",
        "ApproximateNumberOfMessagesDelayed",
      ),
    ).toEqual({
      ApproximateNumberOfMessages: "1",
      ApproximateNumberOfMessagesNotVisible: "1",
      ApproximateNumberOfMessagesDelayed: "1",
    });
  });
});

describe("ranges", () => {
  test.each([
    ["VisibilityTimeout", 0, 43_200],
    ["DelaySeconds", 0, 900],
    ["MaximumMessageSize", 1_024, 1_048_576],
    ["MessageRetentionPeriod", 60, 1_209_600],
    ["ReceiveMessageWaitTimeSeconds", 0, 20],
    ["KmsDataKeyReusePeriodSeconds", 60, 86_400],
  ])("%s is %i to %i", async (name, least, most) => {
    const wrong = [400, errorOutput(VALUE, `Invalid value for the parameter ${name}.`)];
    for (const value of [least, most]) {
      expect(await set({ [name]: String(value) })).toEqual(FINE);
      expect(await get(name)).toEqual({ [name]: String(value) });
    }
    for (const value of [least - 1, most + 1, "", "x", "1.5", " 1", "1e2"]) {
      expect(await set({ [name]: String(value) })).toEqual(wrong);
    }
    expect(await set({ [name]: most })).toEqual(FINE);
  });

  test("a change moves LastModifiedTimestamp and nothing else", async () => {
    const before = await get("All");
    sqs.clock.advance(5_000);
    await set({ DelaySeconds: "3" });
    expect(await get("All")).toEqual({
      ...Object(before),
      DelaySeconds: "3",
      LastModifiedTimestamp: "1700000005",
    });
  });

  test("nothing is set when one of the values is wrong", async () => {
    expect((await set({ DelaySeconds: "3", VisibilityTimeout: "-1" }))[0]).toBe(400);
    expect(await get("DelaySeconds")).toEqual({ DelaySeconds: "0" });
  });
});

describe("names that can't be set", () => {
  test.each([
    "QueueArn",
    "CreatedTimestamp",
    "ApproximateNumberOfMessages",
    "All",
    "Foobar",
    "FifoQueue",
    "ContentBasedDeduplication",
    "hasOwnProperty",
  ])("%s", async (name) => {
    expect(await set({ [name]: "true" })).toEqual([
      400,
      errorOutput(NAME, `Unknown Attribute ${name}.`),
    ]);
  });

  test.each(["DeduplicationScope", "FifoThroughputLimit"])("%s is for FIFO", async (name) => {
    expect(await set({ [name]: "queue" })).toEqual([
      400,
      errorOutput(NAME, `You can specify the ${name} only when FifoQueue is set to true.`),
    ]);
  });

  test("FifoQueue=false on a standard queue is refused, not ignored", async () => {
    const reply = await sqs.call("CreateQueue", {
      QueueName: "r",
      Attributes: { FifoQueue: "false" },
    });
    expect(reply.output).toEqual(errorOutput(NAME, "Unknown Attribute FifoQueue."));
  });

  test("no attributes at all is a missing parameter", async () => {
    const expected = "The request must contain the parameter Attribute.Name.";
    expect((await set({}))[1]).toMatchObject({ message: expected });
  });
});

describe("texts", () => {
  const policy = '{"Version":"2012-10-17","Statement":[]}';

  test("a policy is given back as it was sent; an empty text removes it", async () => {
    expect(await set({ Policy: policy })).toEqual(FINE);
    expect(await get("All")).toMatchObject({ Policy: policy });
    expect(await set({ Policy: "" })).toEqual(FINE);
    expect(await get("Policy")).toEqual({});
  });

  const policyOf = (length: number): string => {
    const text = JSON.stringify({ a: "" });
    return JSON.stringify({ a: "x".repeat(length - text.length) });
  };
  const statements = (count: number): string =>
    JSON.stringify({ Statement: Array.from({ length: count }, () => ({})) });

  test.each([policyOf(8_192), statements(20)])("the longest policies are fine", async (text) => {
    expect(await set({ Policy: text })).toEqual(FINE);
  });

  test.each([
    "{",
    "[]",
    "7",
    policyOf(8_193),
    JSON.stringify({ a: "€".repeat(2_731) }),
    statements(21),
  ])("%s is no policy", async (text) => {
    expect(await set({ Policy: text })).toEqual([
      400,
      errorOutput(VALUE, "Invalid value for the parameter Policy."),
    ]);
  });

  const policyOfAll = (...statements: unknown[]): string =>
    JSON.stringify({ Statement: statements });
  const list = (count: number): string[] => Array.from({ length: count }, (_, at) => `a${at}`);
  const conditions = (count: number): unknown => ({
    Condition: {
      StringEquals: Object.fromEntries(list(count - 1).map((key) => [key, "x"])),
      Bool: { "aws:SecureTransport": "true" },
    },
  });

  test.each([
    policyOfAll({ Action: list(7) }, { Action: list(7) }),
    policyOfAll({ Principal: { AWS: list(49) } }, { Principal: "*" }),
    policyOfAll(conditions(5), conditions(5)),
  ])("%s is not too much", async (text) => {
    expect(await set({ Policy: text })).toEqual(FINE);
  });

  test.each([
    ["8 Actions were found, maximum allowed is 7.", policyOfAll({ Action: list(8) })],
    [
      "51 Principals were found, maximum allowed is 50.",
      policyOfAll({ Principal: { AWS: list(50) } }, { Principal: { Service: "s3.amazonaws.com" } }),
    ],
    ["11 Conditions were found, maximum allowed is 10.", policyOfAll(conditions(6), conditions(5))],
  ])("%s", async (message, text) => {
    expect(await set({ Policy: text })).toEqual([
      403,
      errorOutput("com.amazonaws.sqs#OverLimit", message),
    ]);
  });

  test("a KMS key turns SqsManagedSseEnabled off, and off it stays", async () => {
    expect(await set({ KmsMasterKeyId: "alias/k" })).toEqual(FINE);
    const names = ["KmsMasterKeyId", "SqsManagedSseEnabled"];
    expect(await get(...names)).toEqual({
      KmsMasterKeyId: "alias/k",
      SqsManagedSseEnabled: "false",
    });
    await set({ KmsMasterKeyId: "" });
    expect(await get(...names)).toEqual({ SqsManagedSseEnabled: "false" });
  });

  test("both kinds of encryption at once are refused", async () => {
    expect(await set({ KmsMasterKeyId: "k", SqsManagedSseEnabled: "true" })).toEqual([
      400,
      errorOutput(
        NAME,
        "You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or SQS SSE.",
      ),
    ]);
  });

  test.each([
    ["False", FINE],
    ["true", FINE],
    ["yes", [400, errorOutput(VALUE, "Invalid value for the parameter SqsManagedSseEnabled.")]],
  ])("SqsManagedSseEnabled may be %s: %j", async (value, expected) => {
    expect(await set({ SqsManagedSseEnabled: value })).toEqual(expected);
  });
});

describe("RedrivePolicy", () => {
  function policyOf(target: string, count: unknown): string {
    return JSON.stringify({ deadLetterTargetArn: `${ARN}:${target}`, maxReceiveCount: count });
  }

  beforeEach(async () => {
    await sqs.createQueue("dead");
  });

  test.each([1, 1000, "1", "1000"])("maxReceiveCount %j is fine, shown as a number", async (n) => {
    expect(await set({ RedrivePolicy: policyOf("dead", n) })).toEqual(FINE);
    expect(await get("RedrivePolicy")).toEqual({
      RedrivePolicy: `{"deadLetterTargetArn":"${ARN}:dead","maxReceiveCount":${n}}`,
    });
  });

  test.each([0, 1001, "0", "1001", -1, 1.5, "x", true])(
    "maxReceiveCount %j is refused",
    async (n) => {
      const text = policyOf("dead", n);
      expect(await set({ RedrivePolicy: text })).toEqual([
        400,
        errorOutput(
          INVALID,
          `Value ${text} for parameter RedrivePolicy is invalid. Reason: Invalid value for maxReceiveCount: ${n}, valid values are from 1 to 1000 both inclusive.`,
        ),
      ]);
    },
  );

  test.each([
    ["{", "Redrive policy is not a valid JSON map."],
    ["[]", "Redrive policy is not a valid JSON map."],
    [
      '{"maxReceiveCount":1}',
      "Redrive policy does not contain mandatory attribute: deadLetterTargetArn.",
    ],
    ['{"deadLetterTargetArn":"dead"}', "Invalid value for deadLetterTargetArn."],
    ['{"deadLetterTargetArn":7}', "Invalid value for deadLetterTargetArn."],
    ['{"a":1}', "Only following attributes are supported: [deadLetterTargetArn, maxReceiveCount]."],
  ])("%s: %s", async (text, reason) => {
    expect(await set({ RedrivePolicy: text })).toEqual([
      400,
      errorOutput(
        INVALID,
        `Value ${text} for parameter RedrivePolicy is invalid. Reason: ${reason}`,
      ),
    ]);
  });

  test("the target must exist, when a queue is made too; a queue may be its own", async () => {
    const text = policyOf("nowhere", 3);
    const expected = errorOutput(
      INVALID,
      `Value ${text} for parameter RedrivePolicy is invalid. Reason: Dead letter target does not exist.`,
    );
    expect(await set({ RedrivePolicy: text })).toEqual([400, expected]);
    const created = await sqs.call("CreateQueue", {
      QueueName: "r",
      Attributes: { RedrivePolicy: text },
    });
    expect(created.output).toEqual(expected);
    expect(await set({ RedrivePolicy: policyOf("q", 3) })).toEqual(FINE);
  });

  test("the target is a queue of the same type", async () => {
    const text = policyOf("dead.fifo", 3);
    expect(await set({ RedrivePolicy: text })).toEqual([
      400,
      errorOutput(
        INVALID,
        `Value ${text} for parameter RedrivePolicy is invalid. Reason: Dead-letter queue must be same type of queue as the source.`,
      ),
    ]);
  });

  test("a text that goes on and on is not read", async () => {
    for (const name of ["RedrivePolicy", "RedriveAllowPolicy"]) {
      const [status, output] = await set({ [name]: `{"a":${"[".repeat(1_000_000)}` });
      expect([status, output]).toMatchObject([400, { __type: INVALID }]);
    }
  });

  test("an empty text removes it", async () => {
    await set({ RedrivePolicy: policyOf("dead", 3) });
    expect(await set({ RedrivePolicy: "" })).toEqual(FINE);
    expect(await get("RedrivePolicy")).toEqual({});
  });

  test("a message is moved after its last receive and tells where it came from", async () => {
    await set({ RedrivePolicy: policyOf("dead", 1), VisibilityTimeout: "0" });
    await sqs.sendMessage(url, "a");
    await sqs.receiveHandle(url);
    expect((await sqs.call("ReceiveMessage", { QueueUrl: url })).text).toBe("{}");
    const dead = await sqs.call("ReceiveMessage", {
      QueueUrl: `${QUEUES_URL}/dead`,
      AttributeNames: ["All"],
    });
    expect(dead.output["Messages"]).toMatchObject([
      { Body: "a", Attributes: { DeadLetterQueueSourceArn: `${ARN}:q` } },
    ]);
  });

  test.each([
    ['{"redrivePermission":"denyAll"}', false],
    ['{"redrivePermission":"allowAll"}', true],
    [`{"redrivePermission":"byQueue","sourceQueueArns":["${ARN}:q"]}`, true],
    [`{"redrivePermission":"byQueue","sourceQueueArns":["${ARN}:r"]}`, false],
  ])("a target with %s takes it: %s", async (allow, fine) => {
    const target = `${QUEUES_URL}/dead`;
    const attributes = { RedriveAllowPolicy: allow };
    await sqs.call("SetQueueAttributes", { QueueUrl: target, Attributes: attributes });
    expect((await set({ RedrivePolicy: policyOf("dead", 3) }))[0]).toBe(fine ? 200 : 400);
  });

  test.each([
    "{",
    "{}",
    '{"redrivePermission":"some"}',
    '{"redrivePermission":"byQueue"}',
    '{"redrivePermission":"byQueue","sourceQueueArns":[]}',
    '{"redrivePermission":"byQueue","sourceQueueArns":["q"]}',
    '{"redrivePermission":"denyAll","sourceQueueArns":[]}',
    '{"redrivePermission":"denyAll","more":1}',
    JSON.stringify({
      redrivePermission: "byQueue",
      sourceQueueArns: Array.from({ length: 11 }, (_, at) => `${ARN}:q${at}`),
    }),
  ])("the RedriveAllowPolicy %s is refused", async (text) => {
    const [status, output] = await set({ RedriveAllowPolicy: text });
    expect([status, output]).toMatchObject([400, { __type: INVALID }]);
  });
});

test("a queue that is not there comes before what is wrong with the request", async () => {
  const reply = await sqs.call("SetQueueAttributes", {
    QueueUrl: `${QUEUES_URL}/nowhere`,
    Attributes: { Foobar: "1" },
  });
  expect(reply.output["__type"]).toBe("com.amazonaws.sqs#QueueDoesNotExist");
});
