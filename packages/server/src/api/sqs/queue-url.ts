/**
 * Queue names, URLs and ARNs. On input the host and the account are ignored: a URL made by another node,
 * or behind a proxy, or kept in a client's configuration, still means the queue of that name.
 */
import type { SqsIdentity } from "./call.ts";
import { echo, queueDoesNotExist, SqsError } from "./errors.ts";
import { type Members, requiredText } from "./input.ts";

/** 1 to 80 letters, digits, hyphens and underscores. */
export function isQueueName(name: string): boolean {
  return /^[A-Za-z0-9_-]{1,80}$/.test(name);
}

/** As `isQueueName`, with the suffix ".fifo" counted in. */
export function isFifoQueueName(name: string): boolean {
  return name.length <= 80 && /^[A-Za-z0-9_-]+\.fifo$/.test(name);
}

/**
 * The queue that `QueueUrl` names: a URL, "account/name", a bare name, or the path form of an emulator
 * ("/queue/region/account/name"). The last segment is the name.
 */
export function queueNameOf(input: Members): string {
  const url = requiredText(input, "QueueUrl");
  const name = lastSegment(url);
  if (name === "") {
    throw new SqsError(
      "InvalidAddress",
      `The address ${echo(url)} is not valid for this endpoint.`,
    );
  }
  if (!isQueueName(name) && !isFifoQueueName(name)) throw queueDoesNotExist();
  return name;
}

function lastSegment(url: string): string {
  const scheme = url.indexOf("://");
  const path = scheme < 0 ? url : url.slice(afterHost(url, scheme + 3));
  let end = path.length;
  while (end > 0 && path[end - 1] === "/") end -= 1;
  return path.slice(path.lastIndexOf("/", end - 1) + 1, end);
}

function afterHost(url: string, from: number): number {
  const slash = url.indexOf("/", from);
  return slash < 0 ? url.length : slash;
}

export function queueUrl(
  call: { readonly origin: string; readonly identity: SqsIdentity },
  name: string,
): string {
  return `${call.origin}/${call.identity.account}/${name}`;
}

export function queueArn(identity: SqsIdentity, name: string): string {
  return `arn:aws:sqs:${identity.region}:${identity.account}:${name}`;
}

/** The name in an ARN of SQS, whatever its region and account; undefined when it is none. */
export function queueNameOfArn(arn: string): string | undefined {
  const name = /^arn:[a-z-]+:sqs:[a-z0-9-]*:[0-9]*:([^:]+)$/.exec(arn)?.[1];
  return name !== undefined && (isQueueName(name) || isFifoQueueName(name)) ? name : undefined;
}
