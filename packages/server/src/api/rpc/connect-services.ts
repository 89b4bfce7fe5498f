/** QueueService and ClusterService on Connect: JSON for curl, gRPC and gRPC-Web for other languages. */
import type { ConnectRouter, ContextKey, HandlerContext, ServiceImpl } from "@connectrpc/connect";
import { createContextKey } from "@connectrpc/connect";
import { ClusterService, QueueService } from "@kqueuey/contract";
import type { Broker, Delivery } from "../../broker.ts";
import { type Administration, createAdministration } from "./administration.ts";
import type { Caller } from "./calls.ts";
import { extend, receive, release, send, tombstone } from "./calls.ts";
import { toConnectError } from "./connect-errors.ts";
import {
  fromExtendEntries,
  fromReceiveRequest,
  fromSendRequest,
  fromTombstoneRequest,
  toReceiptResults,
  toReceivedMessage,
  toSendResults,
} from "./translate.ts";

/** Takes charge of a delivery whose answer is about to be written: settles it when it is known how that went. */
export type Handover = (delivery: Delivery) => void;

/** Where the adapter puts the call's `Handover`. By default a delivery counts as written. */
export const HANDOVER: ContextKey<Handover> = createContextKey<Handover>((delivery) =>
  delivery.written(),
);

/** Runs a call and turns what it throws into the carrier's error. */
type Run = <T>(context: HandlerContext, call: (caller: Caller) => Promise<T>) => Promise<T>;

/** Registers both services; `onFault` is told of every error that should not have happened. */
export function registerServices(
  router: ConnectRouter,
  broker: Broker,
  onFault: (error: unknown, method: string) => void,
): void {
  const run: Run = async (context, call) => {
    try {
      return await call({ principal: "anonymous", signal: context.signal });
    } catch (error) {
      const told = toConnectError(error, context.signal);
      if (isFault(error)) onFault(error, context.method.name);
      throw told;
    }
  };
  const administration = createAdministration(broker);
  router.service(QueueService, {
    ...administrativeMethods(administration, run),
    ...messageMethods(broker, run),
  });
  router.service(ClusterService, {
    status: (request, context) =>
      run(context, (caller) => administration.clusterStatus(caller, request)),
  });
}

type AdministrativeMethod =
  | "createQueue"
  | "describeQueue"
  | "listQueues"
  | "setQueueAttributes"
  | "deleteQueue"
  | "purgeQueue"
  | "startMoveTask"
  | "listMoveTasks"
  | "cancelMoveTask";
type QueueMethods = ServiceImpl<typeof QueueService>;

function administrativeMethods(
  administration: Administration,
  run: Run,
): Pick<QueueMethods, AdministrativeMethod> {
  return {
    createQueue: (request, context) =>
      run(context, (caller) => administration.createQueue(caller, request)),
    describeQueue: (request, context) =>
      run(context, (caller) => administration.describeQueue(caller, request)),
    listQueues: (request, context) =>
      run(context, (caller) => administration.listQueues(caller, request)),
    setQueueAttributes: (request, context) =>
      run(context, (caller) => administration.setQueueAttributes(caller, request)),
    deleteQueue: (request, context) =>
      run(context, (caller) => administration.deleteQueue(caller, request)),
    purgeQueue: (request, context) =>
      run(context, (caller) => administration.purgeQueue(caller, request)),
    startMoveTask: (request, context) =>
      run(context, (caller) => administration.startMoveTask(caller, request)),
    listMoveTasks: (request, context) =>
      run(context, (caller) => administration.listMoveTasks(caller, request)),
    cancelMoveTask: (request, context) =>
      run(context, (caller) => administration.cancelMoveTask(caller, request)),
  };
}

function messageMethods(broker: Broker, run: Run): Omit<QueueMethods, AdministrativeMethod> {
  return {
    send: (request, context) =>
      run(context, async (caller) => {
        const results = await send(broker, caller, fromSendRequest(request));
        return { results: toSendResults(results, request.omitSuccesses) };
      }),
    receive: (request, context) =>
      run(context, async (caller) => {
        const delivery = await receive(broker, caller, fromReceiveRequest(request));
        if (caller.signal.aborted || !delivery.stillFresh()) {
          delivery.undelivered();
          return { messages: [] };
        }
        context.values.get(HANDOVER)(delivery);
        const { bodiesAsData } = request;
        return { messages: delivery.messages.map((m) => toReceivedMessage(m, bodiesAsData)) };
      }),
    tombstone: (request, context) =>
      run(context, async (caller) => {
        const results = await tombstone(broker, caller, fromTombstoneRequest(request));
        return { results: toReceiptResults(results, request.omitSuccesses) };
      }),
    extend: (request, context) =>
      run(context, async (caller) => {
        const { queue, omitSuccesses, requestId } = request;
        const call = { queue, entries: fromExtendEntries(request), omitSuccesses, requestId };
        const results = await extend(broker, caller, call);
        return { results: toReceiptResults(results, omitSuccesses) };
      }),
    release: (request, context) =>
      run(context, async (caller) => {
        const { queue, entries, omitSuccesses, requestId } = request;
        const results = await release(broker, caller, { queue, entries, omitSuccesses, requestId });
        return { results: toReceiptResults(results, omitSuccesses) };
      }),
  };
}

/** True for what only a defect throws. */
function isFault(error: unknown): boolean {
  return !(error instanceof Error && "code" in error) || error.code === "INTERNAL";
}
