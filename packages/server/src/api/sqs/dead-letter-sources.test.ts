/** ListDeadLetterSourceQueues. */
import { beforeEach, describe, expect, test } from "vitest";
import { errorOutput, QUEUES_URL, SqsCaller } from "../../testing/sqs-caller.ts";

const INVALID = "com.amazon.coral.service#InvalidParameterValueException";
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
