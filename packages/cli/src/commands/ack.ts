/** `kqueuey ack` */
import type { Command } from "commander";
import { addClusterOptions, type ClusterOptions, withClient } from "../cluster-command.ts";
import type { CliContext } from "../context.ts";
import { printOutcomes } from "./receipts.ts";

export function addAck(parent: Command, context: CliContext): void {
  const command = parent
    .command("ack")
    .summary("delete received messages: their work is done")
    .description("Deletes received messages for good, by the receipts that `poll` printed.")
    .argument("<queue>", "the queue")
    .argument("<receipts...>", "receipts");
  addClusterOptions(command, [
    "kqueuey ack orders RECEIPT",
    "kqueuey poll orders --max 10 --json | jq -r .receiptHandle | xargs kqueuey ack orders",
  ]).action(async (queue: string, receipts: readonly string[], options: ClusterOptions) => {
    const { signal } = context;
    const outcomes = await withClient(context, options, (client) =>
      client.queue(queue).tombstone(receipts, { signal }),
    );
    printOutcomes(context, options, { receipts, outcomes, done: "deleted" });
  });
}
