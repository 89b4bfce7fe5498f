import { readLabel, setPolicy } from "./add-permission.ts";
import { NO_OUTPUT, type SqsAction } from "./call.ts";
import { invalidParameter } from "./errors.ts";
import { hasLabel, parsePolicy, policyText } from "./policy.ts";
import { queueNameOf } from "./queue-url.ts";

/** RemovePermission: the statement of that label goes; the policy goes with its last one. */
export const removePermission: SqsAction = async (call, input) => {
  const name = queueNameOf(input);
  const label = readLabel(input);
  const queue = await call.broker.describeQueue(call.context, name);
  const policy = parsePolicy(queue.extra["Policy"] ?? "");
  const statements = policy?.statements.filter((statement) => !hasLabel(statement, label)) ?? [];
  if (policy === undefined || statements.length === policy.statements.length) {
    throw invalidParameter("Label", label, "can't find label.");
  }
  const text = statements.length === 0 ? "" : policyText({ ...policy, statements });
  await setPolicy(call, name, text ?? "");
  return NO_OUTPUT;
};
