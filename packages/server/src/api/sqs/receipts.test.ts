/** DeleteMessage, ChangeMessageVisibility and their batches: what each kind of receipt handle does. */
import { beforeEach, describe, expect, test } from "vitest";
import { errorOutput, QUEUES_URL, SqsCaller } from "../../testing/sqs-caller.ts";

const INVALID = "com.amazon.coral.service#InvalidParameterValueException";
const MISSING = "com.amazon.coral.service#MissingRequiredParameterException";
const GARBAGE = errorOutput(
  "com.amazonaws.sqs#ReceiptHandleIsInvalid",
  'The input receipt handle "garbage" is not a valid receipt handle.',
);

let sqs: SqsCaller;
let url: string;

beforeEach(async () => {
  sqs = new SqsCaller();
  url = await sqs.createQueue("q");
  await sqs.sendMessage(url, "a");
});

async function call(action: string, input: Record<string, unknown>): Promise<unknown> {
  const reply = await sqs.call(action, { QueueUrl: url, ...input });
  return reply.text === "" ? "done" : reply.output;
}

async function remove(handle: unknown): Promise<unknown> {
  return call("DeleteMessage", { ReceiptHandle: handle });
}

async function change(handle: unknown, seconds: unknown): Promise<unknown> {
  return call("ChangeMessageVisibility", { ReceiptHandle: handle, VisibilityTimeout: seconds });
}

async function isAvailable(): Promise<boolean> {
  return (await sqs.call("ReceiveMessage", { QueueUrl: url })).text !== "{}";
}

function unavailable(handle: string): string {
  return `Value ${handle} for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change.`;
}

describe("DeleteMessage", () => {
  test("a message that is deleted does not come back, and deleting again is fine", async () => {
    const handle = await sqs.receiveHandle(url);
    expect(await remove(handle)).toBe("done");
    expect(await remove(handle)).toBe("done");
    sqs.clock.advance(30_000);
    expect(await isAvailable()).toBe(false);
  });

  test("an expired handle still deletes while nobody else has the message", async () => {
    const handle = await sqs.receiveHandle(url);
    sqs.clock.advance(30_000);
    expect(await remove(handle)).toBe("done");
    expect(await isAvailable()).toBe(false);
  });

  test("a stale handle is answered like any and deletes nothing", async () => {
    const stale = await sqs.receiveHandle(url);
    sqs.clock.advance(30_000);
    await sqs.receiveHandle(url);
    expect(await remove(stale)).toBe("done");
    sqs.clock.advance(30_000);
    expect(await isAvailable()).toBe(true);
  });

  test("garbage, a foreign handle and none at all are refused", async () => {
    const reply = await sqs.call("DeleteMessage", { QueueUrl: url, ReceiptHandle: "garbage" });
    expect([reply.status, reply.output]).toEqual([404, GARBAGE]);
    const handle = await sqs.receiveHandle(url);
    const other = await sqs.createQueue("other");
    const foreign = await sqs.call("DeleteMessage", { QueueUrl: other, ReceiptHandle: handle });
    expect(foreign.status).toBe(404);
    const missing = errorOutput(MISSING, "The request must contain the parameter ReceiptHandle.");
    expect(await remove(undefined)).toEqual(missing);
    expect(await remove("")).toEqual(missing);
  });

  test("a very long handle is not repeated whole", async () => {
    const reply = await sqs.call("DeleteMessage", {
      QueueUrl: url,
      ReceiptHandle: "x".repeat(1_000_000),
    });
    expect(reply.text.length).toBeLessThan(2_000);
  });
});

describe("ChangeMessageVisibility", () => {
  test("counts from now", async () => {
    const handle = await sqs.receiveHandle(url);
    sqs.clock.advance(29_000);
    expect(await change(handle, 30)).toBe("done");
    sqs.clock.advance(29_999);
    expect(await isAvailable()).toBe(false);
    sqs.clock.advance(1);
    expect(await isAvailable()).toBe(true);
  });

  test("zero makes the message available at once and wakes who waits", async () => {
    const handle = await sqs.receiveHandle(url);
    const poll = sqs.call("ReceiveMessage", { QueueUrl: url, WaitTimeSeconds: 20 });
    expect(await change(handle, 0)).toBe("done");
    expect((await poll).output["Messages"]).toMatchObject([{ Body: "a" }]);
  });

  test("after expiry, before another receive, it hides the message again", async () => {
    const handle = await sqs.receiveHandle(url);
    sqs.clock.advance(30_000);
    expect(await change(handle, 30)).toBe("done");
    expect(await isAvailable()).toBe(false);
  });

  test.each([
    [0, "done"],
    [43_200, "done"],
    ["60", "done"],
    [
      -1,
      errorOutput(
        INVALID,
        "Value -1 for parameter VisibilityTimeout is invalid. Reason: Must be >= 0 and <= 43200, if provided.",
      ),
    ],
    [
      43_201,
      errorOutput(
        INVALID,
        "Value 43201 for parameter VisibilityTimeout is invalid. Reason: Must be >= 0 and <= 43200, if provided.",
      ),
    ],
    [undefined, errorOutput(MISSING, "The request must contain the parameter VisibilityTimeout.")],
  ])("VisibilityTimeout %j is answered %j", async (seconds, expected) => {
    expect(await change(await sqs.receiveHandle(url), seconds)).toEqual(expected);
  });

  test("twelve hours are counted from the receive", async () => {
    const handle = await sqs.receiveHandle(url);
    sqs.clock.advance(1_000);
    expect(await change(handle, 43_199)).toBe("done");
    expect(await change(handle, 43_200)).toEqual(
      errorOutput(
        INVALID,
        "Value 43200 for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the message is beyond the limit [43200 seconds]",
      ),
    );
  });

  test("a deleted message and one that another holds can't be changed", async () => {
    const stale = await sqs.receiveHandle(url);
    sqs.clock.advance(30_000);
    const handle = await sqs.receiveHandle(url);
    expect(await change(stale, 30)).toEqual(errorOutput(INVALID, unavailable(stale)));
    await remove(handle);
    expect(await change(handle, 30)).toEqual(errorOutput(INVALID, unavailable(handle)));
    expect(await change("garbage", 30)).toEqual(GARBAGE);
  });
});

describe("batches", () => {
  test("DeleteMessageBatch fails entry by entry", async () => {
    const handle = await sqs.receiveHandle(url);
    const Entries = [
      { Id: "good", ReceiptHandle: handle },
      { Id: "again", ReceiptHandle: handle },
      { Id: "bad", ReceiptHandle: "garbage" },
      { Id: "none" },
    ];
    expect(await call("DeleteMessageBatch", { Entries })).toEqual({
      Successful: [{ Id: "good" }, { Id: "again" }],
      Failed: [
        {
          Id: "bad",
          SenderFault: true,
          Code: "ReceiptHandleIsInvalid",
          Message: 'The input receipt handle "garbage" is not a valid receipt handle.',
        },
        {
          Id: "none",
          SenderFault: true,
          Code: "MissingParameter",
          Message: "The request must contain the parameter ReceiptHandle.",
        },
      ],
    });
  });

  test("ChangeMessageVisibilityBatch fails entry by entry", async () => {
    const handle = await sqs.receiveHandle(url);
    const Entries = [
      { Id: "far", ReceiptHandle: handle, VisibilityTimeout: 43_201 },
      { Id: "good", ReceiptHandle: handle, VisibilityTimeout: 0 },
    ];
    expect(await call("ChangeMessageVisibilityBatch", { Entries })).toEqual({
      Successful: [{ Id: "good" }],
      Failed: [
        {
          Id: "far",
          SenderFault: true,
          Code: "InvalidParameterValue",
          Message:
            "Value 43201 for parameter VisibilityTimeout is invalid. Reason: Must be >= 0 and <= 43200, if provided.",
        },
      ],
    });
    expect(await isAvailable()).toBe(true);
  });

  test.each(["DeleteMessageBatch", "ChangeMessageVisibilityBatch"])(
    "%s has the rules of batches",
    async (action) => {
      const entry = (id: string): unknown => ({
        Id: id,
        ReceiptHandle: "garbage",
        VisibilityTimeout: 1,
      });
      const type = async (input: Record<string, unknown>): Promise<unknown> =>
        Object(await call(action, input))["__type"];
      const ids = Array.from({ length: 11 }, (_, at) => `${at}`);
      expect(await call(action, {})).toEqual(
        errorOutput(
          "com.amazonaws.sqs#EmptyBatchRequest",
          `There should be at least one ${action}RequestEntry in the request.`,
        ),
      );
      expect(await type({ Entries: ids.map(entry) })).toBe(
        "com.amazonaws.sqs#TooManyEntriesInBatchRequest",
      );
      expect(await type({ Entries: [entry("a"), entry("a")] })).toBe(
        "com.amazonaws.sqs#BatchEntryIdsNotDistinct",
      );
      expect(await type({ Entries: [entry("a b")] })).toBe("com.amazonaws.sqs#InvalidBatchEntryId");
      expect(await type({ Entries: ["a"] })).toBe(
        "com.amazon.coral.service#SerializationException",
      );
      expect(await type({ QueueUrl: `${QUEUES_URL}/nowhere`, Entries: [{ Id: "a" }] })).toBe(
        "com.amazonaws.sqs#QueueDoesNotExist",
      );
    },
  );
});
