/** Calls on the engine as promises, and its refusals as errors of the table. */
import type { GroupId } from "@kqueuey/base";
import { KQueueyError } from "@kqueuey/contract";
import type { RefusalReason } from "@kqueuey/queue";
import type { EngineReply, EngineRequest, NodeEngine } from "@kqueuey/replica";
import type { CallSignal } from "../call-signal.ts";

type Answer = Exclude<EngineReply, { kind: "failed" } | { kind: "not-leader" }>;

/** Asks the group's leader; rejects with the engine's failure, or CANCELLED once `signal` aborts. */
export function callEngine(
  engine: NodeEngine,
  to: { readonly group: GroupId; readonly signal: CallSignal | undefined },
  request: EngineRequest,
): Promise<Answer> {
  const { group, signal } = to;
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(cancelled());
      return;
    }
    let over = false;
    const handle = engine.call(group, request, (reply) => {
      over = true;
      signal?.removeEventListener("abort", onAbort);
      if (reply.kind === "failed") reject(new KQueueyError(reply.code, reply.message));
      else if (reply.kind === "not-leader") reject(new KQueueyError("UNAVAILABLE", "no leader"));
      else resolve(reply);
    });
    function onAbort(): void {
      if (over) return;
      engine.cancel(handle);
      reject(cancelled());
    }
    if (!over) signal?.addEventListener("abort", onAbort, { once: true });
  });
}

function cancelled(): KQueueyError {
  return new KQueueyError("CANCELLED", "the caller ended the call");
}

/** The error that callers see for a command that was refused. */
export function refusalError(reason: RefusalReason, queue: string): KQueueyError {
  switch (reason) {
    case "queue-not-found":
    case "queue-deleted":
      return queueNotFound(queue);
    case "session-expired":
      return new KQueueyError("SESSION_EXPIRED", "the session is no longer known: open a new one");
    case "request-id-reused":
      return new KQueueyError(
        "INVALID_ARGUMENT",
        "the request id was used for another kind of call: draw a new one for each call",
      );
    case "in-flight-limit":
      return new KQueueyError(
        "LIMIT_REACHED",
        `as many messages of queue ${queue} are in flight as may be: tombstone or release some`,
      );
    case "limit-reached":
      return new KQueueyError(
        "LIMIT_REACHED",
        `queue ${queue}: too many texts, move tasks at once, message groups or deduplication ids`,
      );
    case "task-running":
      return new KQueueyError("TASK_RUNNING", `another task moves the messages of ${queue}`);
    case "task-not-found":
      return new KQueueyError("TASK_NOT_FOUND", `no such task moves the messages of ${queue}`);
    case "wrong-kind":
      return new KQueueyError(
        "INVALID_ARGUMENT",
        `queue ${queue} is of the other kind: FIFO queues take messages with a group, and only they do`,
      );
    case "purged-recently":
      return new KQueueyError("LIMIT_REACHED", `queue ${queue} was purged a moment ago: wait`);
    case "not-as-expected":
    case "wrong-state":
    case "wrong-group":
      return new KQueueyError("UNAVAILABLE", `queue ${queue} is being changed: try again`);
    case "malformed":
      return new KQueueyError("INTERNAL", "the engine could not read a command of this node");
  }
}

export function queueNotFound(queue: string): KQueueyError {
  return new KQueueyError("QUEUE_NOT_FOUND", `queue ${queue} does not exist: create it first`);
}

/** An answer of a kind that the request cannot have: nodes of different minds about the protocol. */
export function unexpected(reply: Answer): KQueueyError {
  return new KQueueyError("INTERNAL", `the engine answered with "${reply.kind}"`);
}
