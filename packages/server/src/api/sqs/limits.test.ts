/** Every limit of both profiles, at its edge and past it, and queues that are created when they are first used. */
import { describe, expect, test } from "vitest";
import { SqsCaller, type SqsReply } from "../../testing/sqs-caller.ts";
import { SQS_LIMITS, type SqsLimits } from "./limits.ts";

const PROFILES = ["aws", "relaxed"] as const;

async function callerOf(limits: SqsLimits): Promise<SqsCaller> {
  const sqs = new SqsCaller({}, { limits });
  await sqs.createQueue("q", { VisibilityTimeout: "600" });
  return sqs;
}

function codeOf(reply: SqsReply): string {
  return reply.headers["x-amzn-query-error"]?.split(";")[0] ?? String(reply.status);
}

function entries(count: number, bytes = 1): unknown[] {
  const MessageBody = "x".repeat(bytes);
  return Array.from({ length: count }, (_, at) => ({ Id: String(at), MessageBody }));
}

describe.each(PROFILES)("the limits of the profile %s", (profile) => {
  const limits = SQS_LIMITS[profile];
  const { delaySeconds, visibilitySeconds, waitSeconds, receiveMessages } = limits;

  test.each([
    ["SendMessage", { MessageBody: "a" }, "DelaySeconds", delaySeconds],
    ["ReceiveMessage", {}, "MaxNumberOfMessages", receiveMessages],
    ["ReceiveMessage", {}, "VisibilityTimeout", visibilitySeconds],
  ] as const)("of %s %o: %s", async (action, input, name, { least, most }) => {
    const sqs = await callerOf(limits);
    const retention = { MessageRetentionPeriod: String(limits.retentionSeconds.most) };
    await sqs.call("SetQueueAttributes", { QueueUrl: "q", Attributes: retention });
    for (const value of [least, most]) {
      const reply = await sqs.call(action, { ...input, QueueUrl: "q", [name]: value });
      expect([value, codeOf(reply)]).toEqual([value, "200"]);
    }
    for (const value of [least - 1, most + 1]) {
      const reply = await sqs.call(action, { ...input, QueueUrl: "q", [name]: value });
      expect(codeOf(reply)).toBe("InvalidParameterValue");
      expect(reply.output["message"]).toContain(`Value ${value} for parameter ${name} is invalid.`);
      expect(reply.output["message"]).toContain(String(most));
    }
  });

  test("of WaitTimeSeconds", async () => {
    const sqs = await callerOf(limits);
    await sqs.sendMessage("q", "a");
    for (const WaitTimeSeconds of [waitSeconds.most, waitSeconds.most + 1]) {
      const reply = await sqs.call("ReceiveMessage", { QueueUrl: "q", WaitTimeSeconds });
      const isWithin = WaitTimeSeconds <= waitSeconds.most;
      expect(codeOf(reply)).toBe(isWithin ? "200" : "InvalidParameterValue");
    }
  });

  test.each([
    ["DelaySeconds", delaySeconds],
    ["MaximumMessageSize", limits.messageBytes],
    ["MessageRetentionPeriod", limits.retentionSeconds],
    ["ReceiveMessageWaitTimeSeconds", waitSeconds],
    ["VisibilityTimeout", visibilitySeconds],
  ])("of the attribute %s", async (name, { least, most }) => {
    const sqs = await callerOf(limits);
    const set = async (value: number): Promise<string> => {
      const Attributes = { [name]: String(value) };
      return codeOf(await sqs.call("SetQueueAttributes", { QueueUrl: "q", Attributes }));
    };
    expect(await set(least)).toBe("200");
    expect(await set(most)).toBe("200");
    expect(await set(least - 1)).toBe("InvalidAttributeValue");
    expect(await set(most + 1)).toBe("InvalidAttributeValue");
  });

  test("of the entries of a batch", async () => {
    const sqs = await callerOf(limits);
    const send = async (count: number): Promise<SqsReply> =>
      sqs.call("SendMessageBatch", { QueueUrl: "q", Entries: entries(count) });
    expect(codeOf(await send(limits.batchEntriesMax))).toBe("200");
    const more = await send(limits.batchEntriesMax + 1);
    expect(codeOf(more)).toBe("AWS.SimpleQueueService.TooManyEntriesInBatchRequest");
    expect(more.output["message"]).toContain(`are ${limits.batchEntriesMax}. You have sent`);
  });

  test("of the bytes of a batch", async () => {
    const sqs = await callerOf(limits);
    const send = async (more: number): Promise<SqsReply> => {
      const Entries = entries(8, limits.batchBytesMax / 8);
      Entries[0] = { Id: "0", MessageBody: "x".repeat(limits.batchBytesMax / 8 + more) };
      return sqs.call("SendMessageBatch", { QueueUrl: "q", Entries });
    };
    expect(codeOf(await send(0))).toBe("200");
    expect(codeOf(await send(1))).toBe("AWS.SimpleQueueService.BatchRequestTooLong");
  });
});

describe("messages in flight", () => {
  const few: SqsLimits = { ...SQS_LIMITS.aws, inFlightMax: 12 };

  async function filled(limits: SqsLimits): Promise<SqsCaller> {
    const sqs = await callerOf(limits);
    await sqs.call("SendMessageBatch", { QueueUrl: "q", Entries: entries(10) });
    await sqs.call("SendMessageBatch", { QueueUrl: "q", Entries: entries(10) });
    return sqs;
  }

  async function receive(sqs: SqsCaller, input = {}): Promise<SqsReply> {
    return sqs.call("ReceiveMessage", { QueueUrl: "q", MaxNumberOfMessages: 10, ...input });
  }

  function count({ output }: SqsReply): number {
    const { Messages: messages } = output;
    return Array.isArray(messages) ? messages.length : 0;
  }

  test("are 120,000 of a standard queue at most, as the service has it, or as many as there are", () => {
    expect(SQS_LIMITS.aws.inFlightMax).toBe(120_000);
    expect(SQS_LIMITS.relaxed.inFlightMax).toBeUndefined();
  });

  test("are never more than the limit: what is left of it is given, then OverLimit", async () => {
    const sqs = await filled(few);
    expect(count(await receive(sqs))).toBe(10);
    expect(count(await receive(sqs))).toBe(2);
    const refused = await receive(sqs);
    expect([refused.status, codeOf(refused)]).toEqual([403, "OverLimit"]);
  });

  test("end a poll in vain with an empty answer, or let it go on when one comes back", async () => {
    const sqs = await filled(few);
    await receive(sqs);
    const handle = await sqs.receiveHandle("q");
    await receive(sqs);
    const inVain = receive(sqs, { WaitTimeSeconds: 2 });
    // The poll waits once everything that it is made of has run.
    await new Promise(setImmediate);
    sqs.clock.advance(2_000);
    expect((await inVain).output).toEqual({});
    const waiting = receive(sqs, { WaitTimeSeconds: 20 });
    await sqs.call("DeleteMessage", { QueueUrl: "q", ReceiptHandle: handle });
    expect(count(await waiting)).toBe(1);
  });
});

describe("a queue that is not there", () => {
  const missing = "AWS.SimpleQueueService.NonExistentQueue";

  test.each([
    ["GetQueueUrl", { QueueName: "new" }],
    ["ReceiveMessage", { QueueUrl: "new" }],
    ["SendMessage", { QueueUrl: "http://a/000000000000/new", MessageBody: "a" }],
    ["SendMessageBatch", { QueueUrl: "new", Entries: entries(1) }],
  ])("is created by %s if so configured", async (action, input) => {
    const refuses = new SqsCaller();
    expect(codeOf(await refuses.call(action, input))).toBe(missing);
    const creates = new SqsCaller({}, { createsQueuesOnUse: true });
    expect(codeOf(await creates.call(action, input))).toBe("200");
    const names = ["VisibilityTimeout", "DelaySeconds"];
    const shown = await creates.call("GetQueueAttributes", {
      QueueUrl: "new",
      AttributeNames: names,
    });
    expect(shown.output["Attributes"]).toEqual({ VisibilityTimeout: "30", DelaySeconds: "0" });
  });

  test("is created as a FIFO queue if its name says so", async () => {
    const creates = new SqsCaller({}, { createsQueuesOnUse: true });
    const send = { QueueUrl: "new.fifo", MessageBody: "a", MessageGroupId: "g" };
    expect(codeOf(await creates.call("SendMessage", send))).toBe("InvalidParameterValue");
    const whole = { ...send, MessageDeduplicationId: "d" };
    expect(codeOf(await creates.call("SendMessage", whole))).toBe("200");
    const AttributeNames = ["FifoQueue", "ContentBasedDeduplication"];
    const asked = { QueueUrl: "new.fifo", AttributeNames };
    const { output } = await creates.call("GetQueueAttributes", asked);
    expect(output["Attributes"]).toEqual({ FifoQueue: "true", ContentBasedDeduplication: "false" });
  });

  test.each([
    ["DeleteMessage", { QueueUrl: "new", ReceiptHandle: "x" }],
    ["GetQueueAttributes", { QueueUrl: "new" }],
    ["PurgeQueue", { QueueUrl: "new" }],
    ["SendMessage", { QueueUrl: "no queue's name", MessageBody: "a" }],
  ])("is not created by %s %o", async (action, input) => {
    const sqs = new SqsCaller({}, { createsQueuesOnUse: true });
    expect(codeOf(await sqs.call(action, input))).toBe(missing);
    expect((await sqs.call("ListQueues", {})).output).toEqual({});
  });

  test("is not created by a request that is wrong", async () => {
    const sqs = new SqsCaller({}, { createsQueuesOnUse: true });
    await sqs.call("SendMessage", { QueueUrl: "new", MessageBody: "\u0000" });
    expect((await sqs.call("ListQueues", {})).output).toEqual({});
  });
});
