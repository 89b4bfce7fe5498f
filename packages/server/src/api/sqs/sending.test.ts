/** SendMessage and SendMessageBatch: bodies, attributes, sizes, digests, partial failure. */
import { KQueueyError } from "@kqueuey/contract";
import { beforeEach, describe, expect, test } from "vitest";
import { errorOutput, QUEUES_URL, SqsCaller } from "../../testing/sqs-caller.ts";

const INVALID = "com.amazon.coral.service#InvalidParameterValueException";
const MISSING = "com.amazon.coral.service#MissingRequiredParameterException";
const CONTENTS = "com.amazonaws.sqs#InvalidMessageContents";
const UNSUPPORTED = "com.amazonaws.sqs#UnsupportedOperation";
const BAD_CHARACTERS =
  "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF";

let sqs: SqsCaller;
let url: string;

beforeEach(async () => {
  sqs = new SqsCaller();
  url = await sqs.createQueue("q");
});

async function send(input: Record<string, unknown>): Promise<unknown> {
  const members = { QueueUrl: url, MessageBody: "test", ...input };
  return (await sqs.call("SendMessage", members)).output;
}

const SENT = { MessageId: expect.stringMatching(/^[0-9a-f-]{36}$/) };
const TEST_MD5 = "098f6bcd4621d373cade4e832627b4f6";

describe("bodies", () => {
  test("the answer has the id and the digest, and nothing more", async () => {
    expect(await send({})).toEqual({ ...SENT, MD5OfMessageBody: TEST_MD5 });
  });

  test.each([
    ["a tab, line feed and carriage return", "\t\n\r"],
    ["the ends of the first range", " \ud7ff"],
    ["the ends of the second", "\ue000\ufffd"],
    ["a pair of surrogates", "\u{10000}\u{10ffff}"],
    ["a byte order mark", "\ufeffx"],
  ])("%s goes through unchanged", async (_what, body) => {
    await send({ MessageBody: body });
    const { output } = await sqs.call("ReceiveMessage", { QueueUrl: url });
    expect(output["Messages"]).toMatchObject([{ Body: body }]);
  });

  test.each([
    "\u0000",
    "\u0008",
    "\u000b",
    "\u001f",
    "a\ud800",
    "\udc00a",
    "\ud800\ud800",
    "\ufffe",
    "\uffff",
  ])("%j is refused", async (body) => {
    expect(await send({ MessageBody: body })).toEqual(errorOutput(CONTENTS, BAD_CHARACTERS));
  });

  test.each([{ MessageBody: "" }, { MessageBody: undefined }, { MessageBody: null }])(
    "%j is missing",
    async (input) => {
      expect(await send(input)).toEqual(
        errorOutput(MISSING, "The request must contain the parameter MessageBody."),
      );
    },
  );

  test("a body that is no string is malformed", async () => {
    expect(await send({ MessageBody: 7 })).toEqual(
      errorOutput(
        "com.amazon.coral.service#SerializationException",
        "The member MessageBody must be a string.",
      ),
    );
  });
});

describe("delays", () => {
  test.each([0, 900, "900"])("DelaySeconds %j is fine", async (seconds) => {
    expect(await send({ DelaySeconds: seconds })).toMatchObject(SENT);
  });

  test.each([-1, 901])("DelaySeconds %i is out of range", async (seconds) => {
    expect(await send({ DelaySeconds: seconds })).toEqual(
      errorOutput(
        INVALID,
        `Value ${seconds} for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.`,
      ),
    );
  });

  test.each([1.5, "x", true, {}])("DelaySeconds %j is malformed", async (seconds) => {
    expect(await send({ DelaySeconds: seconds })).toMatchObject({
      message: "The member DelaySeconds must be an integer.",
    });
  });

  test("a message's delay goes before the queue's", async () => {
    const slow = await sqs.createQueue("slow", { DelaySeconds: "10" });
    await sqs.call("SendMessage", { QueueUrl: slow, MessageBody: "now", DelaySeconds: 0 });
    await sqs.sendMessage(slow, "later");
    const bodies = async (): Promise<unknown> => {
      const input = { QueueUrl: slow, MaxNumberOfMessages: 10, VisibilityTimeout: 60 };
      return (await sqs.call("ReceiveMessage", input)).output["Messages"];
    };
    expect(await bodies()).toMatchObject([{ Body: "now" }]);
    sqs.clock.advance(10_000);
    expect(await bodies()).toMatchObject([{ Body: "later" }]);
  });
});

describe("sizes", () => {
  test("a body of the limit is stored, one byte more is not; attributes count", async () => {
    const small = await sqs.createQueue("small", { MaximumMessageSize: "1024" });
    const reply = (body: string, attributes = {}) =>
      sqs.call("SendMessage", {
        QueueUrl: small,
        MessageBody: body,
        MessageAttributes: attributes,
      });
    const tooLong = errorOutput(
      INVALID,
      "One or more parameters are invalid. Reason: Message must be shorter than 1024 bytes.",
    );
    expect((await reply("x".repeat(1024))).status).toBe(200);
    expect((await reply("x".repeat(1025))).output).toEqual(tooLong);
    // k, String and x are eight bytes.
    const attributes = { k: { DataType: "String", StringValue: "x" } };
    expect((await reply("x".repeat(1016), attributes)).status).toBe(200);
    expect((await reply("x".repeat(1017), attributes)).output).toEqual(tooLong);
  });

  test("it is bytes that count, and a mebibyte is the most", async () => {
    expect(await send({ MessageBody: "ä".repeat(524_288) })).toMatchObject(SENT);
    expect(await send({ MessageBody: `${"ä".repeat(524_288)}x` })).toEqual(
      errorOutput(
        INVALID,
        "One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes.",
      ),
    );
  });
});

describe("attributes", () => {
  function text(name: string, type: string, value: string): Record<string, unknown> {
    return { MessageAttributes: { [name]: { DataType: type, StringValue: value } } };
  }

  test("the answer has the digest of the attributes", async () => {
    expect(
      await send({
        MessageAttributes: {
          Hello: { DataType: "String", StringValue: "There" },
          General: { DataType: "String", StringValue: "Kenobi" },
        },
      }),
    ).toEqual({
      ...SENT,
      MD5OfMessageBody: TEST_MD5,
      MD5OfMessageAttributes: "fca026605781cb4126a1e9044df24232",
    });
  });

  test("bytes come back as they were, under the recorded digest", async () => {
    const raw = "traceparent\u001e00-774062d6c37081a5a0b9b5b88e30627c-2d2482211f6489da-01";
    const attr1 = { DataType: "Binary", BinaryValue: Buffer.from(raw).toString("base64") };
    await send({ MessageAttributes: { attr1 } });
    const { output } = await sqs.call("ReceiveMessage", {
      QueueUrl: url,
      MessageAttributeNames: ["All"],
    });
    expect(output["Messages"]).toMatchObject([
      {
        MD5OfMessageAttributes: "8cbe4db156db8a94db8b801b7addb984",
        MessageAttributes: { attr1 },
      },
    ]);
  });

  test.each(["a", "A-b_c.9", "x".repeat(256), "ø", "awsome", "AWS", "a.b"])(
    "the name %s is fine",
    async (name) => {
      expect(await send(text(name, "String", "v"))).toMatchObject(SENT);
    },
  );

  test.each([
    "",
    "x".repeat(257),
    "a b",
    "a/b",
    "AWS.x",
    "aws.x",
    "Amazon.x",
    "AMAZON.x",
    ".a",
    "a.",
    "a..b",
  ])("the name %j is refused", async (name) => {
    expect(await send(text(name, "String", "v"))).toMatchObject({ __type: INVALID });
  });

  test.each(["String", "String.label", "String.", `String.${"x".repeat(249)}`])(
    "the type %s is fine",
    async (type) => {
      expect(await send(text("a", type, "v"))).toMatchObject(SENT);
    },
  );

  test.each(["string", "Strings", "Text", " String", `String.${"x".repeat(250)}`])(
    "the type %s is refused",
    async (type) => {
      expect(await send(text("a", type, "v"))).toEqual(
        errorOutput(
          INVALID,
          "The message attribute 'a' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.",
        ),
      );
    },
  );

  test("a type must be there", async () => {
    expect(await send({ MessageAttributes: { a: { StringValue: "v" } } })).toEqual(
      errorOutput(
        INVALID,
        "The message attribute 'a' must contain non-empty message attribute type.",
      ),
    );
  });

  test.each([
    ["String", { StringValue: "" }],
    ["String", {}],
    ["String", { BinaryValue: "YQ==" }],
    ["Number", { StringValue: "" }],
    ["Binary", { BinaryValue: "" }],
    ["Binary", { StringValue: "YQ==" }],
  ])("an empty %s is refused: %j", async (type, value) => {
    expect(await send({ MessageAttributes: { a: { DataType: `${type}.x`, ...value } } })).toEqual(
      errorOutput(
        INVALID,
        `Message (user) attribute 'a' must contain a non-empty value of type '${type}'.`,
      ),
    );
  });

  test.each([
    "0",
    "-0.0",
    "1493147359900",
    "+1",
    "1.",
    ".5",
    "1e126",
    "1E-128",
    "-1e126",
    "9".repeat(38),
    `0.${"0".repeat(127)}1`,
    `1${"0".repeat(60)}`,
  ])("%s is a number", async (value) => {
    expect(await send(text("a", "Number", value))).toMatchObject(SENT);
  });

  test.each([
    "x",
    "",
    ".",
    "1e",
    "0x10",
    "1,5",
    " 1",
    "NaN",
    "1.1e126",
    "1e127",
    "1e-129",
    "9".repeat(39),
  ])("%j is no number", async (value) => {
    expect(await send(text("a", "Number", value))).toMatchObject({ __type: INVALID });
  });

  test("a bad character in an attribute is an invalid parameter", async () => {
    expect(await send(text("a", "String", "\u0000"))).toMatchObject({ __type: INVALID });
  });

  test("bytes must be base64", async () => {
    const a = { DataType: "Binary", BinaryValue: "*" };
    expect(await send({ MessageAttributes: { a } })).toMatchObject({
      __type: "com.amazon.coral.service#SerializationException",
    });
  });

  test("ten are fine, eleven are not", async () => {
    const many = (count: number): Record<string, unknown> => ({
      MessageAttributes: Object.fromEntries(
        Array.from({ length: count }, (_, at) => [
          `a${at}`,
          { DataType: "String", StringValue: "v" },
        ]),
      ),
    });
    expect(await send(many(10))).toMatchObject(SENT);
    expect(await send(many(11))).toEqual(
      errorOutput(INVALID, "Number of message attributes [11] exceeds the allowed maximum [10]."),
    );
  });

  test("list values are unsupported, empty lists are nothing", async () => {
    const a = { DataType: "String", StringValue: "v", StringListValues: ["w"] };
    expect(await send({ MessageAttributes: { a } })).toMatchObject({ __type: UNSUPPORTED });
    const b = { DataType: "String", StringValue: "v", StringListValues: [], BinaryListValues: [] };
    expect(await send({ MessageAttributes: { b } })).toMatchObject(SENT);
  });
});

describe("trace headers", () => {
  const root = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";

  async function received(): Promise<unknown> {
    const input = { QueueUrl: url, MessageSystemAttributeNames: ["AWSTraceHeader"] };
    return (await sqs.call("ReceiveMessage", input)).output["Messages"];
  }

  test("the system attribute has a digest of its own", async () => {
    const AWSTraceHeader = { DataType: "String", StringValue: root };
    expect(await send({ MessageSystemAttributes: { AWSTraceHeader } })).toEqual({
      ...SENT,
      MD5OfMessageBody: TEST_MD5,
      MD5OfMessageSystemAttributes: "5ae4d5d7636402d80f4eb6d213245a88",
    });
    expect(await received()).toMatchObject([{ Attributes: { AWSTraceHeader: root } }]);
  });

  test("without it the HTTP header stands in, and has no digest", async () => {
    const input = { QueueUrl: url, MessageBody: "test" };
    const reply = await sqs.call("SendMessage", input, { "x-amzn-trace-id": root });
    expect(reply.output).toEqual({ ...SENT, MD5OfMessageBody: TEST_MD5 });
    expect(await received()).toMatchObject([{ Attributes: { AWSTraceHeader: root } }]);
  });

  test.each([
    [1024, 200],
    [1025, 400],
  ])("one of %i bytes is answered %i", async (bytes, status) => {
    const AWSTraceHeader = { DataType: "String", StringValue: "x".repeat(bytes) };
    const input = { QueueUrl: url, MessageBody: "a", MessageSystemAttributes: { AWSTraceHeader } };
    expect((await sqs.call("SendMessage", input)).status).toBe(status);
  });

  test("another system attribute is refused", async () => {
    const SenderId = { DataType: "String", StringValue: "me" };
    expect(await send({ MessageSystemAttributes: { SenderId } })).toMatchObject({
      __type: INVALID,
    });
  });
});

describe("what needs FIFO queues or message groups", () => {
  test("MessageDeduplicationId is not for standard queues", async () => {
    expect(await send({ MessageDeduplicationId: "X" })).toEqual(
      errorOutput(
        INVALID,
        "Value X for parameter MessageDeduplicationId is invalid. Reason: The request includes a parameter that is not valid for this queue type.",
      ),
    );
  });

  test("MessageGroupId is kept and shown", async () => {
    expect(await send({ MessageGroupId: "x".repeat(128) })).toMatchObject(SENT);
    const asked = { QueueUrl: url, AttributeNames: ["All"] };
    const { Messages: messages } = (await sqs.call("ReceiveMessage", asked)).output;
    expect(messages).toMatchObject([{ Attributes: { MessageGroupId: "x".repeat(128) } }]);
  });

  test.each(["", "a b", "x".repeat(129)])("the group %j is not even one", async (group) => {
    expect(await send({ MessageGroupId: group })).toEqual(
      errorOutput(
        INVALID,
        `Value ${group} for parameter MessageGroupId is invalid. Reason: MessageGroupId can only include alphanumeric and punctuation characters. 1 to 128 in length.`,
      ),
    );
  });
});

describe("SendMessageBatch", () => {
  async function batch(entries: unknown): Promise<unknown> {
    return (await sqs.call("SendMessageBatch", { QueueUrl: url, Entries: entries })).output;
  }

  function entry(id: string, body = "test"): Record<string, unknown> {
    return { Id: id, MessageBody: body };
  }

  test("ten entries are stored in their order", async () => {
    const entries = Array.from({ length: 10 }, (_, at) => entry(`id-${at}`, `body ${at}`));
    expect(await batch(entries)).toEqual({
      Successful: entries.map(({ Id }) => ({
        Id,
        ...SENT,
        MD5OfMessageBody: expect.stringMatching(/^[0-9a-f]{32}$/),
      })),
    });
    const input = { QueueUrl: url, MaxNumberOfMessages: 10 };
    const received = (await sqs.call("ReceiveMessage", input)).output["Messages"];
    expect(received).toMatchObject(entries.map(({ MessageBody }) => ({ Body: MessageBody })));
  });

  test.each([
    [undefined, "EmptyBatchRequest"],
    [[], "EmptyBatchRequest"],
  ])("%j is empty", async (entries, shape) => {
    expect(await batch(entries)).toEqual(
      errorOutput(
        `com.amazonaws.sqs#${shape}`,
        "There should be at least one SendMessageBatchRequestEntry in the request.",
      ),
    );
  });

  test.each([11, 20])("%i entries are too many", async (count) => {
    expect(await batch(Array.from({ length: count }, (_, at) => entry(`${at}`)))).toEqual(
      errorOutput(
        "com.amazonaws.sqs#TooManyEntriesInBatchRequest",
        `Maximum number of entries per request are 10. You have sent ${count}.`,
      ),
    );
  });

  test.each(["", "a b", "a.b", "ä", "x".repeat(81)])("the id %j is refused", async (id) => {
    expect(await batch([entry(id)])).toEqual(
      errorOutput(
        "com.amazonaws.sqs#InvalidBatchEntryId",
        "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.",
      ),
    );
  });

  test("an id of eighty is fine; one that is missing is named", async () => {
    expect(await batch([entry("x".repeat(80))])).toMatchObject({ Successful: [{}] });
    expect(await batch([entry("a"), { MessageBody: "b" }])).toEqual(
      errorOutput(
        MISSING,
        "The request must contain the parameter SendMessageBatchRequestEntry.2.Id.",
      ),
    );
  });

  test("the first repeated id is named", async () => {
    const ids = ["id_1", "id_2", "id_2", "id_1"];
    expect(await batch(ids.map((id) => entry(id)))).toEqual(
      errorOutput("com.amazonaws.sqs#BatchEntryIdsNotDistinct", "Id id_2 repeated."),
    );
  });

  test("the bytes of all entries fit in a mebibyte", async () => {
    const half = "x".repeat(524_288);
    expect(await batch([entry("a", half), entry("b", half)])).toMatchObject({
      Successful: [{}, {}],
    });
    expect(await batch([entry("a", half), entry("b", `${half}x`)])).toEqual(
      errorOutput(
        "com.amazonaws.sqs#BatchRequestTooLong",
        "Batch requests cannot be longer than 1048576 bytes. You have sent 1048577 bytes.",
      ),
    );
    // An entry that fails counts all the same.
    const bad = { ...entry("b", `${half}x`), DelaySeconds: 901 };
    expect(await batch([entry("a", half), bad])).toMatchObject({
      __type: "com.amazonaws.sqs#BatchRequestTooLong",
    });
  });

  test("an entry that is wrong fails alone", async () => {
    const small = await sqs.createQueue("small", { MaximumMessageSize: "1024" });
    const Entries = [
      entry("good"),
      entry("characters", "\u0000"),
      { ...entry("delay"), DelaySeconds: 901 },
      entry("long", "x".repeat(1025)),
      { Id: "empty" },
      { ...entry("group"), MessageGroupId: "a b" },
    ];
    const { output } = await sqs.call("SendMessageBatch", { QueueUrl: small, Entries });
    const failed = (Id: string, Code: string, Message: string): unknown => ({
      Id,
      SenderFault: true,
      Code,
      Message,
    });
    expect(output).toEqual({
      Successful: [{ Id: "good", ...SENT, MD5OfMessageBody: TEST_MD5 }],
      Failed: [
        failed("characters", "InvalidMessageContents", BAD_CHARACTERS),
        failed(
          "delay",
          "InvalidParameterValue",
          "Value 901 for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.",
        ),
        failed(
          "long",
          "InvalidParameterValue",
          "One or more parameters cannot be validated. Reason: Message must be shorter than 1024 bytes.",
        ),
        failed("empty", "MissingParameter", "The request must contain the parameter MessageBody."),
        failed(
          "group",
          "InvalidParameterValue",
          "Value a b for parameter MessageGroupId is invalid. Reason: MessageGroupId can only include alphanumeric and punctuation characters. 1 to 128 in length.",
        ),
      ],
    });
  });

  test("a cluster without a leader fails the whole batch, to be tried again", async () => {
    sqs.broker.failWith(new KQueueyError("UNAVAILABLE", "no leader"));
    const reply = await sqs.call("SendMessageBatch", { QueueUrl: url, Entries: [entry("a")] });
    expect(reply.status).toBe(503);
  });

  test("the queue comes before the entries, be they all wrong", async () => {
    const input = { QueueUrl: `${QUEUES_URL}/nowhere`, Entries: [{ Id: "a", MessageBody: "" }] };
    const gone = { __type: "com.amazonaws.sqs#QueueDoesNotExist" };
    expect((await sqs.call("SendMessageBatch", input)).output).toMatchObject(gone);
    const empty = { ...input, Entries: [] };
    expect((await sqs.call("SendMessageBatch", empty)).output).toMatchObject(gone);
  });
});
