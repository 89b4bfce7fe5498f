/** `kqueuey extend` */
import type { Command } from "commander";
import { addClusterOptions, type ClusterOptions, withClient } from "../cluster-command.ts";
import type { CliContext } from "../context.ts";
import { parseDuration } from "../values.ts";
import { printOutcomes } from "./receipts.ts";

interface Options extends ClusterOptions {
  readonly for: number;
}

export function addExtend(parent: Command, context: CliContext): void {
  const command = parent
    .command("extend")
    .summary("keep received messages for longer")
    .description("Moves the deadlines of received messages: their leases last this long from now.")
    .argument("<queue>", "the queue")
    .argument("<receipts...>", "receipts")
    .requiredOption("--for <time>", "how long from now: 0 to 12h", parseDuration);
  addClusterOptions(command, ["kqueuey extend orders RECEIPT --for 10m"]).action(
    async (queue: string, receipts: readonly string[], options: Options) => {
      const { signal } = context;
      const outcomes = await withClient(context, options, (client) =>
        client.queue(queue).extend(receipts, options.for, { signal }),
      );
      printOutcomes(context, options, { receipts, outcomes, done: "extended" });
    },
  );
}
