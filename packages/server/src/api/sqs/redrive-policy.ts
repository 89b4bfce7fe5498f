/** The JSON texts about dead letters: RedrivePolicy (of a source) and RedriveAllowPolicy (of a target). */
import type { QueueAttributes } from "../../broker.ts";
import type { SqsIdentity } from "./call.ts";
import { invalidParameter, type SqsError } from "./errors.ts";
import { isMembers, type Members } from "./input.ts";
import { queueArn, queueNameOfArn } from "./queue-url.ts";

type DeadLetter = NonNullable<QueueAttributes["deadLetter"]>;

const RECEIVES_MAX = 1_000;
/** What the service's model gives as the default. */
const RECEIVES_DEFAULT = 10;
const SOURCE_ARNS_MAX = 10;

/** Far more than any of these policies needs; a longer text is not parsed. */
const CHARACTERS_MAX = 8_192;

function parseObject(text: string): Members | undefined {
  if (text.length > CHARACTERS_MAX) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isMembers(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The dead-letter setting in `text`; throws InvalidParameterValue in the service's words. */
export function parseRedrivePolicy(text: string): DeadLetter {
  const invalid = (reason: string): SqsError => invalidParameter("RedrivePolicy", text, reason);
  const policy = parseObject(text);
  if (policy === undefined) throw invalid("Redrive policy is not a valid JSON map.");
  for (const key of Object.keys(policy)) {
    if (key !== "deadLetterTargetArn" && key !== "maxReceiveCount") {
      throw invalid(
        "Only following attributes are supported: [deadLetterTargetArn, maxReceiveCount].",
      );
    }
  }
  const arn = policy["deadLetterTargetArn"];
  if (arn === undefined) {
    throw invalid("Redrive policy does not contain mandatory attribute: deadLetterTargetArn.");
  }
  const queue = typeof arn === "string" ? queueNameOfArn(arn) : undefined;
  if (queue === undefined) throw invalid("Invalid value for deadLetterTargetArn.");
  const count = policy["maxReceiveCount"] ?? RECEIVES_DEFAULT;
  const maximumReceives =
    typeof count === "string" && /^-?\d{1,15}$/.test(count) ? Number(count) : count;
  if (
    typeof maximumReceives !== "number" ||
    !Number.isInteger(maximumReceives) ||
    maximumReceives < 1 ||
    maximumReceives > RECEIVES_MAX
  ) {
    throw invalid(
      `Invalid value for maxReceiveCount: ${String(count)}, valid values are from 1 to ${RECEIVES_MAX} both inclusive.`,
    );
  }
  return { queue, maximumReceives };
}

/** The text of a dead-letter setting: the receive count is a number, whatever it was set as. */
export function redrivePolicyText(identity: SqsIdentity, deadLetter: DeadLetter): string {
  return JSON.stringify({
    deadLetterTargetArn: queueArn(identity, deadLetter.queue),
    maxReceiveCount: deadLetter.maximumReceives,
  });
}

/** Throws InvalidParameterValue unless `text` is a redrive allow policy. */
export function checkRedriveAllowPolicy(text: string): void {
  const invalid = (reason: string): SqsError =>
    invalidParameter("RedriveAllowPolicy", text, reason);
  const policy = parseObject(text);
  if (policy === undefined) throw invalid("Redrive allow policy is not a valid JSON map.");
  const { redrivePermission: permission, sourceQueueArns: arns, ...others } = policy;
  if (Object.keys(others).length > 0) {
    throw invalid("Only following attributes are supported: [redrivePermission, sourceQueueArns].");
  }
  if (permission !== "allowAll" && permission !== "denyAll" && permission !== "byQueue") {
    throw invalid("redrivePermission must be allowAll, denyAll or byQueue.");
  }
  if (permission !== "byQueue") {
    if (arns !== undefined) throw invalid("sourceQueueArns goes with byQueue only.");
    return;
  }
  const isList =
    Array.isArray(arns) &&
    arns.length >= 1 &&
    arns.length <= SOURCE_ARNS_MAX &&
    arns.every((arn) => typeof arn === "string" && queueNameOfArn(arn) !== undefined);
  if (!isList) throw invalid(`byQueue needs 1 to ${SOURCE_ARNS_MAX} sourceQueueArns.`);
}

/** Whether a target whose RedriveAllowPolicy is `text` (undefined: none) takes dead letters of `source`. */
export function allowsSource(text: string | undefined, source: string): boolean {
  const policy = text === undefined ? undefined : parseObject(text);
  if (policy === undefined) return true;
  const { redrivePermission: permission, sourceQueueArns: arns } = policy;
  if (permission !== "byQueue") return permission !== "denyAll";
  return (
    Array.isArray(arns) &&
    arns.some((arn) => typeof arn === "string" && queueNameOfArn(arn) === source)
  );
}
