/** Errors for people: the code, what was wrong, and what to do next. */
import type { ErrorCode } from "@kqueuey/contract";
import { ERRORS, type KQueueyError } from "@kqueuey/contract";

/** What to do next, where the command line has a better word than the error table. */
const NEXT_STEPS: Partial<Readonly<Record<ErrorCode, string>>> = {
  QUEUE_NOT_FOUND:
    "Create it with `kqueuey queue create NAME`, or see which there are: `kqueuey queue list`.",
  QUEUE_EXISTS:
    "See how it differs: `kqueuey queue show NAME`; change it: `kqueuey queue set NAME`.",
  UNAVAILABLE:
    "Is a cluster running there? `kqueuey dev` starts one on this machine; --endpoint names another.",
  DEADLINE_EXCEEDED:
    "It may have taken effect. See how the cluster is: `kqueuey cluster status`; --timeout gives more time.",
  RECEIPT_INVALID: "Pass a receipt as `kqueuey poll` printed it, with the same queue.",
  // Its message says already what would be right.
  CONFIG_INVALID: "",
  CANCELLED: "",
};

/** Two lines at most: the error and the next step. */
export function renderError(error: KQueueyError): string {
  const step = NEXT_STEPS[error.code] ?? ERRORS[error.code].doc;
  const next = step === "" ? "" : `\n  ${step}`;
  return `kqueuey: ${error.code}: ${error.message}${next}\n`;
}
