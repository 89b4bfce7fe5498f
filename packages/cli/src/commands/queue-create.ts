/** `kqueuey queue create` */
import type { FifoAttributes } from "@kqueuey/client";
import type { Command } from "commander";
import {
  addClusterOptions,
  type ClusterOptions,
  print,
  UsageError,
  withClient,
} from "../cluster-command.ts";
import type { CliContext } from "../context.ts";
import { collectPair } from "../values.ts";
import { type AttributeOptions, addAttributeOptions, attributesOf } from "./queue-attributes.ts";

interface Options extends ClusterOptions, AttributeOptions {
  readonly tag?: Readonly<Record<string, string>>;
  readonly fifo?: boolean;
  readonly deduplicationScope?: FifoAttributes["deduplicationScope"];
  readonly contentBasedDeduplication?: boolean;
}

export function addQueueCreate(parent: Command, context: CliContext): void {
  const command = parent
    .command("create")
    .summary("create a queue")
    .description("Creates a queue. One that exists with the same attributes is left as it is.")
    .argument(
      "<name>",
      "1 to 80 letters, digits, hyphens and underscores; a FIFO queue's ends with .fifo",
    )
    .option("--fifo", "messages of one group come in order, and repeated ones are dropped")
    .option("--deduplication-scope <scope>", "queue or messageGroup; needs --fifo", parseScope)
    .option("--content-based-deduplication", "drop messages with equal bodies; needs --fifo");
  addAttributeOptions(command).option("--tag <name=value>", "a tag; may be repeated", collectPair);
  addClusterOptions(command, [
    "kqueuey queue create orders",
    "kqueuey queue create orders --visibility-timeout 5m --retention 14d",
    "kqueuey queue create orders.fifo --fifo --content-based-deduplication",
    "kqueuey queue create orders --dead-letter-queue orders-failed --maximum-receives 5",
  ]).action((name: string, options: Options) => createQueue(context, name, options));
}

async function createQueue(context: CliContext, name: string, options: Options): Promise<void> {
  const attributes = { ...attributesOf(options), ...fifoOf(options) };
  const { created } = await withClient(context, options, (client) =>
    client.createQueue(name, { attributes, tags: options.tag ?? {}, signal: context.signal }),
  );
  print(context, options, {
    json: { queue: name, created },
    text: created ? `created queue ${name}\n` : `queue ${name} was there already\n`,
  });
}

function parseScope(text: string): FifoAttributes["deduplicationScope"] {
  if (text === "queue" || text === "messageGroup") return text;
  throw new UsageError("--deduplication-scope must be queue or messageGroup");
}

function fifoOf(options: Options): { readonly fifo?: FifoAttributes } {
  const { fifo, deduplicationScope, contentBasedDeduplication } = options;
  if (fifo !== true) {
    if (deduplicationScope === undefined && contentBasedDeduplication !== true) return {};
    throw new UsageError("deduplication is for FIFO queues: give --fifo, too");
  }
  return {
    fifo: {
      deduplicationScope: deduplicationScope ?? "queue",
      contentBasedDeduplication: contentBasedDeduplication === true,
    },
  };
}
