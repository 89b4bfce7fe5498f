import { readLabel } from "./add-permission.ts";
import { NO_OUTPUT, type SqsAction } from "./call.ts";
import { invalidParameter } from "./errors.ts";
import { editPolicy, hasLabel, parsePolicy, policyText } from "./policy.ts";
import { queueNameOf } from "./queue-url.ts";

/** RemovePermission: the statement of that label goes; the policy goes with its last one. */
export const removePermission: SqsAction = async (call, input) => {
  const name = queueNameOf(input);
  const label = readLabel(input);
  await editPolicy(call, name, (before) => {
    const policy = parsePolicy(before);
    const statements = policy?.statements.filter((statement) => !hasLabel(statement, label)) ?? [];
    if (policy === undefined || statements.length === policy.statements.length) {
      throw invalidParameter("Label", label, "can't find label.");
    }
    return statements.length === 0 ? "" : (policyText({ ...policy, statements }) ?? "");
  });
  return NO_OUTPUT;
};
