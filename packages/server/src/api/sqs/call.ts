/** What every action of SQS is given and gives back. */
import type { Broker, CallContext, Delivery } from "../../broker.ts";
import type { Digests } from "../../digests.ts";
import type { Members } from "./input.ts";
import type { SqsLimits } from "./limits.ts";

/** How this cluster appears in ARNs and queue URLs. */
export interface SqsIdentity {
  /** Twelve digits. */
  readonly account: string;
  readonly region: string;
  /** "https://queues.example.org", without a trailing slash; undefined: the request's own host. */
  readonly publicUrl: string | undefined;
}

/** What a node's configuration says of this API. */
export interface SqsSettings extends SqsIdentity {
  readonly limits: SqsLimits;
  /** A queue that is sent to, received from or asked for by name is created when it is not there. */
  readonly createsQueuesOnUse: boolean;
}

/** One request, read as far as its members. */
export interface SqsCall {
  readonly broker: Broker;
  readonly context: CallContext;
  readonly digests: Digests;
  readonly identity: SqsIdentity;
  readonly limits: SqsLimits;
  /** Scheme and host of queue URLs in the answer. */
  readonly origin: string;
  /** The HTTP header X-Amzn-Trace-Id, for sends that bring no AWSTraceHeader. */
  readonly traceHeader: string | undefined;
  /** XML carries fewer characters than JSON. */
  readonly protocol: "json" | "query";
}

/** An answer before its protocol writes it down. */
export interface SqsAnswer {
  /** Undefined for an action without output. */
  readonly output: Members | undefined;
  /** There when the answer carries leases. */
  readonly delivery?: Delivery;
}

/** One action: reads its members, checks them, asks the broker. Throws `SqsError` or `KQueueyError`. */
export type SqsAction = (call: SqsCall, input: Members) => Promise<SqsAnswer>;

/** The answer of actions without output. */
export const NO_OUTPUT: SqsAnswer = { output: undefined };
