/** `kqueuey release` */
import type { Command } from "commander";
import { addClusterOptions, type ClusterOptions, withClient } from "../cluster-command.ts";
import type { CliContext } from "../context.ts";
import { parseDuration } from "../values.ts";
import { printOutcomes } from "./receipts.ts";

interface Options extends ClusterOptions {
  readonly delay?: number;
}

export function addRelease(parent: Command, context: CliContext): void {
  const command = parent
    .command("release")
    .summary("give received messages back")
    .description("Gives received messages back before their deadlines, to be received again.")
    .argument("<queue>", "the queue")
    .argument("<receipts...>", "receipts")
    .option("--delay <time>", "when they can be received again: 0 to 15m from now", parseDuration);
  addClusterOptions(command, [
    "kqueuey release orders RECEIPT",
    "kqueuey release orders RECEIPT --delay 30s",
  ]).action(async (queue: string, receipts: readonly string[], options: Options) => {
    const { signal } = context;
    const outcomes = await withClient(context, options, (client) =>
      client.queue(queue).release(receipts, { delayMs: options.delay ?? 0, signal }),
    );
    printOutcomes(context, options, { receipts, outcomes, done: "released" });
  });
}
