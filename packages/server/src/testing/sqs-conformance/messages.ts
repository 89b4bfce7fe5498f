/** Messages: sent, received, kept hidden, deleted, buried. */
import assert from "node:assert/strict";
import { SQS_LIMITS } from "../../api/sqs/limits.ts";
import { attributes, type Behaviour, ok, receive, redriveTo, refused, set } from "./behaviour.ts";
import { MOVING } from "./moving.ts";

const SENDING: readonly Behaviour[] = [
  {
    action: "SendMessage",
    behaviour: "the digests of body, attributes and system attributes",
    service: "in the answer, each where there is something to digest",
    test: async (sqs) => {
      await sqs.createQueue("q");
      const MessageAttributes = { k: { DataType: "String", StringValue: "x" } };
      const input = { QueueUrl: "q", MessageBody: "test", MessageAttributes };
      const sent = await ok(sqs, "SendMessage", input);
      assert.equal(sent["MD5OfMessageBody"], "098f6bcd4621d373cade4e832627b4f6");
      assert.equal(sent["MD5OfMessageAttributes"], "a45daa70926828a2f0a1db3418e6feb4");
      assert.ok(!("MD5OfMessageSystemAttributes" in sent));
    },
  },
  {
    action: "SendMessage",
    behaviour: "body and attributes of exactly the queue's maximum, and a byte more",
    service: "taken; `InvalidParameterValue`",
    test: async (sqs) => {
      await sqs.createQueue("q", { MaximumMessageSize: "1024" });
      await ok(sqs, "SendMessage", { QueueUrl: "q", MessageBody: "x".repeat(1_024) });
      const longer = sqs.sendMessage("q", "x".repeat(1_025));
      await refused(longer, "InvalidParameterValue", "Message must be shorter than 1024 bytes.");
    },
  },
  {
    action: "SendMessage",
    behaviour: "characters that XML has not",
    service: "`InvalidMessageContents`",
    test: async (sqs) => {
      await sqs.createQueue("q");
      await refused(sqs.sendMessage("q", "\u0000"), "InvalidMessageContents");
      await refused(sqs.sendMessage("q", "\ud800"), "InvalidMessageContents");
      await ok(sqs, "SendMessage", { QueueUrl: "q", MessageBody: "\t\r\n\u{10ffff}" });
    },
  },
  {
    action: "SendMessage",
    behaviour: "periods in a row in an attribute's name",
    service: "documented as illegal",
    ours: "`InvalidParameterValue`",
    test: async (sqs) => {
      await sqs.createQueue("q");
      const MessageAttributes = { "a..b": { DataType: "String", StringValue: "x" } };
      const input = { QueueUrl: "q", MessageBody: "x", MessageAttributes };
      await refused(sqs.call("SendMessage", input), "InvalidParameterValue", "a..b");
    },
  },
  {
    action: "SendMessage",
    behaviour: "`AWSTraceHeader`",
    service: "from the system attribute, else from the header `X-Amzn-Trace-Id`",
    test: async (sqs) => {
      await sqs.createQueue("q");
      const headers = { "x-amzn-trace-id": "Root=1" };
      await sqs.call("SendMessage", { QueueUrl: "q", MessageBody: "a" }, headers);
      const [message] = await receive(sqs, "q", { AttributeNames: ["AWSTraceHeader"] });
      assert.deepEqual(message?.["Attributes"], { AWSTraceHeader: "Root=1" });
    },
  },
  {
    action: "SendMessage",
    behaviour: "`MessageGroupId` on a standard queue",
    service: "kept and shown; the characters are checked",
    test: async (sqs) => {
      await sqs.createQueue("q");
      const input = { QueueUrl: "q", MessageBody: "a", MessageGroupId: "g" };
      await ok(sqs, "SendMessage", input);
      const [message] = await receive(sqs, "q", { AttributeNames: ["MessageGroupId"] });
      assert.deepEqual(message?.["Attributes"], { MessageGroupId: "g" });
      const bad = { ...input, MessageGroupId: "a b" };
      await refused(
        sqs.call("SendMessage", bad),
        "InvalidParameterValue",
        "MessageGroupId can only",
      );
    },
  },
  {
    action: "ReceiveMessage",
    behaviour:
      "a group of a standard queue has 30 messages in flight, and more than 10 % (fair queues)",
    service: "quiet groups go first; it also looks at processing time of late",
    ours: "quiet groups go first; by what is in flight alone. Both numbers can be set, over the native API or by `kqueuey queue set`: SQS has no attribute for them, and one of ours would show in `All`",
    test: async (sqs) => {
      await sqs.createQueue("q");
      const send = async (group: string): Promise<void> => {
        const input = { QueueUrl: "q", MessageBody: "a", MessageGroupId: group };
        await ok(sqs, "SendMessage", input);
      };
      const next = async (): Promise<unknown> => {
        const [message] = await receive(sqs, "q", {
          AttributeNames: ["MessageGroupId"],
          MaxNumberOfMessages: 1,
        });
        return message?.["Attributes"];
      };
      for (let i = 0; i < 40; i++) await send("noisy");
      await send("quiet");
      for (let i = 0; i < 29; i++) await next();
      assert.deepEqual(await next(), { MessageGroupId: "noisy" });
      assert.deepEqual(await next(), { MessageGroupId: "quiet" });
      assert.deepEqual(await next(), { MessageGroupId: "noisy" });
    },
  },
  {
    action: "SendMessageBatch",
    behaviour: "an entry that is wrong",
    service: "fails alone, by its id",
    test: async (sqs) => {
      await sqs.createQueue("q");
      const entries = [
        { Id: "a", MessageBody: "x" },
        { Id: "b", MessageBody: "x", DelaySeconds: 901 },
      ];
      const output = await ok(sqs, "SendMessageBatch", { QueueUrl: "q", Entries: entries });
      assert.match(JSON.stringify(output["Successful"]), /^\[\{"Id":"a",/);
      assert.match(JSON.stringify(output["Failed"]), /^\[\{"Id":"b","SenderFault":true,/);
    },
  },
  {
    action: "SendMessageBatch",
    behaviour: "no entries; eleven; a bad id; an id twice; more than a mebibyte",
    service: "the whole batch is refused, in this order",
    test: async (sqs) => {
      await sqs.createQueue("q");
      const send = (entries: readonly Record<string, unknown>[]) =>
        sqs.call("SendMessageBatch", { QueueUrl: "q", Entries: entries });
      const entry = (id: string, length = 1) => ({ Id: id, MessageBody: "x".repeat(length) });
      const eleven = Array.from({ length: 11 }, () => entry("!"));
      const code = (name: string) => `AWS.SimpleQueueService.${name}`;
      await refused(send([]), code("EmptyBatchRequest"));
      await refused(send(eleven), code("TooManyEntriesInBatchRequest"), "You have sent 11.");
      await refused(send([entry("!")]), code("InvalidBatchEntryId"));
      await refused(
        send([entry("a"), entry("a")]),
        code("BatchEntryIdsNotDistinct"),
        "Id a repeated.",
      );
      const long = [entry("a", 1_048_575), entry("b", 2)];
      await refused(send(long), code("BatchRequestTooLong"), "You have sent 1048577 bytes.");
    },
  },
];

const RECEIVING: readonly Behaviour[] = [
  {
    action: "ReceiveMessage",
    behaviour: "ranges of `MaxNumberOfMessages`, `WaitTimeSeconds`, `VisibilityTimeout`",
    service: "1 to 10, 0 to 20, 0 to 43,200",
    test: async (sqs) => {
      await sqs.createQueue("q");
      const wrong = [
        { MaxNumberOfMessages: 11 },
        { WaitTimeSeconds: 21 },
        { VisibilityTimeout: 43_201 },
      ];
      for (const input of wrong) {
        const reply = sqs.call("ReceiveMessage", { QueueUrl: "q", ...input });
        await refused(reply, "InvalidParameterValue", "is invalid. Reason: Must be");
      }
      await receive(sqs, "q", { MaxNumberOfMessages: 10, VisibilityTimeout: 43_200 });
    },
  },
  {
    action: "ReceiveMessage",
    behaviour: "the order",
    service: "best effort",
    ours: "that of arrival, as long as nothing is delivered again; do not rely on it",
    test: async (sqs) => {
      await sqs.createQueue("q");
      for (const body of ["a", "b", "c"]) await sqs.sendMessage("q", body);
      const bodies = (await receive(sqs, "q")).map((message) => message["Body"]);
      assert.deepEqual(bodies, ["a", "b", "c"]);
    },
  },
  {
    action: "ReceiveMessage",
    behaviour: "fewer messages than asked for",
    service: "some may be left out even when they are there (short polling)",
    ours: "all that are there, up to the number asked for",
    test: async (sqs) => {
      await sqs.createQueue("q");
      for (let at = 0; at < 10; at++) await sqs.sendMessage("q", "a");
      assert.equal((await receive(sqs, "q")).length, 10);
    },
  },
  {
    action: "ReceiveMessage",
    behaviour: "nothing to receive",
    service: "no member `Messages`; in XML an empty result",
    test: async (sqs) => {
      await sqs.createQueue("q");
      assert.deepEqual(await ok(sqs, "ReceiveMessage", { QueueUrl: "q" }), {});
      const { text } = await sqs.query({ Action: "ReceiveMessage", QueueUrl: "q" });
      assert.match(text, /<ReceiveMessageResult\/>/);
    },
  },
  {
    action: "ReceiveMessage",
    behaviour: "a selection of attributes",
    service: "`All`, `.*`, `*`, names, `prefix.*`; the digest covers what is returned",
    test: async (sqs) => {
      await sqs.createQueue("q", { VisibilityTimeout: "0" });
      const text = (value: string) => ({ DataType: "String", StringValue: value });
      const MessageAttributes = { Hello: text("There"), General: text("Kenobi") };
      await ok(sqs, "SendMessage", { QueueUrl: "q", MessageBody: "a", MessageAttributes });
      const digest = async (name: string): Promise<unknown> => {
        const [message] = await receive(sqs, "q", { MessageAttributeNames: [name] });
        return message?.["MD5OfMessageAttributes"];
      };
      assert.equal(await digest("Hel.*"), "a311262e065454b75da111d535b8dacd");
      assert.equal(await digest("*"), "fca026605781cb4126a1e9044df24232");
      assert.equal(await digest("x"), undefined);
    },
  },
  {
    action: "ReceiveMessage",
    behaviour: "a client that hangs up before the answer is out",
    service: "its messages stay hidden until their visibility timeout",
    ours: "they are available at once, and the receive is not counted",
    test: async (sqs) => {
      await sqs.createQueue("q");
      await sqs.sendMessage("q", "a");
      const { response } = await sqs.call("ReceiveMessage", { QueueUrl: "q" });
      response.handover?.undelivered();
      // What is given back comes by way of the log: the poll waits for it.
      const input = { AttributeNames: ["ApproximateReceiveCount"], WaitTimeSeconds: 20 };
      const [message] = await receive(sqs, "q", input);
      assert.deepEqual(message?.["Attributes"], { ApproximateReceiveCount: "1" });
    },
  },
  {
    action: "ReceiveMessage",
    behaviour: "very many messages in flight",
    service: "`OverLimit` past some 120,000; a poll that waits gets an empty answer instead",
    ours: "the same, at exactly 120,000; no limit with `limits: relaxed`",
    test: async (sqs) => {
      assert.equal(SQS_LIMITS.aws.inFlightMax, 120_000);
      await sqs.createQueue("q");
      for (let at = 0; at < 100; at++) await sqs.sendMessage("q", "a");
      for (let at = 0; at < 10; at++) assert.equal((await receive(sqs, "q")).length, 10);
    },
  },
];

const SETTLING: readonly Behaviour[] = [
  {
    action: "DeleteMessage",
    behaviour: "twice; with a handle whose time is over",
    service: "success, and the message is gone",
    test: async (sqs) => {
      await sqs.createQueue("q", { VisibilityTimeout: "1" });
      await sqs.sendMessage("q", "a");
      const ReceiptHandle = await sqs.receiveHandle("q");
      sqs.clock.advance(1_000);
      await ok(sqs, "DeleteMessage", { QueueUrl: "q", ReceiptHandle });
      await ok(sqs, "DeleteMessage", { QueueUrl: "q", ReceiptHandle });
      assert.equal((await receive(sqs, "q")).length, 0);
    },
  },
  {
    action: "DeleteMessage",
    behaviour: "with the handle of an earlier receive, while another holds the message",
    service: "success; it may be deleted",
    ours: "success, and it never is: somebody else works on it",
    test: async (sqs) => {
      await sqs.createQueue("q", { VisibilityTimeout: "1" });
      await sqs.sendMessage("q", "a");
      const ReceiptHandle = await sqs.receiveHandle("q");
      sqs.clock.advance(1_000);
      await receive(sqs, "q");
      await ok(sqs, "DeleteMessage", { QueueUrl: "q", ReceiptHandle });
      sqs.clock.advance(1_000);
      assert.equal((await receive(sqs, "q")).length, 1);
    },
  },
  {
    action: "DeleteMessage",
    behaviour: "a handle that is none",
    service: "`ReceiptHandleIsInvalid`, 404",
    test: async (sqs) => {
      await sqs.createQueue("q");
      const reply = await sqs.call("DeleteMessage", { QueueUrl: "q", ReceiptHandle: "garbage" });
      assert.equal(reply.status, 404);
      await refused(reply, "ReceiptHandleIsInvalid", '"garbage" is not a valid receipt handle.');
    },
  },
  {
    action: "DeleteMessageBatch",
    behaviour: "a handle that is none among good ones",
    service: "its entry fails alone",
    test: async (sqs) => {
      await sqs.createQueue("q");
      await sqs.sendMessage("q", "a");
      const ReceiptHandle = await sqs.receiveHandle("q");
      const entries = [
        { Id: "a", ReceiptHandle },
        { Id: "b", ReceiptHandle: "x" },
      ];
      const output = await ok(sqs, "DeleteMessageBatch", { QueueUrl: "q", Entries: entries });
      assert.deepEqual(output["Successful"], [{ Id: "a" }]);
      assert.match(JSON.stringify(output["Failed"]), /"Code":"ReceiptHandleIsInvalid"/);
    },
  },
  {
    action: "ChangeMessageVisibility",
    behaviour: "zero; more than twelve hours since the receive",
    service: "available at once; `InvalidParameterValue`",
    test: async (sqs) => {
      await sqs.createQueue("q");
      await sqs.sendMessage("q", "a");
      const change = async (VisibilityTimeout: number) => {
        const ReceiptHandle = await sqs.receiveHandle("q");
        sqs.clock.advance(1_000);
        const input = { QueueUrl: "q", ReceiptHandle, VisibilityTimeout };
        return sqs.call("ChangeMessageVisibility", input);
      };
      assert.equal((await change(0)).status, 200);
      await refused(change(43_200), "InvalidParameterValue", "beyond the limit [43200 seconds]");
    },
  },
  {
    action: "ChangeMessageVisibility",
    behaviour: "after the time is over, before another receive",
    service: "hides the message again",
    test: async (sqs) => {
      await sqs.createQueue("q", { VisibilityTimeout: "1" });
      await sqs.sendMessage("q", "a");
      const ReceiptHandle = await sqs.receiveHandle("q");
      sqs.clock.advance(1_000);
      const input = { QueueUrl: "q", ReceiptHandle, VisibilityTimeout: 60 };
      await ok(sqs, "ChangeMessageVisibility", input);
      assert.equal((await receive(sqs, "q")).length, 0);
    },
  },
  {
    action: "ChangeMessageVisibility",
    behaviour: "a message that was deleted",
    service: "`InvalidParameterValue`",
    test: async (sqs) => {
      await sqs.createQueue("q");
      await sqs.sendMessage("q", "a");
      const ReceiptHandle = await sqs.receiveHandle("q");
      await ok(sqs, "DeleteMessage", { QueueUrl: "q", ReceiptHandle });
      const input = { QueueUrl: "q", ReceiptHandle, VisibilityTimeout: 60 };
      const part = "Message does not exist or is not available for visibility timeout change.";
      await refused(sqs.call("ChangeMessageVisibility", input), "InvalidParameterValue", part);
    },
  },
  {
    action: "ChangeMessageVisibilityBatch",
    behaviour: "an entry out of range",
    service: "fails alone",
    test: async (sqs) => {
      await sqs.createQueue("q");
      const entries = [{ Id: "a", ReceiptHandle: "x", VisibilityTimeout: 43_201 }];
      const input = { QueueUrl: "q", Entries: entries };
      const output = await ok(sqs, "ChangeMessageVisibilityBatch", input);
      assert.match(JSON.stringify(output["Failed"]), /"Id":"a".*"Code":"InvalidParameterValue"/);
    },
  },
];

const BURYING: readonly Behaviour[] = [
  {
    action: "Dead letters",
    behaviour: "a message received `maxReceiveCount` times",
    service: "moves at the next receive, with its id, attributes, count and time of sending",
    ours: "the same, in one step, and as soon as the time of its last receive is over: it is where it is looked for, also when nobody receives any more. A handle of that receive is then too late: a deletion is a success and leaves the dead letter, a change of visibility is `InvalidParameterValue`. (A FIFO queue's moves at the next receive.)",
    test: async (sqs) => {
      await sqs.createQueue("dead");
      await sqs.createQueue("q", { VisibilityTimeout: "0", RedrivePolicy: redriveTo("dead", 1) });
      await sqs.sendMessage("q", "a");
      const [alive] = await receive(sqs, "q");
      assert.equal((await receive(sqs, "q")).length, 0);
      const [dead] = await receive(sqs, "dead", { AttributeNames: ["ApproximateReceiveCount"] });
      assert.equal(dead?.["MessageId"], alive?.["MessageId"]);
      assert.deepEqual(dead?.["Attributes"], { ApproximateReceiveCount: "2" });
      const shown = await attributes(sqs, "dead", "ApproximateNumberOfMessagesNotVisible");
      assert.deepEqual(shown, { ApproximateNumberOfMessagesNotVisible: "1" });
      await set(sqs, "q", { VisibilityTimeout: "5" });
      await sqs.sendMessage("q", "b");
      const handle = await sqs.receiveHandle("q");
      sqs.clock.advance(6_000);
      const late = { QueueUrl: "q", ReceiptHandle: handle };
      await ok(sqs, "DeleteMessage", late);
      const change = sqs.call("ChangeMessageVisibility", { ...late, VisibilityTimeout: 9 });
      await refused(change, "InvalidParameterValue", "Message does not exist");
      assert.equal((await receive(sqs, "dead")).length, 1);
    },
  },
];

export const MESSAGES: readonly Behaviour[] = [
  ...SENDING,
  ...RECEIVING,
  ...SETTLING,
  ...BURYING,
  ...MOVING,
];
