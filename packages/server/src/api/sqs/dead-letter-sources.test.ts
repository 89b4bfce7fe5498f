/** ListDeadLetterSourceQueues, and the message move tasks as far as they go. */
import { beforeEach, describe, expect, test } from "vitest";
import { errorOutput, QUEUES_URL, SqsCaller } from "../../testing/sqs-caller.ts";

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
    RedrivePolicy: JSON.stringify({ deadLetterTargetArn: `${ARN}:dead`, maxReceiveCount: 3 }),
  });
}

async function ask(action: string, input: Record<string, unknown>): Promise<unknown> {
  return (await sqs.call(action, input)).output;
}

describe("ListDeadLetterSourceQueues", () => {
  test("nothing is no member; sources come in the order of their names", async () => {
    expect(await ask("ListDeadLetterSourceQueues", { QueueUrl: "dead" })).toEqual({});
    for (const name of ["c", "a", "b"]) await createSource(name);
    await sqs.createQueue("other");
    expect(await ask("ListDeadLetterSourceQueues", { QueueUrl: "dead" })).toEqual({
      queueUrls: ["a", "b", "c"].map((name) => `${QUEUES_URL}/${name}`),
    });
    const xml = await sqs.query({ Action: "ListDeadLetterSourceQueues", QueueUrl: "dead" });
    expect(xml.text).toContain(
      `<ListDeadLetterSourceQueuesResult><QueueUrl>${QUEUES_URL}/a</QueueUrl>`,
    );
  });

  test("pages follow each other to the end, over many queues", async () => {
    for (let at = 0; at < 250; at++) {
      if (at % 50 === 0) await createSource(`q${1000 + at}`);
      else await sqs.createQueue(`q${1000 + at}`);
    }
    const seen: unknown[] = [];
    let token: unknown;
    do {
      const input = { QueueUrl: "dead", MaxResults: 2, NextToken: token };
      const { output } = await sqs.call("ListDeadLetterSourceQueues", input);
      seen.push(output["queueUrls"]);
      token = output["NextToken"];
    } while (token !== undefined);
    const urls = (...names: string[]) => names.map((name) => `${QUEUES_URL}/${name}`);
    expect(seen).toEqual([urls("q1000", "q1050"), urls("q1100", "q1150"), urls("q1200")]);
  });

  test.each([
    [1, true],
    [1000, true],
    [0, false],
    [1001, false],
  ])("MaxResults %i is fine: %s", async (asked, fine) => {
    const output = await ask("ListDeadLetterSourceQueues", { QueueUrl: "dead", MaxResults: asked });
    expect(output).toEqual(
      fine
        ? {}
        : errorOutput(
            INVALID,
            `Value ${asked} for parameter MaxResults is invalid. Reason: Must be between 1 and 1000, if provided.`,
          ),
    );
  });

  test("the queue must be there", async () => {
    expect(await ask("ListDeadLetterSourceQueues", { QueueUrl: "nowhere" })).toMatchObject({
      __type: "com.amazonaws.sqs#QueueDoesNotExist",
    });
  });
});

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

  test.each([undefined, 1, 500])(
    "%j messages per second are fine; it is not there yet",
    async (n) => {
      await createSource("q");
      const input = { DestinationArn: `${ARN}:q`, MaxNumberOfMessagesPerSecond: n };
      expect(await start(input)).toMatchObject({
        __type: "com.amazonaws.sqs#UnsupportedOperation",
      });
    },
  );

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
  });
});

describe("ListMessageMoveTasks", () => {
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
  const handle = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64");
  const taskId = "dc16c0b4-c0a2-4a51-8ba4-4a1b4dc9a4b3";
  const sourceArn = `${ARN}:dead`;

  test.each([
    "garbage",
    "*",
    handle(7),
    handle({ taskId }),
    handle({ taskId: "x", sourceArn }),
    handle({ taskId, sourceArn: "x" }),
  ])("%s is no handle", async (text) => {
    expect(await ask("CancelMessageMoveTask", { TaskHandle: text })).toEqual(
      errorOutput(INVALID, "Value for parameter TaskHandle is invalid."),
    );
  });

  test("a task that is not there is not found; a handle is required", async () => {
    const reply = await sqs.call("CancelMessageMoveTask", {
      TaskHandle: handle({ taskId, sourceArn }),
    });
    expect([reply.status, reply.output]).toEqual([
      404,
      errorOutput(RESOURCE, "Task does not exist."),
    ]);
    expect(await ask("CancelMessageMoveTask", {})).toEqual(
      errorOutput(MISSING, "The request must contain the parameter TaskHandle."),
    );
  });
});
