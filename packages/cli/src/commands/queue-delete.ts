/** `kqueuey queue delete` */
import type { Command } from "commander";
import { addClusterOptions, type ClusterOptions, print, withClient } from "../cluster-command.ts";
import type { CliContext } from "../context.ts";

export function addQueueDelete(parent: Command, context: CliContext): void {
  const command = parent
    .command("delete")
    .summary("delete a queue and its messages")
    .description("Deletes a queue with all its messages, at once and for good.")
    .argument("<name>", "the queue");
  addClusterOptions(command, ["kqueuey queue delete orders"]).action(
    async (name: string, options: ClusterOptions) => {
      await withClient(context, options, (client) =>
        client.deleteQueue(name, { signal: context.signal }),
      );
      print(context, options, { json: { queue: name }, text: `deleted queue ${name}\n` });
    },
  );
}
