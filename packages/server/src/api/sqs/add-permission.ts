import { NO_OUTPUT, type SqsAction } from "./call.ts";
import { invalidParameter, missingParameter, SqsError } from "./errors.ts";
import { type Members, requiredText, textList } from "./input.ts";
import {
  ACTIONS_MAX,
  checkCount,
  checkPolicyCounts,
  editPolicy,
  emptyPolicy,
  hasLabel,
  parsePolicy,
  policyText,
  STATEMENTS_MAX,
} from "./policy.ts";
import { queueArn, queueNameOf } from "./queue-url.ts";

/** What a queue's owner may let others do; the rest is the owner's. */
const GRANTABLE: ReadonlySet<string> = new Set([
  "*",
  "ChangeMessageVisibility",
  "DeleteMessage",
  "GetQueueAttributes",
  "GetQueueUrl",
  "ListDeadLetterSourceQueues",
  "PurgeQueue",
  "ReceiveMessage",
  "SendMessage",
]);

/** AddPermission: one more statement in the queue's policy. */
export const addPermission: SqsAction = async (call, input) => {
  const name = queueNameOf(input);
  const arn = queueArn(call.identity, name);
  const label = readLabel(input);
  const statement = readStatement(input, { arn, label });
  await editPolicy(call, name, (before) => {
    const policy = parsePolicy(before) ?? emptyPolicy(arn);
    if (policy.statements.some((other) => hasLabel(other, label))) {
      throw invalidParameter("Label", label, "Already exists.");
    }
    const statements = [...policy.statements, statement];
    checkCount("Statements", statements.length, STATEMENTS_MAX);
    checkPolicyCounts({ ...policy, statements });
    const text = policyText({ ...policy, statements });
    if (text === undefined) throw new SqsError("OverLimit", "The queue's policy is too long.");
    return text;
  });
  return NO_OUTPUT;
};

/** Up to 80 letters, digits, hyphens and underscores. */
export function readLabel(input: Members): string {
  const label = requiredText(input, "Label");
  if (/^[A-Za-z0-9_-]{1,80}$/.test(label)) return label;
  throw invalidParameter(
    "Label",
    label,
    "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
  );
}

function readStatement(
  input: Members,
  of: { readonly arn: string; readonly label: string },
): Members {
  const accounts = textList(input, "AWSAccountIds");
  if (accounts.length === 0) throw missingParameter("AWSAccountIds");
  if (!accounts.every((account) => /^\d{12}$/.test(account))) {
    const shown = `[${accounts.join(", ")}]`;
    throw invalidParameter("PrincipalId", shown, "Unable to verify.");
  }
  const actions = textList(input, "Actions");
  if (actions.length === 0) throw missingParameter("Actions");
  checkCount("Actions", actions.length, ACTIONS_MAX);
  for (const action of actions) {
    if (GRANTABLE.has(action)) continue;
    const reason = "Only the queue owner is allowed to invoke this action.";
    throw invalidParameter("ActionName", `SQS:${action}`, reason);
  }
  return {
    Sid: of.label,
    Effect: "Allow",
    Principal: { AWS: oneOrAll(accounts.map((account) => `arn:aws:iam::${account}:root`)) },
    Action: oneOrAll(actions.map((action) => `SQS:${action}`)),
    Resource: of.arn,
  };
}

/** The service writes a list of one as the one. */
function oneOrAll(values: readonly string[]): string | readonly string[] {
  const [first] = values;
  return values.length === 1 && first !== undefined ? first : values;
}
