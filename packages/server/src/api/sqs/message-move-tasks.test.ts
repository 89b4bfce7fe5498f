/** Message move tasks. */
import { beforeEach, describe, expect, test } from "vitest";
import { errorOutput, SqsCaller } from "../../testing/sqs-caller.ts";

const INVALID = "com.amazon.coral.service#InvalidParameterValueException";
const MISSING = "com.amazon.coral.service#MissingRequiredParameterException";
const RESOURCE = "com.amazonaws.sqs#ResourceNotFoundException";
const ARN = "arn:aws:sqs:us-east-1:000000000000";

let sqs: SqsCaller;

beforeEach(async () => {
  sqs = new SqsCaller();
  await sqs.createQueue("dead");
});

async function createSource(name: string): Promise<void> {
  await sqs.createQueue(name, {
    VisibilityTimeout: "0",
    RedrivePolicy: JSON.stringify({ deadLetterTargetArn: `${ARN}:dead`, maxReceiveCount: 1 }),
  });
}

async function ask(action: string, input: Record<string, unknown>): Promise<unknown> {
  return (await sqs.call(action, input)).output;
}

/** Makes dead letters of `count` messages of q. */
async function bury(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await sqs.sendMessage("q", `body ${i}`);
  for (let i = 0; i < 2; i++) {
    await ask("ReceiveMessage", { QueueUrl: "q", MaxNumberOfMessages: 10 });
  }
}

async function available(queue: string): Promise<unknown> {
  const name = "ApproximateNumberOfMessages";
  const output = await ask("GetQueueAttributes", { QueueUrl: queue, AttributeNames: [name] });
  return Object(output).Attributes[name];
}

function handleOf(output: unknown): unknown {
  return JSON.parse(Buffer.from(String(Object(output).TaskHandle), "base64").toString());
}

/** Starts a task to q of one message a second. */
async function startSlowly(): Promise<{ startedAt: number; handle: unknown }> {
  const output = await ask("StartMessageMoveTask", {
    SourceArn: `${ARN}:dead`,
    DestinationArn: `${ARN}:q`,
    MaxNumberOfMessagesPerSecond: 1,
  });
  return { startedAt: sqs.clock.nowMs(), handle: Object(output).TaskHandle };
}

const BAD_ARN = (member: string): unknown =>
  errorOutput(
    INVALID,
    `You must use this format to specify the ${member}: arn:<partition>:<service>:<region>:<account-id>:<resource-id>`,
  );

const NOT_THERE = (member: string): unknown =>
  errorOutput(
    RESOURCE,
    `The resource that you specified for the ${member} parameter doesn't exist.`,
  );

describe("StartMessageMoveTask", () => {
  const start = (input: Record<string, unknown>): Promise<unknown> =>
    ask("StartMessageMoveTask", { SourceArn: `${ARN}:dead`, ...input });

  test.each([undefined, 1, 500])("%j messages per second are fine", async (n) => {
    await createSource("q");
    const input = { DestinationArn: `${ARN}:q`, MaxNumberOfMessagesPerSecond: n };
    expect(handleOf(await start(input))).toEqual({
      taskId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      sourceArn: `${ARN}:dead`,
    });
  });

  test.each([0, 501, -1])("%i messages per second are not", async (n) => {
    expect(await start({ MaxNumberOfMessagesPerSecond: n })).toEqual(
      errorOutput(
        INVALID,
        `Value ${n} for parameter MaxNumberOfMessagesPerSecond is invalid. Reason: Must be between 1 and 500, if provided.`,
      ),
    );
  });

  test("the source must be given, be an ARN, be there, and be some queue's target", async () => {
    expect(await start({ SourceArn: null })).toEqual(
      errorOutput(MISSING, "The request must contain the parameter SourceArn."),
    );
    expect(await start({ SourceArn: "dead" })).toEqual(BAD_ARN("SourceArn"));
    expect(await start({ SourceArn: `${ARN}:nowhere` })).toEqual(NOT_THERE("SourceArn"));
    expect(await start({})).toEqual(
      errorOutput(INVALID, "Source queue must be configured as a Dead Letter Queue."),
    );
  });

  test("a destination must be an ARN and be there", async () => {
    await createSource("q");
    expect(await start({ DestinationArn: "q" })).toEqual(BAD_ARN("DestinationArn"));
    expect(await start({ DestinationArn: `${ARN}:x` })).toEqual(NOT_THERE("DestinationArn"));
    expect(await start({ DestinationArn: `${ARN}:dead` })).toEqual(
      errorOutput(INVALID, "The source queue and the destination queue must not be the same."),
    );
  });

  test("one task at a time for a queue; the next one may begin once it has ended", async () => {
    await createSource("q");
    await bury(2);
    await start({ MaxNumberOfMessagesPerSecond: 1 });
    expect(await start({})).toEqual(
      errorOutput(
        INVALID,
        "There is already a task running. Only one active task is allowed for a source queue arn at a given time.",
      ),
    );
    sqs.clock.advance(3_000);
    expect(handleOf(await start({}))).toMatchObject({ sourceArn: `${ARN}:dead` });
  });

  test("the messages go back to where they came from, or to the destination", async () => {
    await createSource("q");
    await bury(3);
    await start({});
    sqs.clock.advance(1_000);
    expect(await available("q")).toBe("3");
    expect(await available("dead")).toBe("0");
    const asked = { QueueUrl: "q", AttributeNames: ["All"], VisibilityTimeout: 600 };
    const got = await ask("ReceiveMessage", asked);
    expect(got).toMatchObject({
      Messages: [{ Body: "body 0", Attributes: { ApproximateReceiveCount: "1" } }],
    });
    expect(JSON.stringify(got)).not.toContain("DeadLetterQueueSourceArn");
    await sqs.createQueue("other");
    await sqs.sendMessage("dead", "sent here");
    await start({ DestinationArn: `${ARN}:other` });
    sqs.clock.advance(1_000);
    expect(await available("other")).toBe("1");
  });
});

describe("ListMessageMoveTasks", () => {
  const list = async (input: Record<string, unknown> = {}): Promise<unknown> =>
    Object(await ask("ListMessageMoveTasks", { SourceArn: `${ARN}:dead`, ...input })).Results;

  test("a running task has a handle, what it moved, and when it was started in ms", async () => {
    await createSource("q");
    await bury(3);
    const { startedAt, handle } = await startSlowly();
    sqs.clock.advance(1_000);
    expect(await list()).toEqual([
      {
        TaskHandle: handle,
        Status: "RUNNING",
        SourceArn: `${ARN}:dead`,
        DestinationArn: `${ARN}:q`,
        MaxNumberOfMessagesPerSecond: 1,
        ApproximateNumberOfMessagesMoved: 1,
        ApproximateNumberOfMessagesToMove: 3,
        StartedTimestamp: startedAt,
      },
    ]);
    const xml = await sqs.query({ Action: "ListMessageMoveTasks", SourceArn: `${ARN}:dead` });
    expect(xml.text).toContain("<ListMessageMoveTasksResultEntry><TaskHandle>");
  });

  test("what has ended has no handle; what failed says why; the newest come first, ten at most", async () => {
    await createSource("q");
    for (let i = 0; i < 11; i++) {
      if (i === 10) await sqs.sendMessage("dead", "from nowhere");
      await ask("StartMessageMoveTask", { SourceArn: `${ARN}:dead` });
      sqs.clock.advance(1_000);
      await list();
    }
    const tasks = await list({ MaxResults: 10 });
    expect(tasks).toHaveLength(10);
    expect(tasks).toMatchObject([
      { Status: "FAILED", FailureReason: "CouldNotDetermineMessageSource" },
      { Status: "COMPLETED" },
      ...Array(8).fill({ Status: "COMPLETED" }),
    ]);
    expect(JSON.stringify(tasks)).not.toContain("TaskHandle");
    expect(await list()).toHaveLength(1);
  });

  test("a destination that is gone fails the task", async () => {
    await createSource("q");
    await bury(1);
    await ask("StartMessageMoveTask", { SourceArn: `${ARN}:dead` });
    await ask("DeleteQueue", { QueueUrl: "q" });
    sqs.clock.advance(1_000);
    expect(await list()).toMatchObject([
      { Status: "FAILED", FailureReason: "AWS.SimpleQueueService.NonExistentQueue" },
    ]);
  });

  test.each([undefined, 1, 10])("there are none (MaxResults %j)", async (asked) => {
    const input = { SourceArn: `${ARN}:dead`, MaxResults: asked };
    expect(await ask("ListMessageMoveTasks", input)).toEqual({ Results: [] });
  });

  test.each([0, 11])("MaxResults %i is refused", async (asked) => {
    const input = { SourceArn: `${ARN}:dead`, MaxResults: asked };
    expect(await ask("ListMessageMoveTasks", input)).toEqual(
      errorOutput(
        INVALID,
        `Value ${asked} for parameter MaxResults is invalid. Reason: Must be between 1 and 10, if provided.`,
      ),
    );
  });

  test("the source must be an ARN of a queue that is there", async () => {
    expect(await ask("ListMessageMoveTasks", { SourceArn: "x" })).toEqual(BAD_ARN("SourceArn"));
    const reply = await sqs.call("ListMessageMoveTasks", { SourceArn: `${ARN}:x` });
    expect([reply.status, reply.output]).toEqual([404, NOT_THERE("SourceArn")]);
  });
});

describe("CancelMessageMoveTask", () => {
  const handleFor = (value: unknown): string =>
    Buffer.from(JSON.stringify(value)).toString("base64");
  const taskId = "dc16c0b4-c0a2-4a51-8ba4-4a1b4dc9a4b3";
  const sourceArn = `${ARN}:dead`;

  test.each([
    "garbage",
    "*",
    handleFor(7),
    handleFor({ taskId }),
    handleFor({ taskId: "x", sourceArn }),
    handleFor({ taskId, sourceArn: "x" }),
  ])("%s is no handle", async (text) => {
    expect(await ask("CancelMessageMoveTask", { TaskHandle: text })).toEqual(
      errorOutput(INVALID, "Value for parameter TaskHandle is invalid."),
    );
  });

  test("ends a running task, once, and says what it moved", async () => {
    await createSource("q");
    await bury(3);
    const { handle: running } = await startSlowly();
    sqs.clock.advance(2_000);
    expect(await ask("CancelMessageMoveTask", { TaskHandle: running })).toEqual({
      ApproximateNumberOfMessagesMoved: 2,
    });
    sqs.clock.advance(60_000);
    expect(await available("dead")).toBe("1");
    expect(await ask("ListMessageMoveTasks", { SourceArn: sourceArn })).toMatchObject({
      Results: [{ Status: "CANCELLED", ApproximateNumberOfMessagesMoved: 2 }],
    });
    expect(await ask("CancelMessageMoveTask", { TaskHandle: running })).toEqual(
      errorOutput(RESOURCE, "Task does not exist."),
    );
  });

  test("a task that is not there is not found; a handle is required", async () => {
    const reply = await sqs.call("CancelMessageMoveTask", {
      TaskHandle: handleFor({ taskId, sourceArn }),
    });
    expect([reply.status, reply.output]).toEqual([
      404,
      errorOutput(RESOURCE, "Task does not exist."),
    ]);
    const gone = handleFor({ taskId, sourceArn: `${ARN}:nowhere` });
    expect(await ask("CancelMessageMoveTask", { TaskHandle: gone })).toEqual(
      errorOutput(RESOURCE, "Task does not exist."),
    );
    expect(await ask("CancelMessageMoveTask", {})).toEqual(
      errorOutput(MISSING, "The request must contain the parameter TaskHandle."),
    );
  });
});
