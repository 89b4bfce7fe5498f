/** AddPermission and RemovePermission: statements of the queue's stored policy. */
import { beforeEach, describe, expect, test } from "vitest";
import { errorOutput, SqsCaller, type SqsReply } from "../../testing/sqs-caller.ts";

const INVALID = "com.amazon.coral.service#InvalidParameterValueException";
const MISSING = "com.amazon.coral.service#MissingRequiredParameterException";
const OVER_LIMIT = "com.amazonaws.sqs#OverLimit";
const ARN = "arn:aws:sqs:us-east-1:000000000000:q";

let sqs: SqsCaller;

beforeEach(async () => {
  sqs = new SqsCaller();
  await sqs.createQueue("q");
});

async function add(input: Record<string, unknown> = {}): Promise<SqsReply> {
  return sqs.call("AddPermission", {
    QueueUrl: "q",
    Label: "l",
    AWSAccountIds: ["111111111111"],
    Actions: ["SendMessage"],
    ...input,
  });
}

async function remove(label: string): Promise<SqsReply> {
  return sqs.call("RemovePermission", { QueueUrl: "q", Label: label });
}

async function policy(): Promise<unknown> {
  const input = { QueueUrl: "q", AttributeNames: ["Policy"] };
  const { output } = await sqs.call("GetQueueAttributes", input);
  const attributes = Object(output["Attributes"]);
  return "Policy" in attributes ? JSON.parse(String(attributes.Policy)) : undefined;
}

const FIRST = {
  Sid: "l",
  Effect: "Allow",
  Principal: { AWS: "arn:aws:iam::111111111111:root" },
  Action: "SQS:SendMessage",
  Resource: ARN,
};

/** Statements of the policy, by their labels. */
async function labels(): Promise<readonly unknown[]> {
  const { Statement: statements = [] } = Object((await policy()) ?? {});
  return statements.map((statement: unknown) => Object(statement).Sid);
}

describe("at the same time", () => {
  const all = Array.from({ length: 20 }, (_, at) => `l${at}`);

  test("no statement is lost, whoever comes first", async () => {
    const added = await Promise.all(all.map((label) => add({ Label: label })));
    expect(added.map(({ status }) => status)).toEqual(all.map(() => 200));
    expect([...(await labels())].sort()).toEqual([...all].sort());
    const changes = all.map((label, at) => (at % 2 === 0 ? remove(label) : add({ Label: label })));
    expect((await Promise.all(changes)).map(({ status }) => status)).toEqual(
      all.map((_, at) => (at % 2 === 0 ? 200 : 400)),
    );
    expect(await labels()).toHaveLength(10);
  });
});

describe("AddPermission", () => {
  test("begins a policy and appends to it; lists of one are the one", async () => {
    expect((await add()).text).toBe("");
    expect(await policy()).toEqual({
      Version: "2008-10-17",
      Id: `${ARN}/SQSDefaultPolicy`,
      Statement: [FIRST],
    });
    await add({
      Label: "two",
      AWSAccountIds: ["111111111111", "222222222222"],
      Actions: ["ReceiveMessage", "DeleteMessage"],
    });
    expect(await policy()).toMatchObject({
      Statement: [
        FIRST,
        {
          Sid: "two",
          Principal: {
            AWS: ["arn:aws:iam::111111111111:root", "arn:aws:iam::222222222222:root"],
          },
          Action: ["SQS:ReceiveMessage", "SQS:DeleteMessage"],
        },
      ],
    });
  });

  test("appends to a policy that was set as a document, one statement or many", async () => {
    const document = { Version: "2012-10-17", Statement: { Sid: "mine", Effect: "Deny" } };
    const attributes = { Policy: JSON.stringify(document) };
    await sqs.call("SetQueueAttributes", { QueueUrl: "q", Attributes: attributes });
    await add();
    expect(await policy()).toEqual({
      Version: "2012-10-17",
      Statement: [{ Sid: "mine", Effect: "Deny" }, FIRST],
    });
  });

  test.each(["a", "Az09_-", "x".repeat(80)])("the label %s is fine", async (label) => {
    expect((await add({ Label: label })).status).toBe(200);
  });

  test.each(["x".repeat(81), "a b", "a.b", "ä"])("the label %s is refused", async (label) => {
    expect((await add({ Label: label })).output).toEqual(
      errorOutput(
        INVALID,
        `Value ${label} for parameter Label is invalid. Reason: Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length`,
      ),
    );
  });

  test("a label is there once", async () => {
    await add();
    expect((await add()).output).toEqual(
      errorOutput(INVALID, "Value l for parameter Label is invalid. Reason: Already exists."),
    );
  });

  test.each(["Label", "AWSAccountIds", "Actions"])("%s is required", async (member) => {
    const message = `The request must contain the parameter ${member}.`;
    expect((await add({ [member]: null })).output).toEqual(errorOutput(MISSING, message));
  });

  test.each(["11111111111", "1111111111111", "abc", ""])("%j is no account", async (account) => {
    expect((await add({ AWSAccountIds: [account] })).output).toEqual(
      errorOutput(
        INVALID,
        `Value [${account}] for parameter PrincipalId is invalid. Reason: Unable to verify.`,
      ),
    );
  });

  test.each([
    "*",
    "SendMessage",
    "ReceiveMessage",
    "DeleteMessage",
    "ChangeMessageVisibility",
    "GetQueueAttributes",
    "GetQueueUrl",
    "ListDeadLetterSourceQueues",
    "PurgeQueue",
  ])("%s may be granted", async (action) => {
    expect((await add({ Actions: [action] })).status).toBe(200);
    expect(await policy()).toMatchObject({ Statement: [{ Action: `SQS:${action}` }] });
  });

  test.each(["DeleteQueue", "AddPermission", "Dance", ""])("%j may not", async (action) => {
    expect((await add({ Actions: [action] })).output).toEqual(
      errorOutput(
        INVALID,
        `Value SQS:${action} for parameter ActionName is invalid. Reason: Only the queue owner is allowed to invoke this action.`,
      ),
    );
  });

  test("seven actions are the most", async () => {
    const actions = (count: number): string[] => Array.from({ length: count }, () => "SendMessage");
    expect((await add({ Actions: actions(7) })).status).toBe(200);
    const tooMany = await add({ Label: "m", Actions: actions(8) });
    expect([tooMany.status, tooMany.output]).toEqual([
      403,
      errorOutput(OVER_LIMIT, "8 Actions were found, maximum allowed is 7."),
    ]);
  });

  test("twenty statements are the most", async () => {
    for (let at = 0; at < 20; at++) {
      expect((await add({ Label: `l${at}` })).status).toBe(200);
    }
    expect((await add({ Label: "more" })).output).toEqual(
      errorOutput(OVER_LIMIT, "21 Statements were found, maximum allowed is 20."),
    );
  });

  test("a policy has 8,192 bytes at most", async () => {
    const accounts = Array.from({ length: 300 }, (_, at) => String(100_000_000_000 + at));
    expect((await add({ AWSAccountIds: accounts })).output["__type"]).toBe(OVER_LIMIT);
    expect(await policy()).toBeUndefined();
  });
});

describe("RemovePermission", () => {
  test("takes a statement away; the policy goes with the last", async () => {
    await add();
    await add({ Label: "two" });
    expect((await remove("l")).text).toBe("");
    expect(await policy()).toMatchObject({ Statement: [{ Sid: "two" }] });
    await remove("two");
    expect(await policy()).toBeUndefined();
  });

  test("a label that is not there is told, with a policy and without", async () => {
    const expected = errorOutput(
      INVALID,
      "Value x for parameter Label is invalid. Reason: can't find label.",
    );
    expect((await remove("x")).output).toEqual(expected);
    await add();
    expect((await remove("x")).output).toEqual(expected);
  });

  test("the Query protocol has AWSAccountId.N and ActionName.N, or one without a number", async () => {
    const action = { Action: "AddPermission", QueueUrl: "q" };
    const many = { Label: "l", "AWSAccountId.1": "111111111111", "ActionName.1": "SendMessage" };
    expect((await sqs.query({ ...action, ...many })).status).toBe(200);
    const one = { Label: "m", AWSAccountId: "111111111111", ActionName: "*" };
    expect((await sqs.query({ ...action, ...one })).status).toBe(200);
    expect(await policy()).toMatchObject({ Statement: [FIRST, { Sid: "m", Action: "SQS:*" }] });
    const gone = await sqs.query({ Action: "RemovePermission", QueueUrl: "q", Label: "l" });
    expect(gone.text).toContain("<RemovePermissionResponse");
  });
});
