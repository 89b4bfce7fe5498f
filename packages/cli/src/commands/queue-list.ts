/** `kqueuey queue list` */
import type { Client, QueueDescription } from "@kqueuey/client";
import { KQueueyError } from "@kqueuey/contract";
import type { Command } from "commander";
import { addClusterOptions, type ClusterOptions, print, withClient } from "../cluster-command.ts";
import type { CliContext } from "../context.ts";
import { formatCount, renderTable } from "../render/table.ts";
import { descriptionToJson } from "./queue-attributes.ts";

interface Options extends ClusterOptions {
  readonly prefix?: string;
  readonly names?: boolean;
}

/** Descriptions that are asked for at a time. */
const DESCRIPTIONS_IN_FLIGHT = 32;

export function addQueueList(parent: Command, context: CliContext): void {
  const command = parent
    .command("list")
    .summary("list queues with their depths")
    .description("Lists the queues with how many messages are available, in flight and delayed.")
    .option("--prefix <text>", "only queues whose names begin with it")
    .option("--names", "print names alone, one a line: faster with many queues");
  addClusterOptions(command, [
    "kqueuey queue list",
    "kqueuey queue list --prefix orders- --json",
  ]).action((options: Options) => listQueues(context, options));
}

async function listQueues(context: CliContext, options: Options): Promise<void> {
  await withClient(context, options, async (client) => {
    const names = await allNames(client, context.signal, options.prefix ?? "");
    if (options.names === true) {
      print(context, options, { json: names, text: names.map((name) => `${name}\n`).join("") });
      return;
    }
    const queues = await describeAll(client, context.signal, names);
    const text = queues.length === 0 ? "no queues\n" : renderQueues(queues);
    print(context, options, { json: queues.map(descriptionToJson), text });
  });
}

async function allNames(
  client: Client,
  signal: AbortSignal,
  prefix: string,
): Promise<readonly string[]> {
  const names: string[] = [];
  let after: string | undefined = "";
  while (after !== undefined) {
    const page: { readonly queues: readonly string[]; readonly nextAfter: string | undefined } =
      await client.listQueues({ prefix, after, signal });
    names.push(...page.queues);
    after = page.nextAfter;
  }
  return names;
}

async function describeAll(
  client: Client,
  signal: AbortSignal,
  names: readonly string[],
): Promise<readonly QueueDescription[]> {
  const queues: QueueDescription[] = [];
  for (let at = 0; at < names.length; at += DESCRIPTIONS_IN_FLIGHT) {
    const some = names.slice(at, at + DESCRIPTIONS_IN_FLIGHT);
    const described = await Promise.all(
      some.map((name) => client.describeQueue(name, { signal }).catch(unlessDeleted)),
    );
    for (const description of described) if (description !== undefined) queues.push(description);
  }
  return queues;
}

/** A queue may be deleted between the listing and its description. */
function unlessDeleted(error: unknown): undefined {
  if (KQueueyError.is(error) && error.code === "QUEUE_NOT_FOUND") return undefined;
  throw error;
}

function renderQueues(queues: readonly QueueDescription[]): string {
  return renderTable(
    [
      { title: "queue" },
      { title: "available", align: "right" },
      { title: "in flight", align: "right" },
      { title: "delayed", align: "right" },
    ],
    queues.map((queue) => [
      queue.name,
      formatCount(queue.available),
      formatCount(queue.inFlight),
      formatCount(queue.delayed),
    ]),
  );
}
