/** `kqueuey dev` */
import { resolve } from "node:path";
import { type Command, Option } from "commander";
import { exampleText } from "../cluster-command.ts";
import type { CliContext } from "../context.ts";
import { runDev } from "../dev/launcher.ts";
import { type DevOptions, planDev } from "../dev/plan.ts";
import { countParser } from "../values.ts";

interface Options extends DevOptions {
  readonly fresh?: boolean;
}

const PORT_MIN = 1;
const PORT_MAX = 65_000;

export function addDev(parent: Command, context: CliContext): void {
  const port = countParser(PORT_MIN, PORT_MAX);
  parent
    .command("dev")
    .summary("run a cluster of three nodes on this machine, to try things")
    .description(
      "Runs a cluster on this machine: one process a node, data and logs under --data-dir, what runs " +
        "in its dev.json. Ctrl-C stops all nodes; the next `kqueuey dev` finds the data again.",
    )
    .option("--fresh", "begin empty: delete the nodes' data first")
    .option("--data-dir <path>", "where data, logs and dev.json go", ".kqueuey")
    .option("--client-port-base <port>", "client port of node 1; the next has 10 more", port, 9_324)
    .option("--peer-port-base <port>", "peer port of node 1; the next has 10 more", port, 9_325)
    .option("--nodes <count>", "how many nodes: 1 to 9", countParser(1, 9), 3)
    .addOption(
      new Option("--log-level <level>", "how much the nodes' logs say")
        .choices(["error", "warn", "info", "debug"])
        .default("info"),
    )
    .addHelpText(
      "after",
      exampleText([
        "kqueuey dev",
        "kqueuey dev --fresh",
        "kqueuey dev --client-port-base 19324 --peer-port-base 19325 --data-dir /tmp/other",
      ]),
    )
    .action((options: Options) => {
      const plan = planDev(options, resolve(options.dataDir));
      const { dataDir, fresh } = options;
      return runDev(context, plan, { fresh: fresh === true, dataDir });
    });
}
