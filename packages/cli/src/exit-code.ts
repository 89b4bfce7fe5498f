/** Exit codes: stable, for scripts. Documented in `kqueuey --help`. */
import type { ErrorCode } from "@kqueuey/contract";
import { ERRORS } from "@kqueuey/contract";

/** What the process ends with. */
export const EXIT_CODE: {
  readonly done: 0;
  readonly fault: 1;
  readonly usage: 2;
  readonly notFound: 3;
  readonly unavailable: 4;
  readonly refused: 5;
  readonly interrupted: 130;
} = { done: 0, fault: 1, usage: 2, notFound: 3, unavailable: 4, refused: 5, interrupted: 130 };

export type ExitCode = (typeof EXIT_CODE)[keyof typeof EXIT_CODE];

/** The exit codes as the help text has them. */
export const EXIT_CODE_HELP = `Exit codes:
  0    done
  1    a fault of KQueuey itself
  2    wrong arguments, configuration or values
  3    the queue does not exist
  4    the cluster can't do it now: no leader, too busy, timed out; the same call may succeed later
  5    refused, or some messages or receipts of several failed
  130  interrupted`;

/** The exit code for an error of the table. */
export function exitCodeOf(code: ErrorCode): ExitCode {
  const spec = ERRORS[code];
  if (spec.retryable) return EXIT_CODE.unavailable;
  switch (spec.rpc) {
    case "invalid_argument":
      return EXIT_CODE.usage;
    case "not_found":
      return EXIT_CODE.notFound;
    case "canceled":
      return EXIT_CODE.interrupted;
    case "internal":
      return EXIT_CODE.fault;
    case "unavailable":
    case "deadline_exceeded":
      return EXIT_CODE.unavailable;
    case "already_exists":
    case "failed_precondition":
    case "resource_exhausted":
    case "permission_denied":
    case "unauthenticated":
    case "unimplemented":
      return EXIT_CODE.refused;
  }
}
