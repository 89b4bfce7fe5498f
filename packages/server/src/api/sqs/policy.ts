/**
 * The access policy of a queue: an IAM document, kept as the text that it was set as. AddPermission and
 * RemovePermission edit its statements. It is stored and shown; requests are not judged by it.
 */
import { encodeUtf8 } from "@kqueuey/base";
import type { SqsCall } from "./call.ts";
import { SqsError } from "./errors.ts";
import { isMembers, type Members } from "./input.ts";

const BYTES_MAX = 8_192;
export const STATEMENTS_MAX = 20;
/** Of one statement. */
export const ACTIONS_MAX = 7;
/** Of all statements together, as are conditions. */
const PRINCIPALS_MAX = 50;
const CONDITIONS_MAX = 10;

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

/** Throws OverLimit for more of something than the service takes. */
export function checkPolicyCounts({ statements }: Policy): void {
  let principals = 0;
  let conditions = 0;
  for (const statement of statements) {
    if (!isMembers(statement)) continue;
    checkCount("Actions", countOf(statement["Action"]), ACTIONS_MAX);
    const { Principal: principal, Condition: condition } = statement;
    for (const kind of isMembers(principal) ? Object.values(principal) : [principal]) {
      principals += countOf(kind);
    }
    // {"StringEquals": {"aws:SourceAccount": …, …}, …}: each key under an operator is a condition.
    for (const keys of isMembers(condition) ? Object.values(condition) : []) {
      conditions += isMembers(keys) ? Object.keys(keys).length : 1;
    }
  }
  checkCount("Principals", principals, PRINCIPALS_MAX);
  checkCount("Conditions", conditions, CONDITIONS_MAX);
}

function countOf(value: unknown): number {
  if (value === undefined) return 0;
  return Array.isArray(value) ? value.length : 1;
}

/** Throws OverLimit, in the service's words, for more than `most`. */
export function checkCount(what: string, found: number, most: number): void {
  if (found <= most) return;
  throw new SqsError("OverLimit", `${found} ${what} were found, maximum allowed is ${most}.`);
}

/** The text of a policy; undefined when it is too long to be kept. */
export function policyText(policy: Policy): string | undefined {
  const text = JSON.stringify({ ...policy.document, Statement: policy.statements });
  return encodeUtf8(text).length > BYTES_MAX ? undefined : text;
}

/** Edits made anew because of others' at most: each of those ended one of theirs. */
const EDITS_MAX = 100;

/** Replaces the queue's policy by what `edit` makes of it ("": none), so that no edit of others is lost. */
export async function editPolicy(
  call: SqsCall,
  queue: string,
  edit: (policy: string) => string,
): Promise<void> {
  for (let edits = 0; edits < EDITS_MAX; edits++) {
    const { extra } = await call.broker.describeQueue(call.context, queue);
    const { Policy: from = "" } = extra;
    const change = { name: "Policy", from, to: edit(from) };
    if (await call.broker.replaceText(call.context, queue, change)) return;
  }
  throw new SqsError("ServiceUnavailable", "Too many change the queue's policy. Try again.");
}

/** The policy of a queue that has none, as the service begins it. */
export function emptyPolicy(arn: string): Policy {
  return { document: { Version: "2008-10-17", Id: `${arn}/SQSDefaultPolicy` }, statements: [] };
}

/** Whether `statement` has the label `sid`. */
export function hasLabel(statement: unknown, sid: string): boolean {
  return isMembers(statement) && statement["Sid"] === sid;
}
