/**
 * The access policy of a queue: an IAM document, kept as the text that it was set as. AddPermission and
 * RemovePermission edit its statements. It is stored and shown; requests are not judged by it.
 */
import { encodeUtf8 } from "@kqueuey/base";
import { isMembers, type Members } from "./input.ts";

const BYTES_MAX = 8_192;
export const STATEMENTS_MAX = 20;

/** A policy's members and its statements, one by one. */
export interface Policy {
  readonly document: Members;
  readonly statements: readonly unknown[];
}

/** Undefined when `text` is no JSON object, or too long, or has too many statements. */
export function parsePolicy(text: string): Policy | undefined {
  if (text.length > BYTES_MAX || encodeUtf8(text).length > BYTES_MAX) return undefined;
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isMembers(document)) return undefined;
  const { Statement: statement } = document;
  const statements =
    statement === undefined ? [] : Array.isArray(statement) ? statement : [statement];
  return statements.length > STATEMENTS_MAX ? undefined : { document, statements };
}

/** The text of a policy; undefined when it is too long to be kept. */
export function policyText(policy: Policy): string | undefined {
  const text = JSON.stringify({ ...policy.document, Statement: policy.statements });
  return encodeUtf8(text).length > BYTES_MAX ? undefined : text;
}

/** The policy of a queue that has none, as the service begins it. */
export function emptyPolicy(arn: string): Policy {
  return { document: { Version: "2008-10-17", Id: `${arn}/SQSDefaultPolicy` }, statements: [] };
}

/** Whether `statement` has the label `sid`. */
export function hasLabel(statement: unknown, sid: string): boolean {
  return isMembers(statement) && statement["Sid"] === sid;
}
