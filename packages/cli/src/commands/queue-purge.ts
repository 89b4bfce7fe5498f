/** `kqueuey queue purge` */
import type { Command } from "commander";
import { addClusterOptions, type ClusterOptions, print, withClient } from "../cluster-command.ts";
import type { CliContext } from "../context.ts";

export function addQueuePurge(parent: Command, context: CliContext): void {
  const command = parent
    .command("purge")
    .summary("delete a queue's messages")
    .description("Deletes every message that is in the queue now, leased ones included.")
    .argument("<name>", "the queue");
  addClusterOptions(command, ["kqueuey queue purge orders"]).action(
    async (name: string, options: ClusterOptions) => {
      await withClient(context, options, (client) =>
        client.purgeQueue(name, { signal: context.signal }),
      );
      print(context, options, { json: { queue: name }, text: `purged queue ${name}\n` });
    },
  );
}
