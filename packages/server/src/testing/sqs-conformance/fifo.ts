/** FIFO queues: groups in order, locked by what is in flight, repeated sends and tried-again receives. */
import assert from "node:assert/strict";
import type { SqsCaller } from "../sqs-caller.ts";
import { attributes, type Behaviour, ok, receive, redriveTo, refused } from "./behaviour.ts";

const MINUTE = 60_000;

async function createFifo(
  sqs: SqsCaller,
  values: Readonly<Record<string, string>> = {},
  name = "q.fifo",
): Promise<void> {
  const input = { QueueName: name, Attributes: { FifoQueue: "true", ...values } };
  await ok(sqs, "CreateQueue", input);
}

let ids = 0;

/** Sends bodies of one group, each under an id of its own unless `id` is given. */
async function send(
  sqs: SqsCaller,
  group: string,
  body: string,
  id?: string,
): Promise<Readonly<Record<string, unknown>>> {
  ids += 1;
  const MessageDeduplicationId = id ?? `own-${ids}`;
  const input = { QueueUrl: "q.fifo", MessageBody: body, MessageGroupId: group };
  return ok(sqs, "SendMessage", { ...input, MessageDeduplicationId });
}

async function bodies(
  sqs: SqsCaller,
  input: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const messages = await receive(sqs, "q.fifo", input);
  return messages.map((message) => String(message["Body"])).join(" ");
}

async function remove(sqs: SqsCaller, message: Readonly<Record<string, unknown>>): Promise<void> {
  const input = { QueueUrl: "q.fifo", ReceiptHandle: message["ReceiptHandle"] };
  await ok(sqs, "DeleteMessage", input);
}

const SENDING: readonly Behaviour[] = [
  {
    action: "SendMessage",
    behaviour: "a FIFO queue without `MessageGroupId`",
    service: "`MissingParameter`; in a batch `InvalidParameterValue`, and nothing is sent",
    test: async (sqs) => {
      await createFifo(sqs, { ContentBasedDeduplication: "true" });
      const text = "The request must contain the parameter MessageGroupId.";
      const one = sqs.call("SendMessage", { QueueUrl: "q.fifo", MessageBody: "a" });
      await refused(one, "MissingParameter", text);
      const Entries = [
        { Id: "a", MessageBody: "a", MessageGroupId: "g" },
        { Id: "b", MessageBody: "b" },
      ];
      const batch = sqs.call("SendMessageBatch", { QueueUrl: "q.fifo", Entries });
      await refused(batch, "InvalidParameterValue", text);
      assert.equal(await bodies(sqs), "");
    },
  },
  {
    action: "SendMessage",
    behaviour: "neither `MessageDeduplicationId` nor `ContentBasedDeduplication`",
    service: "`InvalidParameterValue`, a batch as well",
    test: async (sqs) => {
      await createFifo(sqs);
      const text =
        "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly";
      const entry = { MessageBody: "a", MessageGroupId: "g" };
      const one = sqs.call("SendMessage", { QueueUrl: "q.fifo", ...entry });
      await refused(one, "InvalidParameterValue", text);
      const Entries = [
        { Id: "a", ...entry, MessageDeduplicationId: "a" },
        { Id: "b", ...entry },
      ];
      const batch = sqs.call("SendMessageBatch", { QueueUrl: "q.fifo", Entries });
      await refused(batch, "InvalidParameterValue", text);
      // It comes before what is wrong with an entry, and before the size of all.
      for (const MessageBody of ["", "x".repeat(1_048_576)]) {
        const worse = [...Entries, { Id: "c", ...entry, MessageBody }];
        const all = sqs.call("SendMessageBatch", { QueueUrl: "q.fifo", Entries: worse });
        await refused(all, "InvalidParameterValue", text);
      }
      await sqs.createQueue("p.fifo", { FifoQueue: "true", ContentBasedDeduplication: "true" });
      const faulty = { QueueUrl: "p.fifo", Entries: [{ Id: "c", ...entry, MessageBody: "" }] };
      const { Failed: failed } = await ok(sqs, "SendMessageBatch", faulty);
      assert.equal(Array.isArray(failed) ? failed.length : 0, 1);
    },
  },
  {
    action: "SendMessage",
    behaviour: "ids that are empty, have spaces or 129 characters",
    service: "`InvalidParameterValue`; 128 are taken",
    test: async (sqs) => {
      await createFifo(sqs);
      for (const bad of ["", "a b", "x".repeat(129)]) {
        const input = { QueueUrl: "q.fifo", MessageBody: "a", MessageGroupId: bad };
        const group = sqs.call("SendMessage", { ...input, MessageDeduplicationId: "d" });
        await refused(group, "InvalidParameterValue", "MessageGroupId can only include");
        const id = { ...input, MessageGroupId: "g", MessageDeduplicationId: bad };
        const text = "MessageDeduplicationId can only include";
        await refused(sqs.call("SendMessage", id), "InvalidParameterValue", text);
      }
      await send(sqs, "x".repeat(128), "a", "!".repeat(128));
    },
  },
  {
    action: "SendMessage",
    behaviour: "`DelaySeconds` for a FIFO queue",
    service: "0 is taken, and the queue's delay holds; more is `InvalidParameterValue`",
    test: async (sqs) => {
      await createFifo(sqs, { DelaySeconds: "5" });
      const input = { QueueUrl: "q.fifo", MessageBody: "a", MessageGroupId: "g" };
      const grouped = { ...input, MessageDeduplicationId: "d" };
      const text = "The request include parameter that is not valid for this queue type.";
      const delayed = sqs.call("SendMessage", { ...grouped, DelaySeconds: 2 });
      await refused(delayed, "InvalidParameterValue", text);
      await ok(sqs, "SendMessage", { ...grouped, DelaySeconds: 0 });
      assert.equal(await bodies(sqs), "");
      sqs.clock.advance(5_000);
      assert.equal(await bodies(sqs), "a");
    },
  },
  {
    action: "SendMessage",
    behaviour: "an id that was sent within five minutes",
    service: "a success with the first one's `MessageId` and `SequenceNumber`; nothing is stored",
    test: async (sqs) => {
      await createFifo(sqs);
      const first = await send(sqs, "g", "a", "d");
      assert.match(String(first["SequenceNumber"]), /^\d{20}$/);
      const [message] = await receive(sqs, "q.fifo");
      await remove(sqs, message ?? {});
      // The engine's time goes on by itself, too; the edge to the ms is in the tests of the state machine.
      sqs.clock.advance(4 * MINUTE);
      const again = await send(sqs, "other", "b", "d");
      assert.equal(again["MessageId"], first["MessageId"]);
      assert.equal(again["SequenceNumber"], first["SequenceNumber"]);
      assert.equal(await bodies(sqs), "");
      sqs.clock.advance(MINUTE);
      const later = await send(sqs, "g", "c", "d");
      assert.notEqual(later["MessageId"], first["MessageId"]);
      assert.ok(String(later["SequenceNumber"]) > String(first["SequenceNumber"]));
    },
  },
  {
    action: "SendMessage",
    behaviour: "`ContentBasedDeduplication`",
    service: "the id is the SHA-256 of the body, in hex; one that is given wins",
    test: async (sqs) => {
      await createFifo(sqs, { ContentBasedDeduplication: "true" });
      const input = { QueueUrl: "q.fifo", MessageBody: "test", MessageGroupId: "g" };
      await ok(sqs, "SendMessage", input);
      const MessageAttributes = { k: { DataType: "String", StringValue: "x" } };
      await ok(sqs, "SendMessage", { ...input, MessageAttributes });
      await ok(sqs, "SendMessage", { ...input, MessageDeduplicationId: "d" });
      const messages = await receive(sqs, "q.fifo", { AttributeNames: ["MessageDeduplicationId"] });
      assert.deepEqual(
        messages.map((message) => Object(message["Attributes"])["MessageDeduplicationId"]),
        ["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "d"],
      );
    },
  },
  {
    action: "SendMessage",
    behaviour: "`DeduplicationScope=messageGroup`",
    service: "an id counts within its group; the scope is fixed when the queue is made",
    test: async (sqs) => {
      await createFifo(sqs, { DeduplicationScope: "messageGroup" });
      const first = await send(sqs, "a", "1", "d");
      const other = await send(sqs, "b", "2", "d");
      const again = await send(sqs, "a", "3", "d");
      assert.equal(again["MessageId"], first["MessageId"]);
      assert.notEqual(other["MessageId"], first["MessageId"]);
    },
  },
  {
    action: "PurgeQueue",
    behaviour: "a FIFO queue",
    service: "forgets the deduplication ids, too",
    test: async (sqs) => {
      await createFifo(sqs);
      const first = await send(sqs, "g", "a", "d");
      await ok(sqs, "PurgeQueue", { QueueUrl: "q.fifo" });
      assert.notEqual((await send(sqs, "g", "a", "d"))["MessageId"], first["MessageId"]);
    },
  },
];

const RECEIVING: readonly Behaviour[] = [
  {
    action: "ReceiveMessage",
    behaviour: "a FIFO queue",
    service:
      "as many as can be of one group, in order, then of the next; what is behind them waits",
    test: async (sqs) => {
      await createFifo(sqs);
      for (const body of ["a1", "a2", "b1", "a3"]) await send(sqs, body.slice(0, 1), body);
      const first = await receive(sqs, "q.fifo", { MaxNumberOfMessages: 2 });
      await send(sqs, "a", "a4");
      assert.deepEqual(
        first.map((message) => message["Body"]),
        ["a1", "a2"],
      );
      assert.equal(await bodies(sqs), "b1");
      const counts = await attributes(sqs, "q.fifo", "ApproximateNumberOfMessagesNotVisible");
      assert.deepEqual(counts, { ApproximateNumberOfMessagesNotVisible: "3" });
      for (const message of first) await remove(sqs, message);
      assert.equal(await bodies(sqs), "a3 a4");
    },
  },
  {
    action: "ReceiveMessage",
    behaviour: "the first of a group is hidden, or a later one alone",
    service: "nothing of the group; what is before the hidden one",
    test: async (sqs) => {
      await createFifo(sqs);
      for (const body of ["1", "2", "3"]) await send(sqs, "g", body);
      const [one, two] = await receive(sqs, "q.fifo");
      const hide = { QueueUrl: "q.fifo", VisibilityTimeout: 100 };
      await ok(sqs, "ChangeMessageVisibility", { ...hide, ReceiptHandle: two?.["ReceiptHandle"] });
      sqs.clock.advance(30_000);
      assert.equal(await bodies(sqs), "1");
      assert.equal(await bodies(sqs), "");
      sqs.clock.advance(30_000);
      assert.equal(await bodies(sqs), "1");
      assert.ok(one !== undefined);
    },
  },
  {
    action: "ReceiveMessage",
    behaviour: "`VisibilityTimeout=0` on a FIFO queue",
    service: "the group stays available",
    test: async (sqs) => {
      await createFifo(sqs);
      await send(sqs, "g", "1");
      assert.equal(await bodies(sqs, { VisibilityTimeout: 0 }), "1");
      assert.equal(await bodies(sqs, { VisibilityTimeout: 0 }), "1");
    },
  },
  {
    action: "ReceiveMessage",
    behaviour: "`ReceiveRequestAttemptId`, tried again within five minutes",
    service:
      "the same messages and handles, and their time begins anew, if nothing was done with one",
    test: async (sqs) => {
      await createFifo(sqs);
      for (const body of ["1", "2"]) await send(sqs, "g", body);
      const attempt = { ReceiveRequestAttemptId: "t" };
      const first = await receive(sqs, "q.fifo", attempt);
      sqs.clock.advance(20_000);
      assert.deepEqual(await receive(sqs, "q.fifo", attempt), first);
      sqs.clock.advance(20_000);
      assert.equal(await bodies(sqs), "");
      await remove(sqs, first[0] ?? {});
      assert.equal(await bodies(sqs, attempt), "");
    },
  },
  {
    action: "ReceiveMessage",
    behaviour: "`ReceiveRequestAttemptId` of 129 characters, or on a standard queue",
    service: "`InvalidParameterValue`",
    test: async (sqs) => {
      await createFifo(sqs);
      await sqs.createQueue("q");
      const long = { QueueUrl: "q.fifo", ReceiveRequestAttemptId: "x".repeat(129) };
      await refused(sqs.call("ReceiveMessage", long), "InvalidParameterValue");
      await receive(sqs, "q.fifo", { ReceiveRequestAttemptId: "x".repeat(128) });
      const standard = { QueueUrl: "q", ReceiveRequestAttemptId: "t" };
      await refused(sqs.call("ReceiveMessage", standard), "InvalidParameterValue");
    },
  },
  {
    action: "ReceiveMessage",
    behaviour: "the system attributes of a FIFO queue's messages",
    service: "`MessageGroupId`, `MessageDeduplicationId` and `SequenceNumber` as they were sent",
    test: async (sqs) => {
      await createFifo(sqs);
      const sent = await send(sqs, "g", "a", "d");
      const [message] = await receive(sqs, "q.fifo", { MessageSystemAttributeNames: ["All"] });
      const shown = Object(message?.["Attributes"]);
      assert.equal(shown["MessageGroupId"], "g");
      assert.equal(shown["MessageDeduplicationId"], "d");
      assert.equal(shown["SequenceNumber"], sent["SequenceNumber"]);
    },
  },
];

const ENDING: readonly Behaviour[] = [
  {
    action: "DeleteMessage",
    behaviour: "a FIFO queue, after the visibility timeout",
    service: "`InvalidParameterValue`, and the message is not deleted; a longer timeout counts",
    test: async (sqs) => {
      await createFifo(sqs);
      await send(sqs, "g", "a");
      const [late] = await receive(sqs, "q.fifo");
      sqs.clock.advance(30_000);
      const input = { QueueUrl: "q.fifo", ReceiptHandle: late?.["ReceiptHandle"] };
      const text = "The receipt handle has expired.";
      await refused(sqs.call("DeleteMessage", input), "InvalidParameterValue", text);
      const [message] = await receive(sqs, "q.fifo");
      const handle = { QueueUrl: "q.fifo", ReceiptHandle: message?.["ReceiptHandle"] };
      await ok(sqs, "ChangeMessageVisibility", { ...handle, VisibilityTimeout: 60 });
      sqs.clock.advance(50_000);
      await ok(sqs, "DeleteMessage", handle);
    },
  },
  {
    action: "ReceiveMessage",
    behaviour: "dead letters of a FIFO queue",
    service: "go to a FIFO queue alone, with their message id for a deduplication id",
    test: async (sqs) => {
      await createFifo(sqs, {}, "dead.fifo");
      await sqs.createQueue("dead");
      const standard = { RedrivePolicy: redriveTo("dead", 1), FifoQueue: "true" };
      const wrong = sqs.call("CreateQueue", { QueueName: "q.fifo", Attributes: standard });
      await refused(wrong, "InvalidParameterValue", "same type");
      await createFifo(sqs, { RedrivePolicy: redriveTo("dead.fifo", 1), VisibilityTimeout: "0" });
      const first = await send(sqs, "g", "1", "d1");
      await send(sqs, "g", "2", "d2");
      assert.equal(await bodies(sqs), "1 2");
      assert.equal(await bodies(sqs), "");
      const dead = await receive(sqs, "dead.fifo", { AttributeNames: ["All"] });
      assert.deepEqual(
        dead.map((message) => message["Body"]),
        ["1", "2"],
      );
      const shown = Object(dead[0]?.["Attributes"]);
      assert.equal(shown["MessageGroupId"], "g");
      assert.equal(shown["MessageDeduplicationId"], first["MessageId"]);
    },
  },
];

export const FIFO: readonly Behaviour[] = [...SENDING, ...RECEIVING, ...ENDING];
