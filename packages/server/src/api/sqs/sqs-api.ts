/**
 * The Amazon SQS API on a broker: reads a request, finds its action, and answers in its protocol. Signatures
 * are not checked while authentication is off; the access key id that a request names is its sender.
 */
import { KQueueyError } from "@kqueuey/contract";
import type { Broker, CallContext } from "../../broker.ts";
import type { Digests } from "../../digests.ts";
import type {
  PlainHandler,
  PlainRequest,
  PlainResponse,
  Refusal,
  RequestHead,
} from "../../exchange.ts";
import { findAction } from "./actions.ts";
import { sqsErrorOf } from "./broker-errors.ts";
import type { SqsCall, SqsIdentity } from "./call.ts";
import { SqsError } from "./errors.ts";
import type { Members } from "./input.ts";
import { usableTraceHeader } from "./outgoing-message.ts";
import {
  isJsonProtocol,
  readJsonAction,
  readJsonMembers,
  writeJsonAnswer,
  writeJsonError,
} from "./protocol-json.ts";
import { isQueryProtocol, refuseQueryProtocol } from "./protocol-query.ts";
import { PurgeGate } from "./purge-gate.ts";
import { findQueue } from "./queue-attributes.ts";
import { queueNameOf } from "./queue-url.ts";

/** Everything outside that this API uses. */
export interface SqsPorts {
  readonly broker: Broker;
  readonly digests: Digests;
  /** A fresh UUID. */
  readonly newRequestId: () => string;
  /** Any clock in ms that does not go back. */
  readonly nowMs: () => number;
  /** A fault of ours, answered InternalFailure. Wants a line in the log. */
  readonly onFault?: (error: KQueueyError, requestId: string) => void;
}

export const SQS_IDENTITY: SqsIdentity = {
  account: "000000000000",
  region: "us-east-1",
  publicUrl: undefined,
};

/** Whether a request is for this API: for the router. */
export function isSqsRequest(head: RequestHead): boolean {
  return isJsonProtocol(head) || isQueryProtocol(head);
}

/** The handler of SQS requests. */
export function createSqsApi(ports: SqsPorts, identity: Partial<SqsIdentity> = {}): PlainHandler {
  const settings = { ...SQS_IDENTITY, ...identity };
  const purges = new PurgeGate(ports.nowMs);
  return {
    async handle(request) {
      const requestId = ports.newRequestId();
      if (!isJsonProtocol(request)) return refuseQueryProtocol(requestId);
      const call: SqsCall = {
        broker: ports.broker,
        context: contextOf(request),
        digests: ports.digests,
        identity: settings,
        origin: settings.publicUrl ?? originOf(request),
        traceHeader: usableTraceHeader(request.header("x-amzn-trace-id")),
        purges,
      };
      try {
        return await answerJson(call, request, requestId);
      } catch (error) {
        const answered = sqsErrorOf(error);
        if (answered.kind === "InternalFailure") {
          ports.onFault?.(KQueueyError.from(error), requestId);
        }
        return writeJsonError(answered, requestId, request);
      }
    },
    refuse(head, refusal) {
      const requestId = ports.newRequestId();
      return isJsonProtocol(head)
        ? writeJsonError(refusalError(refusal), requestId, head)
        : refuseQueryProtocol(requestId);
    },
  };
}

async function answerJson(
  call: SqsCall,
  request: PlainRequest,
  requestId: string,
): Promise<PlainResponse> {
  const action = findAction(readJsonAction(request));
  const input = readJsonMembers(request.body);
  try {
    return writeJsonAnswer(await action(call, input), requestId);
  } catch (error) {
    // Whether the queue exists comes before what is wrong with the request; asked only when something is.
    if (error instanceof SqsError && (await namesMissingQueue(call, input))) {
      throw new KQueueyError("QUEUE_NOT_FOUND", "the queue does not exist", { cause: error });
    }
    throw error;
  }
}

async function namesMissingQueue(call: SqsCall, input: Members): Promise<boolean> {
  if (typeof input["QueueUrl"] !== "string") return false;
  try {
    return (await findQueue(call, queueNameOf(input))) === undefined;
  } catch {
    return false;
  }
}

function contextOf(request: PlainRequest): CallContext {
  const invocation = request.header("amz-sdk-invocation-id");
  const isUsable = invocation !== undefined && /^[!-~]{1,64}$/.test(invocation);
  return {
    principal: accessKeyOf(request.header("authorization")),
    // One UUID for a call and its retries: what makes them one call here too.
    ...(isUsable ? { requestId: invocation } : {}),
    signal: request.signal,
  };
}

/** The access key id in the credential scope of a Signature Version 4 header, or "anonymous". */
function accessKeyOf(authorization: string | undefined): string {
  return /\bCredential=(\w{1,128})\//.exec(authorization ?? "")?.[1] ?? "anonymous";
}

/** Scheme and host as the client wrote them, so that the URLs we make are ones it can reach. */
function originOf(request: PlainRequest): string {
  const host = request.header("host") ?? request.header(":authority") ?? "";
  return `http://${/^[\w.:[\]-]{1,255}$/.test(host) ? host : "localhost"}`;
}

function refusalError(refusal: Refusal): SqsError {
  switch (refusal.reason) {
    case "too-large":
      return new SqsError(
        "RequestTooLarge",
        `The request body must not be longer than ${refusal.bytesMax} bytes.`,
      );
    case "busy":
      return new SqsError("ServiceUnavailable", "Too many requests are being read. Try again.");
  }
}
