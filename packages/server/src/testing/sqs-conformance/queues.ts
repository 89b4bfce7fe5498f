/** Queues: made, found, listed, purged, deleted; tags and permissions. */
import assert from "node:assert/strict";
import { QUEUES_URL } from "../sqs-caller.ts";
import {
  ARN,
  attributes,
  type Behaviour,
  ok,
  receive,
  redriveTo,
  refused,
  set,
} from "./behaviour.ts";

const CREATION: readonly Behaviour[] = [
  {
    action: "CreateQueue",
    behaviour: "a name of 1 to 80 letters, digits, hyphens, underscores",
    service: "taken; others are `InvalidParameterValue`",
    test: async (sqs) => {
      await ok(sqs, "CreateQueue", { QueueName: "x".repeat(80) });
      for (const name of ["x".repeat(81), "a b", "a.fifo"]) {
        const message = "Can only include alphanumeric characters, hyphens, or underscores.";
        await refused(
          sqs.call("CreateQueue", { QueueName: name }),
          "InvalidParameterValue",
          message,
        );
      }
    },
  },
  {
    action: "CreateQueue",
    behaviour: "again, with no attributes or with equal ones",
    service: "the queue's URL; tags are not compared",
    test: async (sqs) => {
      const url = await sqs.createQueue("q", { DelaySeconds: "5" });
      const input = { QueueName: "q", Attributes: { DelaySeconds: "5" }, tags: { a: "b" } };
      assert.deepEqual(await ok(sqs, "CreateQueue", input), { QueueUrl: url });
      assert.deepEqual(await ok(sqs, "CreateQueue", { QueueName: "q" }), { QueueUrl: url });
    },
  },
  {
    action: "CreateQueue",
    behaviour: "again, with another value",
    service: "`QueueAlreadyExists`, naming the attribute",
    test: async (sqs) => {
      await sqs.createQueue("q");
      const input = { QueueName: "q", Attributes: { DelaySeconds: "5" } };
      await refused(sqs.call("CreateQueue", input), "QueueAlreadyExists", "attribute DelaySeconds");
    },
  },
  {
    action: "CreateQueue",
    behaviour: "right after the queue of that name was deleted",
    service: "`QueueDeletedRecently` for 60 seconds",
    ours: "taken: a deleted queue is gone at once, and nothing of it is left that a new one would have to wait for",
    test: async (sqs) => {
      await sqs.createQueue("q");
      await ok(sqs, "DeleteQueue", { QueueUrl: "q" });
      await ok(sqs, "CreateQueue", { QueueName: "q" });
    },
  },
  {
    action: "CreateQueue",
    behaviour: "a FIFO queue",
    service: "made",
    test: async (sqs) => {
      const fifo = { FifoQueue: "true" };
      const input = { QueueName: "q.fifo", Attributes: fifo };
      await ok(sqs, "CreateQueue", input);
      await refused(sqs.call("CreateQueue", { ...input, QueueName: "q" }), "InvalidParameterValue");
    },
  },
  {
    action: "CreateQueue",
    behaviour: "`FifoQueue=false`",
    service: "`InvalidAttributeName`",
    test: async (sqs) => {
      const input = { QueueName: "q", Attributes: { FifoQueue: "false" } };
      await refused(sqs.call("CreateQueue", input), "InvalidAttributeName", "FifoQueue.");
    },
  },
  {
    action: "DeleteQueue",
    behaviour: "a queue with messages",
    service: "gone within 60 seconds",
    ours: "gone at once",
    test: async (sqs) => {
      await sqs.createQueue("q");
      await ok(sqs, "DeleteQueue", { QueueUrl: "q" });
      const again = sqs.call("DeleteQueue", { QueueUrl: "q" });
      await refused(again, "AWS.SimpleQueueService.NonExistentQueue");
    },
  },
  {
    action: "GetQueueUrl",
    behaviour: "`QueueOwnerAWSAccountId`",
    service: "another account's queue",
    ours: "ignored: a cluster has one account",
    test: async (sqs) => {
      const url = await sqs.createQueue("q");
      const input = { QueueName: "q", QueueOwnerAWSAccountId: "111111111111" };
      assert.deepEqual(await ok(sqs, "GetQueueUrl", input), { QueueUrl: url });
    },
  },
  {
    action: "ListQueues",
    behaviour: "more queues than asked for",
    service: "a `NextToken`; without `MaxResults` 1,000 at most and no token",
    test: async (sqs) => {
      for (const name of ["a", "b", "c"]) await sqs.createQueue(name);
      const first = await ok(sqs, "ListQueues", { MaxResults: 2 });
      const { NextToken: token } = first;
      const rest = await ok(sqs, "ListQueues", { MaxResults: 2, NextToken: token });
      assert.deepEqual(rest, { QueueUrls: [`${QUEUES_URL}/c`] });
    },
  },
  {
    action: "ListQueues",
    behaviour: "the order",
    service: "none is promised",
    ours: "by name",
    test: async (sqs) => {
      for (const name of ["b", "a"]) await sqs.createQueue(name);
      const urls = ["a", "b"].map((name) => `${QUEUES_URL}/${name}`);
      assert.deepEqual(await ok(sqs, "ListQueues", {}), { QueueUrls: urls });
    },
  },
  {
    action: "ListDeadLetterSourceQueues",
    behaviour: "sources of a dead-letter queue",
    service: "in the member `queueUrls`",
    test: async (sqs) => {
      await sqs.createQueue("dead");
      await sqs.createQueue("q", { RedrivePolicy: redriveTo("dead", 3) });
      const output = await ok(sqs, "ListDeadLetterSourceQueues", { QueueUrl: "dead" });
      assert.deepEqual(output, { queueUrls: [`${QUEUES_URL}/q`] });
    },
  },
  {
    action: "PurgeQueue",
    behaviour: "twice within 60 seconds",
    service: "`PurgeQueueInProgress`, 403",
    test: async (sqs) => {
      await sqs.createQueue("q");
      await ok(sqs, "PurgeQueue", { QueueUrl: "q" });
      const code = "AWS.SimpleQueueService.PurgeQueueInProgress";
      await refused(sqs.call("PurgeQueue", { QueueUrl: "q" }), code, "every 60 seconds.");
      sqs.clock.advance(60_000);
      await ok(sqs, "PurgeQueue", { QueueUrl: "q" });
    },
  },
  {
    action: "PurgeQueue",
    behaviour: "messages in flight and delayed",
    service: "go too",
    test: async (sqs) => {
      await sqs.createQueue("q", { VisibilityTimeout: "5" });
      await sqs.sendMessage("q", "a");
      await receive(sqs, "q");
      await ok(sqs, "PurgeQueue", { QueueUrl: "q" });
      sqs.clock.advance(5_000);
      assert.equal((await receive(sqs, "q")).length, 0);
    },
  },
];

const OWNERSHIP: readonly Behaviour[] = [
  {
    action: "TagQueue",
    behaviour: "tags of the same keys, and more than fifty",
    service: "overwritten; refused",
    test: async (sqs) => {
      await sqs.createQueue("q");
      await ok(sqs, "TagQueue", { QueueUrl: "q", Tags: { a: "1" } });
      await ok(sqs, "TagQueue", { QueueUrl: "q", Tags: { a: "2" } });
      assert.deepEqual(await ok(sqs, "ListQueueTags", { QueueUrl: "q" }), { Tags: { a: "2" } });
      const many = Object.fromEntries(Array.from({ length: 50 }, (_, at) => [`k${at}`, ""]));
      const code = "InvalidParameterValue";
      await refused(sqs.call("TagQueue", { QueueUrl: "q", Tags: many }), code, "Too many tags");
    },
  },
  {
    action: "TagQueue",
    behaviour: "the bytes of all tags",
    service: "not bounded beside the characters of each",
    ours: "24,576 at most: fifty tags of the full length when they are ASCII",
    test: async (sqs) => {
      await sqs.createQueue("q");
      const tags = (letter: string): Record<string, string> =>
        Object.fromEntries(
          Array.from({ length: 50 }, (_, at) => [
            `${100 + at}${"k".repeat(125)}`,
            letter.repeat(256),
          ]),
        );
      await ok(sqs, "TagQueue", { QueueUrl: "q", Tags: tags("v") });
      const input = { QueueUrl: "q", Tags: tags("é") };
      await refused(sqs.call("TagQueue", input), "InvalidParameterValue", "24576 bytes");
    },
  },
  {
    action: "UntagQueue",
    behaviour: "keys that the queue has not",
    service: "ignored",
    test: async (sqs) => {
      await sqs.createQueue("q");
      await ok(sqs, "UntagQueue", { QueueUrl: "q", TagKeys: ["x"] });
    },
  },
  {
    action: "ListQueueTags",
    behaviour: "no tags",
    service: "no member `Tags`",
    test: async (sqs) => {
      await sqs.createQueue("q");
      assert.deepEqual(await ok(sqs, "ListQueueTags", { QueueUrl: "q" }), {});
    },
  },
  {
    action: "AddPermission",
    behaviour: "a statement in the policy of the queue",
    service: "stored, shown and enforced",
    ours: "stored and shown; whoever may use the cluster may use every queue",
    test: async (sqs) => {
      await sqs.createQueue("q");
      const whom = { AWSAccountIds: ["111111111111"], Actions: ["SendMessage"] };
      await ok(sqs, "AddPermission", { QueueUrl: "q", Label: "l", ...whom });
      const shown = JSON.stringify(await attributes(sqs, "q", "Policy"));
      assert.ok(shown.includes("SQS:SendMessage") && shown.includes(`${ARN}:q/SQSDefaultPolicy`));
    },
  },
  {
    action: "AddPermission",
    behaviour: "more than seven actions",
    service: "`OverLimit`",
    test: async (sqs) => {
      await sqs.createQueue("q");
      const Actions = Array.from({ length: 8 }, () => "SendMessage");
      const input = { QueueUrl: "q", Label: "l", AWSAccountIds: ["111111111111"], Actions };
      await refused(sqs.call("AddPermission", input), "OverLimit", "maximum allowed is 7.");
    },
  },
  {
    action: "RemovePermission",
    behaviour: "the last statement",
    service: "the policy goes with it",
    test: async (sqs) => {
      await sqs.createQueue("q");
      const whom = { AWSAccountIds: ["111111111111"], Actions: ["*"] };
      await ok(sqs, "AddPermission", { QueueUrl: "q", Label: "l", ...whom });
      await ok(sqs, "RemovePermission", { QueueUrl: "q", Label: "l" });
      assert.equal(await attributes(sqs, "q", "Policy"), undefined);
      const again = sqs.call("RemovePermission", { QueueUrl: "q", Label: "l" });
      await refused(again, "InvalidParameterValue", "can't find label.");
    },
  },
];

const ATTRIBUTES: readonly Behaviour[] = [
  {
    action: "GetQueueAttributes",
    behaviour: "`All` of a fresh queue; no names; an unknown name",
    service: "twelve attributes; none; `InvalidAttributeName`",
    test: async (sqs) => {
      await sqs.createQueue("q");
      assert.equal(Object.keys(Object(await attributes(sqs, "q", "All"))).length, 12);
      assert.equal(await attributes(sqs, "q"), undefined);
      const input = { QueueUrl: "q", AttributeNames: ["Foobar"] };
      const code = "InvalidAttributeName";
      await refused(sqs.call("GetQueueAttributes", input), code, "Unknown Attribute Foobar.");
    },
  },
  {
    action: "GetQueueAttributes",
    behaviour: "`ApproximateNumberOfMessages` and the like",
    service: "approximate, a minute behind",
    ours: "exact, as of the call",
    test: async (sqs) => {
      await sqs.createQueue("q");
      await sqs.sendMessage("q", "a");
      const shown = await attributes(sqs, "q", "ApproximateNumberOfMessages");
      assert.deepEqual(shown, { ApproximateNumberOfMessages: "1" });
    },
  },
  {
    action: "SetQueueAttributes",
    behaviour: "when a change takes effect",
    service: "within 60 seconds, retention within 15 minutes",
    ours: "at once",
    test: async (sqs) => {
      await sqs.createQueue("q");
      await sqs.sendMessage("q", "a");
      await set(sqs, "q", { VisibilityTimeout: "0" });
      await receive(sqs, "q");
      assert.equal((await receive(sqs, "q")).length, 1);
    },
  },
  {
    action: "SetQueueAttributes",
    behaviour:
      "a `Policy` of 8 actions in a statement, 51 principals, 11 conditions; of 21 statements or 8,193 bytes",
    service: "`OverLimit`; `InvalidAttributeValue`",
    test: async (sqs) => {
      await sqs.createQueue("q");
      const policy = (...statements: unknown[]): Record<string, string> => {
        return { Policy: JSON.stringify({ Statement: statements }) };
      };
      const names = (count: number): string[] => Array.from({ length: count }, (_, at) => `a${at}`);
      const conditions = { StringEquals: Object.fromEntries(names(11).map((name) => [name, "x"])) };
      await refused(set(sqs, "q", policy({ Action: names(8) })), "OverLimit");
      await refused(set(sqs, "q", policy({ Principal: { AWS: names(51) } })), "OverLimit");
      await refused(set(sqs, "q", policy({ Condition: conditions })), "OverLimit");
      await refused(set(sqs, "q", policy(...names(21))), "InvalidAttributeValue");
      await refused(set(sqs, "q", policy("x".repeat(8_192))), "InvalidAttributeValue");
    },
  },
  {
    action: "SetQueueAttributes",
    behaviour: "an empty `Policy`, `RedrivePolicy`, `KmsMasterKeyId`",
    service: "removes it",
    test: async (sqs) => {
      await sqs.createQueue("q", { KmsMasterKeyId: "k", Policy: "{}" });
      await set(sqs, "q", { KmsMasterKeyId: "", Policy: "", RedrivePolicy: "" });
      assert.equal(await attributes(sqs, "q", "KmsMasterKeyId", "Policy"), undefined);
    },
  },
  {
    action: "SetQueueAttributes",
    behaviour: "`KmsMasterKeyId`",
    service: "messages are encrypted with that key; `SqsManagedSseEnabled` becomes false",
    ours: "stored and shown with the same rules; encryption at rest is the disk's business",
    test: async (sqs) => {
      await sqs.createQueue("q", { KmsMasterKeyId: "k" });
      const shown = await attributes(sqs, "q", "SqsManagedSseEnabled");
      assert.deepEqual(shown, { SqsManagedSseEnabled: "false" });
      const both = { KmsMasterKeyId: "k", SqsManagedSseEnabled: "true" };
      await refused(set(sqs, "q", both), "InvalidAttributeName", "You can use one type of");
    },
  },
  {
    action: "SetQueueAttributes",
    behaviour: "`RedrivePolicy` whose target is not there, or does not allow it",
    service: "`InvalidParameterValue`",
    test: async (sqs) => {
      await sqs.createQueue("q");
      const policy = { RedrivePolicy: redriveTo("dead", 3) };
      await refused(set(sqs, "q", policy), "InvalidParameterValue", "does not exist");
      await sqs.createQueue("dead", { RedriveAllowPolicy: '{"redrivePermission":"denyAll"}' });
      await refused(set(sqs, "q", policy), "InvalidParameterValue", "RedriveAllowPolicy");
    },
  },
  {
    action: "SetQueueAttributes",
    behaviour: "region and account in an ARN",
    service: "must be the queue's own",
    ours: "are ignored, so that policies written for a hosted queue can be used as they are",
    test: async (sqs) => {
      await sqs.createQueue("q");
      await sqs.createQueue("dead");
      const target = "arn:aws:sqs:mars-north-1:111111111111:dead";
      const text = JSON.stringify({ deadLetterTargetArn: target, maxReceiveCount: 3 });
      assert.equal((await set(sqs, "q", { RedrivePolicy: text })).status, 200);
    },
  },
];

export const QUEUES: readonly Behaviour[] = [...CREATION, ...ATTRIBUTES, ...OWNERSHIP];
