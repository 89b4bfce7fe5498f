/** ReceiveMessage: ranges, selection of attributes, waiting, and what becomes of an answer nobody gets. */
import { encodeUtf8 } from "@kqueuey/base";
import { beforeEach, describe, expect, test } from "vitest";
import { nodeDigests } from "../../node/digests.ts";
import { errorOutput, QUEUES_URL, SqsCaller } from "../../testing/sqs-caller.ts";

const INVALID = "com.amazon.coral.service#InvalidParameterValueException";

let sqs: SqsCaller;
let url: string;

beforeEach(async () => {
  sqs = new SqsCaller();
  url = await sqs.createQueue("q");
});

async function receive(input: Record<string, unknown> = {}): Promise<unknown> {
  const { output } = await sqs.call("ReceiveMessage", { QueueUrl: url, ...input });
  return output["Messages"] ?? output;
}

function refused(name: string, value: number, reason: string): Record<string, string> {
  return errorOutput(INVALID, `Value ${value} for parameter ${name} is invalid. Reason: ${reason}`);
}

describe("ranges", () => {
  test.each([0, -1, 11])("MaxNumberOfMessages %i is refused", async (value) => {
    expect(await receive({ MaxNumberOfMessages: value })).toEqual(
      refused("MaxNumberOfMessages", value, "Must be between 1 and 10, if provided."),
    );
  });

  test("an attempt id is for FIFO queues", async () => {
    expect(await receive({ ReceiveRequestAttemptId: "a" })).toEqual(
      errorOutput(
        INVALID,
        "Value a for parameter ReceiveRequestAttemptId is invalid. Reason: The request includes a parameter that is not valid for this queue type.",
      ),
    );
  });

  test.each([-1, 21])("WaitTimeSeconds %i is refused", async (value) => {
    expect(await receive({ WaitTimeSeconds: value })).toEqual(
      refused("WaitTimeSeconds", value, "Must be >= 0 and <= 20, if provided."),
    );
  });

  test.each([-1, 43_201])("VisibilityTimeout %i is refused", async (value) => {
    expect(await receive({ VisibilityTimeout: value })).toEqual(
      refused("VisibilityTimeout", value, "Must be >= 0 and <= 43200, if provided."),
    );
  });

  test.each([
    { MaxNumberOfMessages: 1 },
    { MaxNumberOfMessages: 10 },
    { WaitTimeSeconds: 0 },
    { VisibilityTimeout: 0 },
    { VisibilityTimeout: 43_200 },
  ])("%j is fine", async (input) => {
    expect(await receive(input)).toEqual({});
  });

  test("a queue that is not there comes first", async () => {
    const input = { QueueUrl: `${QUEUES_URL}/nowhere`, MaxNumberOfMessages: 11 };
    const reply = await sqs.call("ReceiveMessage", input);
    expect(reply.output["__type"]).toBe("com.amazonaws.sqs#QueueDoesNotExist");
  });
});

describe("what is received", () => {
  test("one message without being asked for more, with these members", async () => {
    await sqs.sendMessage(url, "message");
    await sqs.sendMessage(url, "another");
    expect(await receive()).toEqual([
      {
        MessageId: expect.stringMatching(/^[0-9a-f-]{36}$/),
        ReceiptHandle: expect.any(String),
        MD5OfBody: "78e731027d8fd50ed642340b7c9a63b3",
        Body: "message",
      },
    ]);
  });

  test("nothing is no Messages member", async () => {
    expect((await sqs.call("ReceiveMessage", { QueueUrl: url })).text).toBe("{}");
  });

  test("a visibility timeout of its own goes before the queue's", async () => {
    await sqs.sendMessage(url, "a");
    await receive({ VisibilityTimeout: 5 });
    sqs.clock.advance(4_999);
    expect(await receive()).toEqual({});
    sqs.clock.advance(1);
    expect(await receive({ VisibilityTimeout: 0 })).toMatchObject([{ Body: "a" }]);
    expect(await receive()).toMatchObject([{ Body: "a" }]);
  });

  test("bytes that are no text are shown as such, under a digest that fits", async () => {
    const call = { principal: "native", signal: new AbortController().signal };
    await sqs.broker.send(call, "q", [{ body: new Uint8Array([0x61, 0xff]), attributes: [] }]);
    const MD5OfBody = nodeDigests.md5(encodeUtf8("a\ufffd"));
    expect(await receive()).toMatchObject([{ Body: "a\ufffd", MD5OfBody }]);
  });
});

describe("system attributes", () => {
  const all = {
    SenderId: "anonymous",
    SentTimestamp: "1700000000000",
    ApproximateReceiveCount: "1",
    ApproximateFirstReceiveTimestamp: "1700000000250",
  };

  beforeEach(async () => {
    await sqs.sendMessage(url, "a");
    sqs.clock.advance(250);
  });

  test.each([
    [{ MessageSystemAttributeNames: ["All"] }, all],
    [{ AttributeNames: ["All"] }, all],
    [{ AttributeNames: ["SenderId"] }, { SenderId: "anonymous" }],
    [
      { AttributeNames: ["All"], MessageSystemAttributeNames: ["SenderId"] },
      { SenderId: "anonymous" },
    ],
    [{ AttributeNames: ["All"], MessageSystemAttributeNames: [] }, all],
    [{ MessageSystemAttributeNames: ["SequenceNumber", "Foobar"] }, undefined],
    [{ MessageSystemAttributeNames: ["all"] }, undefined],
    [{}, undefined],
  ])("%j gives %j", async (input, attributes) => {
    const [message] = Object.values(Object(await receive(input)));
    expect(Object(message)["Attributes"]).toEqual(attributes);
  });
});

describe("message attributes", () => {
  const text = (value: string): unknown => ({ StringValue: value, DataType: "String" });
  const sent = {
    General: text("Kenobi"),
    Hello: text("There"),
    "Help.Me": text("Me"),
  };
  const { General, Hello } = sent;
  const HelpMe = { "Help.Me": sent["Help.Me"] };

  beforeEach(async () => {
    await sqs.call("SendMessage", { QueueUrl: url, MessageBody: "a", MessageAttributes: sent });
  });

  test.each([
    [["All"], sent, "4c360f3fdafd970e05fae2f149d997f5"],
    [[".*"], sent, "4c360f3fdafd970e05fae2f149d997f5"],
    [["*"], sent, "4c360f3fdafd970e05fae2f149d997f5"],
    [["Hello"], { Hello }, "a311262e065454b75da111d535b8dacd"],
    [["Hello", "General"], { General, Hello }, "fca026605781cb4126a1e9044df24232"],
    [["Hel.*"], { Hello, ...HelpMe }, expect.any(String)],
    [["Help.*"], HelpMe, expect.any(String)],
    [["Hel*"], undefined, undefined],
    [["hello"], undefined, undefined],
    [["AWS.", "..foo", "AWS.*"], undefined, undefined],
    [[], undefined, undefined],
  ])("%j: the digest covers what is returned", async (names, attributes, digest) => {
    const [message] = Object.values(Object(await receive({ MessageAttributeNames: names })));
    expect(Object(message)["MessageAttributes"]).toEqual(attributes);
    expect(Object(message)["MD5OfMessageAttributes"]).toEqual(digest);
  });
});

describe("waiting", () => {
  test("a poll ends with a first message, at once", async () => {
    const poll = receive({ WaitTimeSeconds: 20, MaxNumberOfMessages: 10 });
    await sqs.sendMessage(url, "a");
    expect(await poll).toMatchObject([{ Body: "a" }]);
  });

  test("a poll ends empty after its time", async () => {
    const poll = receive({ WaitTimeSeconds: 20 });
    await Promise.resolve();
    sqs.clock.advance(20_000);
    expect(await poll).toEqual({});
  });

  test("the queue's wait time is the default, and 0 goes before it", async () => {
    const slow = await sqs.createQueue("slow", { ReceiveMessageWaitTimeSeconds: "20" });
    expect((await sqs.call("ReceiveMessage", { QueueUrl: slow, WaitTimeSeconds: 0 })).text).toBe(
      "{}",
    );
    const poll = sqs.call("ReceiveMessage", { QueueUrl: slow });
    await sqs.sendMessage(slow, "a");
    expect((await poll).output["Messages"]).toMatchObject([{ Body: "a" }]);
  });

  test("a client that hangs up is given nothing", async () => {
    const hangUp = new AbortController();
    const input = { QueueUrl: url, WaitTimeSeconds: 20 };
    const poll = sqs.call("ReceiveMessage", input, {}, hangUp.signal);
    hangUp.abort();
    await poll;
    await sqs.sendMessage(url, "a");
    expect(await receive({ MessageSystemAttributeNames: ["All"] })).toMatchObject([
      { Attributes: { ApproximateReceiveCount: "1" } },
    ]);
  });
});

describe("handing over", () => {
  const counted = { MessageSystemAttributeNames: ["ApproximateReceiveCount"] };

  test("an answer nobody got gives the message back, as if never received", async () => {
    await sqs.sendMessage(url, "a");
    const reply = await sqs.call("ReceiveMessage", { QueueUrl: url });
    reply.response.handover?.undelivered();
    expect(await receive(counted)).toMatchObject([
      { Body: "a", Attributes: { ApproximateReceiveCount: "1" } },
    ]);
  });

  test("an answer that comes too late is replaced by an empty one", async () => {
    await sqs.sendMessage(url, "a");
    const { response } = await sqs.call("ReceiveMessage", { QueueUrl: url });
    expect(response.handover?.stillFresh()).toBe(true);
    sqs.clock.advance(15_001);
    expect(response.handover?.stillFresh()).toBe(false);
    expect(response.handover?.stale).toMatchObject({ status: 200, body: "{}" });
  });

  test("an empty answer has nothing to hand over", async () => {
    const { response } = await sqs.call("ReceiveMessage", { QueueUrl: url });
    expect(response.handover).toBeUndefined();
  });
});
