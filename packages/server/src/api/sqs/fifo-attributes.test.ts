/** FIFO queues are not there yet; what is wrong with a request for one is told all the same. */
import { beforeEach, describe, expect, test } from "vitest";
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

const NOT_YET = errorOutput(
  "com.amazonaws.sqs#UnsupportedOperation",
  "This version of KQueuey has standard queues only: FIFO queues can't be created yet.",
);

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
    expect(await create("q.fifo", attributes)).toEqual(NOT_YET);
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
    expect(await create(`${"x".repeat(75)}.fifo`, {})).toEqual(NOT_YET);
    expect(await create(`${"x".repeat(76)}.fifo`, {})).toMatchObject({
      message: expect.stringContaining("must end with .fifo suffix"),
    });
    expect(await create(".fifo", {})).toMatchObject({
      message: expect.stringContaining("must end with .fifo suffix"),
    });
  });
});
