/** `kqueuey queue set` */
import type { QueueAttributeChanges } from "@kqueuey/client";
import type { Command } from "commander";
import {
  addClusterOptions,
  type ClusterOptions,
  print,
  UsageError,
  withClient,
} from "../cluster-command.ts";
import type { CliContext } from "../context.ts";
import { type AttributeOptions, addAttributeOptions, attributesOf } from "./queue-attributes.ts";

interface Options extends ClusterOptions, AttributeOptions {
  readonly removeDeadLetter?: boolean;
}

export function addQueueSet(parent: Command, context: CliContext): void {
  const command = parent
    .command("set")
    .summary("change a queue's attributes")
    .description("Changes the attributes that are given; the others stay.")
    .argument("<name>", "the queue");
  addAttributeOptions(command).option("--remove-dead-letter", "have no dead-letter queue any more");
  addClusterOptions(command, [
    "kqueuey queue set orders --visibility-timeout 2m",
    "kqueuey queue set orders --remove-dead-letter",
  ]).action((name: string, options: Options) => setQueue(context, name, options));
}

async function setQueue(context: CliContext, name: string, options: Options): Promise<void> {
  const changes = changesOf(options);
  if (Object.keys(changes).length === 0) {
    throw new UsageError("nothing to change: give an attribute, such as --visibility-timeout 2m");
  }
  await withClient(context, options, (client) =>
    client.setQueueAttributes(name, changes, { signal: context.signal }),
  );
  const changed = Object.keys(changes);
  print(context, options, { json: { queue: name, changed }, text: `changed queue ${name}\n` });
}

function changesOf(options: Options): QueueAttributeChanges {
  const { deadLetter, ...others } = attributesOf(options);
  if (options.removeDeadLetter !== true) {
    return deadLetter === undefined ? others : { ...others, deadLetter };
  }
  if (deadLetter !== undefined) {
    throw new UsageError("--remove-dead-letter and --dead-letter-queue exclude each other");
  }
  return { ...others, deadLetter: null };
}
