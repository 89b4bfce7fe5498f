/** `kqueuey queue redrive` */
import type { MoveTask } from "@kqueuey/client";
import type { Command } from "commander";
import {
  addClusterOptions,
  type ClusterOptions,
  print,
  UsageError,
  withClient,
} from "../cluster-command.ts";
import type { CliContext } from "../context.ts";
import { formatCount, formatTime, renderTable } from "../render/table.ts";
import { countParser } from "../values.ts";

const RATE_MAX = 100_000;

interface Options extends ClusterOptions {
  readonly to?: string;
  readonly rate?: number;
  readonly list?: boolean;
  readonly cancel?: string;
}

export function addQueueRedrive(parent: Command, context: CliContext): void {
  const command = parent
    .command("redrive")
    .summary("move a queue's messages back, or to another queue")
    .description(
      "Begins to move the messages that are in the queue now, in the background: each back to the queue that it came " +
        "from as a dead letter, or all to one queue. What a worker holds stays. Lists such tasks, or cancels one.",
    )
    .argument("<name>", "the queue that is emptied")
    .option("--to <queue>", "move all messages to this queue")
    .option("--rate <count>", "messages a second: 1 to 100000", countParser(1, RATE_MAX))
    .option("--list", "show the newest tasks of the queue instead")
    .option("--cancel <task>", "end the running task instead; what it moved stays moved");
  addClusterOptions(command, [
    "kqueuey queue redrive orders-failed",
    "kqueuey queue redrive orders-failed --to orders --rate 100",
    "kqueuey queue redrive orders-failed --list --json",
  ]).action((name: string, options: Options) => redrive(context, name, options));
}

async function redrive(context: CliContext, name: string, options: Options): Promise<void> {
  const { to, rate, list, cancel } = options;
  const starts = to !== undefined || rate !== undefined;
  if ((starts ? 1 : 0) + (list === true ? 1 : 0) + (cancel === undefined ? 0 : 1) > 1) {
    throw new UsageError("--list, --cancel, and --to or --rate exclude each other");
  }
  if (list === true) await listTasks(context, name, options);
  else if (cancel === undefined) await start(context, name, options);
  else await cancelTask(context, name, { ...options, cancel });
}

async function start(context: CliContext, name: string, options: Options): Promise<void> {
  const { to, rate } = options;
  const { taskId } = await withClient(context, options, (client) =>
    client.startMoveTask(name, {
      ...(to === undefined ? {} : { destination: to }),
      ...(rate === undefined ? {} : { messagesPerSecond: rate }),
      signal: context.signal,
    }),
  );
  print(context, options, { json: { queue: name, taskId }, text: `started task ${taskId}\n` });
}

async function listTasks(context: CliContext, name: string, options: Options): Promise<void> {
  const tasks = await withClient(context, options, (client) =>
    client.listMoveTasks(name, { signal: context.signal }),
  );
  const text = tasks.length === 0 ? "no tasks\n" : renderTasks(tasks);
  print(context, options, { json: tasks, text });
}

async function cancelTask(
  context: CliContext,
  name: string,
  options: Options & { readonly cancel: string },
): Promise<void> {
  const { cancel: taskId } = options;
  const { moved } = await withClient(context, options, (client) =>
    client.cancelMoveTask(name, taskId, { signal: context.signal }),
  );
  const json = { queue: name, taskId, moved };
  print(context, options, {
    json,
    text: `cancelled task ${taskId}, ${moved} messages were moved\n`,
  });
}

function renderTasks(tasks: readonly MoveTask[]): string {
  return renderTable(
    [
      { title: "task" },
      { title: "status" },
      { title: "to" },
      { title: "rate", align: "right" },
      { title: "moved", align: "right" },
      { title: "of", align: "right" },
      { title: "started" },
    ],
    tasks.map((task) => [
      task.taskId,
      task.failure === undefined ? task.status : `${task.status}: ${task.failure}`,
      task.destination ?? "back",
      task.messagesPerSecond === undefined ? "" : formatCount(task.messagesPerSecond),
      formatCount(task.moved),
      formatCount(task.toMove),
      formatTime(task.startedAtMs),
    ]),
  );
}
