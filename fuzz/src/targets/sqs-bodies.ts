/** Requests of the SQS API, in both of its protocols, at a whole node. */
import { encodeUtf8 } from "@kqueuey/base";
import { Decisions } from "../decisions.ts";
import { request } from "../http.ts";
import { mutateJson } from "../json-tree.ts";
import { QUEUE, RealNode } from "../real-node.ts";
import { joined } from "../samples.ts";
import { promise, type Target } from "../target.ts";

const JSON_TYPE = "application/x-amz-json-1.0";
const FORM_TYPE = "application/x-www-form-urlencoded";
/** Which action, and in which protocol; the body follows. */
const HEAD_BYTES = 2;

interface Sample {
  readonly action: string;
  readonly input: Readonly<Record<string, unknown>>;
}

export const sqsBodies: Target = {
  name: "sqs-bodies",
  promise: "Any request of the SQS API is answered as SQS would, never with a fault of ours.",
  smokeInputs: 100,
  open: async () => {
    const node = await RealNode.start();
    const actions = actionsOf(node, await node.lease(3));
    return {
      samples: actions.flatMap(samplesOf),
      mutate: (input, mutator) => {
        const body = input.subarray(HEAD_BYTES);
        const changed = mutator.random.chance(2, 3) ? mutateJson(body, mutator) : undefined;
        if (changed === undefined) return mutator.bytes(input);
        return joined([input.subarray(0, HEAD_BYTES), changed]);
      },
      run: async (input) => {
        await ask(node, actions, new Decisions(input));
        node.checkFaults();
      },
      close: () => node.close(),
    };
  },
};

async function ask(
  node: RealNode,
  actions: readonly Sample[],
  decisions: Decisions,
): Promise<void> {
  const sample = decisions.pick(actions);
  const type = decisions.below(2) === 0 ? JSON_TYPE : FORM_TYPE;
  const answer = await request(node.clientPort, {
    path: "/",
    headers: { "content-type": type, "x-amz-target": `AmazonSQS.${sample?.action}` },
    body: decisions.rest(),
  });
  promise(answer.status !== 500, `answered 500: ${answer.text.slice(0, 200)}`);
  promise(!answer.text.includes("InternalFailure"), `a fault: ${answer.text.slice(0, 200)}`);
}

function actionsOf(node: RealNode, receipts: readonly string[]): readonly Sample[] {
  const QueueUrl = `${node.url}/000000000000/${QUEUE}`;
  const [ReceiptHandle = ""] = receipts;
  const MessageAttributes = {
    colour: { DataType: "String", StringValue: "green" },
    size: { DataType: "Number.int", StringValue: "5" },
    raw: { DataType: "Binary", BinaryValue: "AAEC" },
  };
  const MessageBody = "a body";
  const entry = { Id: "a", MessageBody, DelaySeconds: 1, MessageAttributes };
  const all = { AttributeNames: ["All"], MessageAttributeNames: ["All"] };
  const message = { DelaySeconds: 0, MessageAttributes };
  const entries = [{ Id: "a", ReceiptHandle }];
  const visibility = [{ Id: "a", ReceiptHandle, VisibilityTimeout: 1 }];
  const receive = { QueueUrl, MaxNumberOfMessages: 2, VisibilityTimeout: 1, WaitTimeSeconds: 0 };
  return [
    { action: "SendMessage", input: { QueueUrl, MessageBody, ...message } },
    { action: "SendMessageBatch", input: { QueueUrl, Entries: [entry, { ...entry, Id: "b" }] } },
    { action: "ReceiveMessage", input: { ...receive, ...all } },
    { action: "DeleteMessage", input: { QueueUrl, ReceiptHandle } },
    { action: "DeleteMessageBatch", input: { QueueUrl, Entries: entries } },
    { action: "ChangeMessageVisibility", input: { QueueUrl, ReceiptHandle, VisibilityTimeout: 1 } },
    { action: "ChangeMessageVisibilityBatch", input: { QueueUrl, Entries: visibility } },
    ...queueActions(QueueUrl),
  ];
}

function queueActions(QueueUrl: string): readonly Sample[] {
  const RedrivePolicy = `{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead","maxReceiveCount":3}`;
  const Attributes = { VisibilityTimeout: "30", DelaySeconds: "0", MaximumMessageSize: "262144" };
  return [
    { action: "CreateQueue", input: { QueueName: "dead", Attributes, tags: { a: "b" } } },
    { action: "SetQueueAttributes", input: { QueueUrl, Attributes: { RedrivePolicy } } },
    { action: "GetQueueAttributes", input: { QueueUrl, AttributeNames: ["All"] } },
    { action: "GetQueueUrl", input: { QueueName: QUEUE } },
    { action: "ListQueues", input: { QueueNamePrefix: "o", MaxResults: 2 } },
    { action: "PurgeQueue", input: { QueueUrl } },
    { action: "DeleteQueue", input: { QueueUrl: `${QueueUrl}-unknown` } },
  ];
}

function samplesOf({ action, input }: Sample, index: number): readonly Uint8Array[] {
  const form = new URLSearchParams({ Action: action, Version: "2012-11-05" });
  for (const [name, value] of Object.entries(input)) addParameter(form, name, value);
  return [
    joined([Uint8Array.of(index, 0), encodeUtf8(JSON.stringify(input))]),
    joined([Uint8Array.of(index, 1), encodeUtf8(form.toString())]),
  ];
}

/** Lists are numbered from 1, members joined by dots, as the older SDKs write them. */
function addParameter(form: URLSearchParams, name: string, value: unknown): void {
  if (Array.isArray(value)) {
    value.forEach((item: unknown, i) => {
      addParameter(form, `${name.replace(/s$/, "")}.${i + 1}`, item);
    });
  } else if (typeof value === "object" && value !== null) {
    for (const [key, item] of Object.entries(value)) addParameter(form, `${name}.${key}`, item);
  } else form.append(name, String(value));
}
