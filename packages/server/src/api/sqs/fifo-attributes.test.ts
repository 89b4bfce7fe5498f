/** The attributes of FIFO queues: what they may be, what is shown, and what may be changed. */
import { beforeEach, describe, expect, test } from "vitest";
import type { CallContext } from "../../broker.ts";
import { errorOutput, SqsCaller } from "../../testing/sqs-caller.ts";

const VALUE = "com.amazonaws.sqs#InvalidAttributeValue";

let sqs: SqsCaller;

beforeEach(() => {
  sqs = new SqsCaller();
});

async function create(name: string, attributes: Record<string, string>): Promise<unknown> {
  const input = { QueueName: name, Attributes: { FifoQueue: "true", ...attributes } };
  return (await sqs.call("CreateQueue", input)).output;
}

async function shown(name: string): Promise<unknown> {
  const input = { QueueUrl: name, AttributeNames: ["All"] };
  return (await sqs.call("GetQueueAttributes", input)).output["Attributes"];
}

async function set(attributes: Record<string, string>): Promise<unknown> {
  return (await sqs.call("SetQueueAttributes", { QueueUrl: "q.fifo", Attributes: attributes }))
    .output;
}

function caller(): CallContext {
  return { principal: "anonymous", signal: new AbortController().signal };
}

const MADE = { QueueUrl: expect.stringContaining(".fifo") };

describe("CreateQueue of a FIFO queue", () => {
  test.each([
    {},
    { FifoQueue: "True" },
    { ContentBasedDeduplication: "TRUE" },
    { ContentBasedDeduplication: "false" },
    { DeduplicationScope: "queue" },
    { DeduplicationScope: "messageGroup" },
    { FifoThroughputLimit: "perQueue" },
    { DeduplicationScope: "messageGroup", FifoThroughputLimit: "perMessageGroupId" },
    { VisibilityTimeout: "0" },
  ])("%j is right", async (attributes) => {
    expect(await create("q.fifo", attributes)).toEqual(MADE);
    expect(await shown("q.fifo")).toMatchObject({ FifoQueue: "true" });
    expect(await create("q.fifo", attributes)).toEqual(MADE);
  });

  test("another value is refused where the queue is there, and its FIFO attributes are shown", async () => {
    await create("q.fifo", { ContentBasedDeduplication: "true" });
    expect(await shown("q.fifo")).toMatchObject({
      FifoQueue: "true",
      ContentBasedDeduplication: "true",
      DeduplicationScope: "queue",
      FifoThroughputLimit: "perQueue",
    });
    expect(await create("q.fifo", {})).toEqual(MADE);
    expect(await create("q.fifo", { DeduplicationScope: "messageGroup" })).toMatchObject({
      message:
        "A queue already exists with the same name and a different value for attribute DeduplicationScope",
    });
  });

  test.each([
    ["ContentBasedDeduplication", "yes"],
    ["ContentBasedDeduplication", ""],
    ["DeduplicationScope", "Queue"],
    ["FifoThroughputLimit", "none"],
    ["VisibilityTimeout", "-1"],
  ])("%s=%s is wrong", async (name, value) => {
    expect(await create("q.fifo", { [name]: value })).toEqual(
      errorOutput(VALUE, `Invalid value for the parameter ${name}.`),
    );
  });

  test("a limit per group needs deduplication per group", async () => {
    const attributes = { FifoThroughputLimit: "perMessageGroupId" };
    expect(await create("q.fifo", attributes)).toMatchObject({ __type: VALUE });
    const scoped = { ...attributes, DeduplicationScope: "queue" };
    expect(await create("q.fifo", scoped)).toMatchObject({ __type: VALUE });
  });

  test("the suffix counts towards eighty characters", async () => {
    expect(await create(`${"x".repeat(75)}.fifo`, {})).toEqual(MADE);
    expect(await create(`${"x".repeat(76)}.fifo`, {})).toMatchObject({
      message: expect.stringContaining("must end with .fifo suffix"),
    });
    expect(await create(".fifo", {})).toMatchObject({
      message: expect.stringContaining("must end with .fifo suffix"),
    });
  });
});

describe("SetQueueAttributes of a FIFO queue", () => {
  test("changes deduplication by content, and shows a scope that it does not change", async () => {
    await create("q.fifo", {});
    expect(await set({ ContentBasedDeduplication: "True" })).toEqual({});
    expect(await set({ DeduplicationScope: "messageGroup" })).toEqual({});
    expect(await set({ FifoThroughputLimit: "perMessageGroupId" })).toEqual({});
    expect(await shown("q.fifo")).toMatchObject({
      ContentBasedDeduplication: "true",
      DeduplicationScope: "messageGroup",
      FifoThroughputLimit: "perMessageGroupId",
    });
    const { fifo } = (await sqs.broker.describeQueue(caller(), "q.fifo")).attributes;
    expect(fifo).toEqual({ deduplicationScope: "queue", contentBasedDeduplication: true });
    expect(await set({ DeduplicationScope: "queue" })).toMatchObject({ __type: VALUE });
  });

  test("does not change the type", async () => {
    await create("q.fifo", {});
    expect(await set({ FifoQueue: "false" })).toEqual(
      errorOutput(
        VALUE,
        "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.",
      ),
    );
    expect(await set({ FifoQueue: "true" })).toEqual({});
  });
});
