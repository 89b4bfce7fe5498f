/**
 * What the conformance page says, as rows that are tests: a row tells what the service does, what this server
 * does where that differs, and shows it. docs/api/sqs.md is written from the rows, so it cannot say what is not so.
 */
import assert from "node:assert/strict";
import type { SqsCaller, SqsReply } from "../sqs-caller.ts";

export interface Behaviour {
  readonly action: string;
  /** The situation, as a short phrase. */
  readonly behaviour: string;
  readonly service: string;
  /** What is done here and why; absent: the same. */
  readonly ours?: string;
  /** Rejects when what is done here is something else. */
  readonly test: (sqs: SqsCaller) => Promise<void>;
}

export const ARN = "arn:aws:sqs:us-east-1:000000000000";

/** A call that must succeed; gives the members of its answer. */
export async function ok(
  sqs: SqsCaller,
  action: string,
  input: Readonly<Record<string, unknown>>,
): Promise<Readonly<Record<string, unknown>>> {
  const reply = await sqs.call(action, input);
  assert.equal(reply.status, 200, reply.text);
  return reply.output;
}

/** A call that must be refused with the Query code `code`, and a message with `part` in it. */
export async function refused(
  reply: SqsReply | Promise<SqsReply>,
  code: string,
  part = "",
): Promise<void> {
  const { headers, output, text } = await reply;
  assert.equal(headers["x-amzn-query-error"]?.split(";")[0], code, text);
  assert.ok(String(output["message"]).includes(part), text);
}

/** The messages of one receive of up to ten. */
export async function receive(
  sqs: SqsCaller,
  queue: string,
  input: Readonly<Record<string, unknown>> = {},
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const asked = { QueueUrl: queue, MaxNumberOfMessages: 10, ...input };
  const { Messages: messages = [] } = await ok(sqs, "ReceiveMessage", asked);
  assert.ok(Array.isArray(messages));
  return messages.map((message) => Object.fromEntries(Object.entries(Object(message))));
}

/** Attributes of a queue by name. */
export async function attributes(
  sqs: SqsCaller,
  queue: string,
  ...names: string[]
): Promise<unknown> {
  const output = await ok(sqs, "GetQueueAttributes", { QueueUrl: queue, AttributeNames: names });
  return output["Attributes"];
}

/** Sets attributes of a queue. */
export async function set(
  sqs: SqsCaller,
  queue: string,
  values: Readonly<Record<string, string>>,
): Promise<SqsReply> {
  return sqs.call("SetQueueAttributes", { QueueUrl: queue, Attributes: values });
}

/** A policy that makes `target` the dead-letter queue. */
export function redriveTo(target: string, count: number): string {
  return JSON.stringify({ deadLetterTargetArn: `${ARN}:${target}`, maxReceiveCount: count });
}
