/** Starting, listing and cancelling move tasks: commands and reads of the group of the queue that is emptied. */
import { ByteWriter } from "@kqueuey/base";
import { KQueueyError } from "@kqueuey/contract";
import type { MoveOutcome, MoveTaskView } from "@kqueuey/queue";
import { encodeCancelMove, encodeStartMove } from "@kqueuey/queue";
import type { NodeEngine } from "@kqueuey/replica";
import type { Broker, CallContext, MoveTask } from "../broker.ts";
import { callEngine, queueNotFound, refusalError, unexpected } from "./calls.ts";
import type { Directory, QueuePlace } from "./directory.ts";
import type { RequestIds } from "./request-ids.ts";

type StartOptions = Parameters<Broker["startMoveTask"]>[2];

export class MoveCalls {
  readonly #engine: NodeEngine;
  readonly #directory: Directory;
  readonly #ids: RequestIds;

  constructor(engine: NodeEngine, directory: Directory, ids: RequestIds) {
    this.#engine = engine;
    this.#directory = directory;
    this.#ids = ids;
  }

  async start(
    context: CallContext,
    queue: string,
    options: StartOptions,
  ): Promise<{ readonly taskId: string }> {
    const to = await this.#directory.find(queue, context.signal);
    const target = await this.#target(context, to, options.destination);
    const { principal, requestId: id } = context;
    const requestId = this.#ids.make({ principal, action: "startMove", queue, requestId: id });
    // The task is named by the call that begins it, so that a retry names the same.
    if (requestId.kind !== "hash") throw new KQueueyError("INTERNAL", "a call without an id");
    const writer = new ByteWriter(96);
    encodeStartMove(writer, {
      requestId,
      queueId: to.queueId,
      taskId: requestId.hash,
      destination: target?.queueId,
      perSecond: options.messagesPerSecond,
    });
    const outcome = await this.#command(context, { ...to, queue }, writer.view());
    return { taskId: textOf(outcome.taskId) };
  }

  async cancel(
    context: CallContext,
    queue: string,
    taskId: string,
  ): Promise<{ readonly moved: number }> {
    const bytes = bytesOf(taskId);
    if (bytes === undefined) {
      throw new KQueueyError("INVALID_ARGUMENT", `${taskId} is no id of a task`);
    }
    const to = await this.#directory.find(queue, context.signal);
    const { principal, requestId: id } = context;
    const requestId = this.#ids.make({ principal, action: "cancelMove", queue, requestId: id });
    const writer = new ByteWriter(96);
    encodeCancelMove(writer, { requestId, queueId: to.queueId, taskId: bytes });
    const { moved } = await this.#command(context, { ...to, queue }, writer.view());
    return { moved };
  }

  async list(context: CallContext, queue: string): Promise<readonly MoveTask[]> {
    const { signal } = context;
    const tasks =
      (await this.#tasks(context, await this.#directory.find(queue, signal))) ??
      (await this.#tasks(context, await this.#directory.findAtLeader(queue, signal)));
    if (tasks === undefined) throw queueNotFound(queue);
    return tasks.map((task) => this.#shown(task));
  }

  async #tasks(
    context: CallContext,
    { group, queueId }: QueuePlace,
  ): Promise<readonly MoveTaskView[] | undefined> {
    const to = { group, signal: context.signal };
    const reply = await callEngine(this.#engine, to, { kind: "moveTasks", queueId });
    if (reply.kind !== "tasks") throw unexpected(reply);
    return reply.tasks;
  }

  async #target(
    context: CallContext,
    from: QueuePlace,
    destination: string | undefined,
  ): Promise<QueuePlace | undefined> {
    if (destination === undefined) return undefined;
    const target = await this.#directory.find(destination, context.signal);
    if (target.group === from.group) return target;
    throw new KQueueyError("UNSUPPORTED", `queue ${destination} is in another group`);
  }

  async #command(
    context: CallContext,
    to: QueuePlace & { readonly queue: string },
    command: Uint8Array,
  ): Promise<MoveOutcome> {
    const request = { kind: "command", command } as const;
    const at = { group: to.group, signal: context.signal };
    const reply = await callEngine(this.#engine, at, request);
    if (reply.kind !== "outcome") throw unexpected(reply);
    const { outcome } = reply;
    if (outcome.kind === "refused") throw refusalError(outcome.reason, to.queue);
    if (outcome.kind !== "move") throw new KQueueyError("INTERNAL", "a move task went wrong");
    return outcome;
  }

  #shown(task: MoveTaskView): MoveTask {
    const { status, moved, toMove, startedAtMs, destination } = task;
    return {
      taskId: textOf(task.taskId),
      status,
      failure: task.failure === "none" ? undefined : task.failure,
      destination: destination === undefined ? undefined : this.#directory.nameOf(destination),
      messagesPerSecond: task.perSecond,
      moved,
      toMove,
      startedAtMs,
    };
  }
}

/** 16 bytes as a UUID. */
function textOf(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString("hex");
  const parts = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20)];
  return [...parts, hex.slice(20)].join("-");
}

/** The bytes of a UUID; undefined for what is none. */
function bytesOf(text: string): Uint8Array | undefined {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)) return undefined;
  return new Uint8Array(Buffer.from(text.replaceAll("-", ""), "hex"));
}
