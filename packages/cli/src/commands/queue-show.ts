/** `kqueuey queue show` */
import type { QueueDescription } from "@kqueuey/client";
import type { Command } from "commander";
import { addClusterOptions, type ClusterOptions, print, withClient } from "../cluster-command.ts";
import type { CliContext } from "../context.ts";
import { formatCount, formatTime, renderPairs } from "../render/table.ts";
import { attributePairs, descriptionToJson } from "./queue-attributes.ts";

export function addQueueShow(parent: Command, context: CliContext): void {
  const command = parent
    .command("show")
    .summary("show a queue's attributes and depth")
    .description("Shows a queue: how many messages it has, its attributes and tags.")
    .argument("<name>", "the queue");
  addClusterOptions(command, [
    "kqueuey queue show orders",
    "kqueuey queue show orders --json",
  ]).action((name: string, options: ClusterOptions) => showQueue(context, name, options));
}

async function showQueue(
  context: CliContext,
  name: string,
  options: ClusterOptions,
): Promise<void> {
  const description = await withClient(context, options, (client) =>
    client.describeQueue(name, { signal: context.signal }),
  );
  print(context, options, {
    json: descriptionToJson(description),
    text: renderDescription(description),
  });
}

function renderDescription(description: QueueDescription): string {
  const tags = Object.entries(description.tags).map(([name, value]) => `${name}=${value}`);
  return renderPairs([
    ["queue", description.name],
    ["available", formatCount(description.available)],
    ["in flight", formatCount(description.inFlight)],
    ["delayed", formatCount(description.delayed)],
    ...noisyPairs(description),
    ...attributePairs(description.attributes),
    ["tags", tags.length === 0 ? "none" : tags.join(", ")],
    ["created", formatTime(description.createdAtMs)],
    ["changed", formatTime(description.modifiedAtMs)],
  ]);
}

function noisyPairs(description: QueueDescription): readonly (readonly [string, string])[] {
  if (description.noisyGroups === 0) return [];
  return [
    ["noisy groups", formatCount(description.noisyGroups)],
    ["available of others", formatCount(description.availableQuiet)],
  ];
}
