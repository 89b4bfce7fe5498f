/** Whatever a request's members are, the answer is one that SQS has: no fault of ours, nothing half done. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { SqsCaller } from "../../testing/sqs-caller.ts";
import { hasAllowedCharacters } from "./characters.ts";

const ACTIONS = [
  "AddPermission",
  "CancelMessageMoveTask",
  "ChangeMessageVisibility",
  "ChangeMessageVisibilityBatch",
  "CreateQueue",
  "DeleteMessage",
  "DeleteMessageBatch",
  "DeleteQueue",
  "GetQueueAttributes",
  "GetQueueUrl",
  "ListDeadLetterSourceQueues",
  "ListMessageMoveTasks",
  "ListQueueTags",
  "ListQueues",
  "PurgeQueue",
  "ReceiveMessage",
  "RemovePermission",
  "SendMessage",
  "SendMessageBatch",
  "SetQueueAttributes",
  "StartMessageMoveTask",
  "TagQueue",
  "UntagQueue",
];

const MEMBERS = [
  "AWSAccountIds",
  "Actions",
  "AttributeNames",
  "Attributes",
  "BinaryValue",
  "DataType",
  "DelaySeconds",
  "Entries",
  "Id",
  "Label",
  "MaxNumberOfMessages",
  "MaxResults",
  "MessageAttributeNames",
  "MessageAttributes",
  "MessageBody",
  "MessageGroupId",
  "MessageSystemAttributes",
  "NextToken",
  "Policy",
  "QueueName",
  "QueueNamePrefix",
  "QueueUrl",
  "ReceiptHandle",
  "RedrivePolicy",
  "RedriveAllowPolicy",
  "SourceArn",
  "StringValue",
  "TagKeys",
  "Tags",
  "TaskHandle",
  "VisibilityTimeout",
  "__proto__",
  "constructor",
  "tags",
];

const leaf = fc.oneof(
  fc.constantFrom("q", "All", "String", "Number", "Binary", "mem-1-1-1", "", "{}", "1"),
  fc.constantFrom('{"deadLetterTargetArn":"arn:aws:sqs:r:1:q"}', "__proto__", "toString"),
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.integer(),
  fc.double(),
  fc.boolean(),
  fc.constant(null),
);

const { members } = fc.letrec((tie) => ({
  value: fc.oneof({ maxDepth: 3 }, leaf, fc.array(tie("value"), { maxLength: 4 }), tie("members")),
  members: fc.dictionary(fc.constantFrom(...MEMBERS), tie("value"), { maxKeys: 8 }),
}));

test("no members make a fault", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.constantFrom(...ACTIONS), members), { maxLength: 6 }),
      async (calls) => {
        const sqs = new SqsCaller();
        const url = await sqs.createQueue("q");
        await sqs.sendMessage(url, "a");
        for (const [action, input] of calls) {
          const signal = AbortSignal.abort();
          const known = { QueueUrl: "q", QueueName: "q", ...Object(input) };
          const reply = await sqs.call(action, JSON.stringify(known), {}, signal);
          expect([200, 400, 403, 404, 503]).toContain(reply.status);
          if (reply.status !== 200) expect(reply.headers["x-amzn-query-error"]).toBeDefined();
        }
        expect(sqs.faults).toEqual([]);
      },
    ),
    { numRuns: 500 },
  );
});

test("no bytes make a fault", async () => {
  const sqs = new SqsCaller();
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...ACTIONS),
      fc.oneof(
        fc.uint8Array({ maxLength: 40 }),
        fc.json().map((text) => new Uint8Array(Buffer.from(text))),
      ),
      async (action, body) => {
        const reply = await sqs.send(body, {
          "content-type": "application/x-amz-json-1.0",
          "x-amz-target": `AmazonSQS.${action}`,
        });
        expect(reply.status).toBeLessThan(500);
      },
    ),
  );
  expect(sqs.faults).toEqual([]);
});

const STEPS = [
  "1",
  "2",
  "Attribute",
  "AttributeName",
  "Attributes",
  "DataType",
  "Entries",
  "Id",
  "MessageAttribute",
  "MessageBody",
  "Name",
  "ReceiptHandle",
  "SendMessageBatchRequestEntry",
  "StringValue",
  "Tag",
  "Value",
  "__proto__",
  "constructor",
  "entry",
  "member",
];

const parameters = fc.array(
  fc.tuple(
    fc.array(fc.constantFrom(...STEPS), { minLength: 1, maxLength: 5 }),
    leaf.map((value) => String(value)),
  ),
  { maxLength: 8 },
);

test("no parameters of the Query protocol make a fault, and every answer is XML", async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...ACTIONS), parameters, async (action, pairs) => {
      const sqs = new SqsCaller();
      await sqs.createQueue("q");
      const form = new URLSearchParams([
        ["Action", action],
        ["QueueUrl", "q"],
        ...pairs.map(([steps, value]): [string, string] => [
          steps.join("."),
          value.replaceAll(/\p{Surrogate}/gu, ""),
        ]),
      ]);
      const reply = await sqs.query(form.toString());
      expect([200, 400, 403, 404, 503]).toContain(reply.status);
      expect(reply.text).toMatch(/^<\?xml version="1.0"\?><.*>$/s);
      expect(hasAllowedCharacters(reply.text)).toBe(true);
      expect(sqs.faults).toEqual([]);
    }),
    { numRuns: 500 },
  );
});
