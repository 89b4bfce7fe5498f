/** `kqueuey queue create` */
import type { Command } from "commander";
import { addClusterOptions, type ClusterOptions, print, withClient } from "../cluster-command.ts";
import type { CliContext } from "../context.ts";
import { collectPair } from "../values.ts";
import { type AttributeOptions, addAttributeOptions, attributesOf } from "./queue-attributes.ts";

interface Options extends ClusterOptions, AttributeOptions {
  readonly tag?: Readonly<Record<string, string>>;
}

export function addQueueCreate(parent: Command, context: CliContext): void {
  const command = parent
    .command("create")
    .summary("create a queue")
    .description("Creates a queue. One that exists with the same attributes is left as it is.")
    .argument("<name>", "1 to 80 letters, digits, hyphens and underscores");
  addAttributeOptions(command).option("--tag <name=value>", "a tag; may be repeated", collectPair);
  addClusterOptions(command, [
    "kqueuey queue create orders",
    "kqueuey queue create orders --visibility-timeout 5m --retention 14d",
    "kqueuey queue create orders --dead-letter-queue orders-failed --maximum-receives 5",
  ]).action((name: string, options: Options) => createQueue(context, name, options));
}

async function createQueue(context: CliContext, name: string, options: Options): Promise<void> {
  const attributes = attributesOf(options);
  const { created } = await withClient(context, options, (client) =>
    client.createQueue(name, { attributes, tags: options.tag ?? {}, signal: context.signal }),
  );
  print(context, options, {
    json: { queue: name, created },
    text: created ? `created queue ${name}\n` : `queue ${name} was there already\n`,
  });
}
