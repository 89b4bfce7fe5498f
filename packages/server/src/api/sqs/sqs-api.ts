/**
 * The Amazon SQS API on a broker: reads a request, finds its action, and answers in its protocol. Without an
 * authenticator signatures are not checked; the access key id that a request names is its sender all the same.
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
import type { Authenticate } from "./authenticator.ts";
import { sqsErrorOf } from "./broker-errors.ts";
import type { SqsAnswer, SqsCall, SqsSettings } from "./call.ts";
import { createQueue } from "./create-queue.ts";
import { SqsError } from "./errors.ts";
import { type Members, optionalText } from "./input.ts";
import { SQS_LIMITS } from "./limits.ts";
import { usableTraceHeader } from "./outgoing-message.ts";
import type { AnswerTo, Protocol } from "./protocol.ts";
import { isJsonProtocol, jsonProtocol } from "./protocol-json.ts";
import { isQueryProtocol, queryProtocol } from "./protocol-query.ts";
import { findQueue } from "./queue-attributes.ts";
import { isFifoQueueName, isQueueName, queueNameOf } from "./queue-url.ts";

/** Everything outside that this API uses. */
export interface SqsPorts {
  readonly broker: Broker;
  readonly digests: Digests;
  /** A fresh UUID. */
  readonly newRequestId: () => string;
  /** Verifies signatures and gives the sender; absent while authentication is off. */
  readonly authenticate?: Authenticate;
  /** A fault of ours, answered InternalFailure. Wants a line in the log. */
  readonly onFault?: (error: KQueueyError, requestId: string) => void;
}

export const SQS_SETTINGS: SqsSettings = {
  account: "000000000000",
  region: "us-east-1",
  publicUrl: undefined,
  limits: SQS_LIMITS.aws,
  createsQueuesOnUse: false,
};

/** Whether a request is for this API: for the router. */
export function isSqsRequest(head: RequestHead): boolean {
  return isJsonProtocol(head) || isQueryProtocol(head);
}

/** The handler of SQS requests. */
export function createSqsApi(ports: SqsPorts, given: Partial<SqsSettings> = {}): PlainHandler {
  const settings = { ...SQS_SETTINGS, ...given };
  return {
    async handle(request) {
      const requestId = ports.newRequestId();
      const protocol = protocolOf(request);
      try {
        const principal =
          ports.authenticate === undefined ? senderOf(request) : await ports.authenticate(request);
        const call: SqsCall = {
          broker: ports.broker,
          context: contextOf(request, principal),
          digests: ports.digests,
          identity: settings,
          limits: settings.limits,
          origin: settings.publicUrl ?? originOf(request),
          traceHeader: usableTraceHeader(request.header("x-amzn-trace-id")),
          protocol: protocol.name,
        };
        const { createsQueuesOnUse: creates } = settings;
        return await answer(call, { request, protocol, requestId, creates });
      } catch (error) {
        const answered = sqsErrorOf(error);
        if (answered.kind === "InternalFailure") {
          ports.onFault?.(KQueueyError.from(error), requestId);
        }
        return protocol.writeError(answered, requestId, request);
      }
    },
    refuse(head, refusal) {
      return protocolOf(head).writeError(refusalError(refusal), ports.newRequestId(), head);
    },
  };
}

function protocolOf(head: RequestHead): Protocol {
  return isJsonProtocol(head) ? jsonProtocol : queryProtocol;
}

async function answer(
  call: SqsCall,
  asked: {
    readonly request: PlainRequest;
    readonly protocol: Protocol;
    readonly requestId: string;
    readonly creates: boolean;
  },
): Promise<PlainResponse> {
  const { protocol, requestId } = asked;
  const read = protocol.read(asked.request);
  const action = findAction(read.action);
  const input = read.members();
  const to = { action: read.action, requestId, head: asked.request };
  try {
    return writeAnswer(protocol, to, await action(call, input));
  } catch (error) {
    if (asked.creates && (await createsMissing(call, read.action, { input, error }))) {
      return writeAnswer(protocol, to, await action(call, input));
    }
    // Whether the queue exists comes before what is wrong with the request; asked only when something is.
    if (error instanceof SqsError && (await namesMissingQueue(call, input))) {
      throw new KQueueyError("QUEUE_NOT_FOUND", "the queue does not exist", { cause: error });
    }
    throw error;
  }
}

/** The answer, with its handover when it carries leases. */
function writeAnswer(protocol: Protocol, to: AnswerTo, answer: SqsAnswer): PlainResponse {
  const { output, delivery } = answer;
  const response = protocol.writeAnswer(to, output);
  if (delivery === undefined) return response;
  return {
    ...response,
    handover: {
      stillFresh: () => delivery.stillFresh(),
      stale: protocol.writeAnswer(to, {}),
      written: () => delivery.written(),
      undelivered: () => delivery.undelivered(),
    },
  };
}

/** Actions that a queue's users begin with. The others say that it is not there. */
const FIRST_USES: readonly string[] = [
  "GetQueueUrl",
  "ReceiveMessage",
  "SendMessage",
  "SendMessageBatch",
];

/** Whether the action failed for want of a queue, which is there now with default attributes. */
async function createsMissing(
  call: SqsCall,
  action: string,
  { input, error }: { readonly input: Members; readonly error: unknown },
): Promise<boolean> {
  if (!FIRST_USES.includes(action) || sqsErrorOf(error).kind !== "QueueDoesNotExist") return false;
  const name = action === "GetQueueUrl" ? optionalText(input, "QueueName") : queueNameOf(input);
  if (name === undefined) return false;
  const isFifo = isFifoQueueName(name);
  if (!isFifo && !isQueueName(name)) return false;
  await createQueue(call, { QueueName: name, Attributes: isFifo ? { FifoQueue: "true" } : {} });
  return true;
}

async function namesMissingQueue(call: SqsCall, input: Members): Promise<boolean> {
  if (typeof input["QueueUrl"] !== "string") return false;
  try {
    return (await findQueue(call, queueNameOf(input))) === undefined;
  } catch {
    return false;
  }
}

function contextOf(request: PlainRequest, principal: string): CallContext {
  const invocation = request.header("amz-sdk-invocation-id");
  const isUsable = invocation !== undefined && /^[!-~]{1,64}$/.test(invocation);
  return {
    principal,
    // One UUID for a call and its retries: what makes them one call here too.
    ...(isUsable ? { requestId: invocation } : {}),
    signal: request.signal,
  };
}

/** The access key id in the credential scope of a signature, wherever that is, or "anonymous". */
function senderOf(request: PlainRequest): string {
  const authorization = request.header("authorization");
  const credential =
    authorization === undefined
      ? /\bX-Amz-Credential=(\w{1,128})(?:\/|%2F)/i.exec(request.query)
      : /\bCredential=(\w{1,128})\//.exec(authorization);
  return credential?.[1] ?? "anonymous";
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
