/** TagQueue, UntagQueue, ListQueueTags, and the tags of CreateQueue. */
import { beforeEach, describe, expect, test } from "vitest";
import { errorOutput, SqsCaller, type SqsReply } from "../../testing/sqs-caller.ts";

const INVALID = "com.amazon.coral.service#InvalidParameterValueException";
const MISSING = "com.amazon.coral.service#MissingRequiredParameterException";

let sqs: SqsCaller;

beforeEach(async () => {
  sqs = new SqsCaller();
  await sqs.createQueue("q");
});

function many(count: number, prefix = "k"): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, at) => [`${prefix}${at}`, "v"]));
}

async function tag(tags: unknown): Promise<SqsReply> {
  return sqs.call("TagQueue", { QueueUrl: "q", Tags: tags });
}

async function listed(queue = "q"): Promise<unknown> {
  return (await sqs.call("ListQueueTags", { QueueUrl: queue })).output;
}

describe("tags", () => {
  test("are added, overwritten, removed; none are no member", async () => {
    expect(await listed()).toEqual({});
    expect((await tag({ team: "a", Team: "", __proto__: "p" })).text).toBe("");
    expect((await tag({ team: "b" })).status).toBe(200);
    expect(await listed()).toEqual({ Tags: { team: "b", Team: "" } });
    const keys = ["team", "unknown"];
    expect((await sqs.call("UntagQueue", { QueueUrl: "q", TagKeys: keys })).text).toBe("");
    expect(await listed()).toEqual({ Tags: { Team: "" } });
    await sqs.call("UntagQueue", { QueueUrl: "q", TagKeys: ["Team"] });
    expect(await listed()).toEqual({});
  });

  test("of a new queue are there, and are not compared when it is created again", async () => {
    await sqs.call("CreateQueue", { QueueName: "r", tags: { a: "1" } });
    const again = await sqs.call("CreateQueue", { QueueName: "r", tags: { a: "2", b: "3" } });
    expect(again.status).toBe(200);
    expect(await listed("r")).toEqual({ Tags: { a: "1" } });
  });

  test("go with their queue", async () => {
    await tag({ a: "1" });
    await sqs.call("DeleteQueue", { QueueUrl: "q" });
    await sqs.createQueue("q");
    expect(await listed()).toEqual({});
  });

  test("fifty are the most, those that are there already counted", async () => {
    expect((await tag(many(49))).status).toBe(200);
    expect((await tag(many(50))).status).toBe(200);
    expect((await tag({ k0: "again" })).status).toBe(200);
    expect((await tag({ more: "" })).output).toEqual(
      errorOutput(INVALID, "Too many tags added for queue q."),
    );
    expect((await tag(many(51, "x"))).status).toBe(400);
  });

  test.each([
    [{ ["k".repeat(128)]: "v".repeat(256) }, 200],
    [{ ["k".repeat(129)]: "" }, 400],
    [{ "": "v" }, 400],
    [{ k: "v".repeat(257) }, 400],
    [{ k: "\u0000" }, 400],
    [{ "\ud800": "" }, 400],
  ])("a key has 1 to 128 characters, a value 0 to 256: %j is %i", async (tags, status) => {
    expect((await tag(tags)).status).toBe(status);
    const created = await sqs.call("CreateQueue", { QueueName: "r", tags });
    expect(created.status).toBe(status);
  });

  test("all of them have 24 KiB at most", async () => {
    // Each has 1 + 3 * 256 bytes and 7 around it: 31 of them are 24,056 bytes.
    const long = (count: number): Record<string, string> =>
      Object.fromEntries(
        Array.from({ length: count }, (_, at) => [String.fromCharCode(65 + at), "€".repeat(256)]),
      );
    expect((await tag(long(31))).status).toBe(200);
    expect((await tag(long(32))).output).toEqual(
      errorOutput(INVALID, "The tags of queue q must not be longer than 24576 bytes in all."),
    );
  });

  test.each([
    ["TagQueue", "Tags"],
    ["UntagQueue", "TagKeys"],
  ])("%s needs %s", async (action, member) => {
    for (const input of [{}, { Tags: {}, TagKeys: [] }]) {
      const reply = await sqs.call(action, { QueueUrl: "q", ...input });
      expect(reply.output).toEqual(
        errorOutput(MISSING, `The request must contain the parameter ${member}.`),
      );
    }
  });

  test.each(["TagQueue", "UntagQueue", "ListQueueTags"])(
    "%s: the queue must be there",
    async (action) => {
      const reply = await sqs.call(action, { QueueUrl: "nowhere" });
      expect(reply.output["__type"]).toBe("com.amazonaws.sqs#QueueDoesNotExist");
    },
  );

  test("the Query protocol has Tag.N.Key and TagKey.N", async () => {
    const pairs = { "Tag.1.Key": "a", "Tag.1.Value": "1", "Tag.2.Key": "b", "Tag.2.Value": "" };
    const created = await sqs.query({ Action: "CreateQueue", QueueName: "r", ...pairs });
    expect(created.status).toBe(200);
    await sqs.query({ Action: "TagQueue", QueueUrl: "r", "Tag.Key": "c", "Tag.Value": "3" });
    await sqs.query({ Action: "UntagQueue", QueueUrl: "r", "TagKey.1": "a" });
    const { text } = await sqs.query({ Action: "ListQueueTags", QueueUrl: "r" });
    expect(text).toContain(
      "<ListQueueTagsResult><Tag><Key>b</Key><Value/></Tag><Tag><Key>c</Key><Value>3</Value></Tag></ListQueueTagsResult>",
    );
  });
});
