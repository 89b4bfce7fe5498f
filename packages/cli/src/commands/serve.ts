/** `kqueuey serve`: one node of a cluster, until it is told to stop. */
import { readFileSync } from "node:fs";
import {
  CONFIG_FIELDS,
  type ConfigField,
  createLogger,
  loadConfig,
  paceCollector,
  printConfig,
  startServer,
} from "@kqueuey/server";
import { type Command, Option } from "commander";
import { exampleText, Finished } from "../cluster-command.ts";
import type { CliContext } from "../context.ts";
import { EXIT_CODE } from "../exit-code.ts";

export function addServe(parent: Command, context: CliContext): void {
  const command = parent
    .command("serve")
    .summary("run one node of a cluster")
    .description(
      "Runs one node until SIGTERM or Ctrl-C. Every option can be a flag, a variable (KQUEUEY_NODE_ID) " +
        "or a key of a YAML file (nodeId); a flag wins over a variable, a variable over the file.",
    )
    .addOption(
      new Option("-c, --config <path>", "a YAML file with any of the keys (KQUEUEY_CONFIG)"),
    )
    .option("--print-config", "print the configuration in force as YAML, and end");
  for (const field of CONFIG_FIELDS) command.addOption(optionOf(field));
  command
    .addHelpText(
      "after",
      exampleText([
        "kqueuey serve --storage-directory /var/lib/kqueuey",
        "kqueuey serve --cluster-id prod --node-id 1 --client-listen 10.0.0.1:9324 --peer-listen 10.0.0.1:9325 \\\n" +
          "      --peers 1@10.0.0.1:9325,2@10.0.0.2:9325,3@10.0.0.3:9325",
        "kqueuey serve --config /etc/kqueuey.yaml --print-config",
      ]),
    )
    .action((flags: Readonly<Record<string, unknown>>) => serve(context, flags));
}

function optionOf(field: ConfigField): Option {
  const fallback = field.fallback === undefined ? "" : `; ${field.fallback} by default`;
  const flags = field.argument === undefined ? field.flag : `${field.flag} ${field.argument}`;
  return new Option(flags, `${field.doc} (${field.variable}${fallback})`);
}

async function serve(
  context: CliContext,
  options: Readonly<Record<string, unknown>>,
): Promise<void> {
  const { printConfig: printAndEnd, ...flags } = options;
  const loaded = loadConfig({
    flags,
    env: context.env,
    readFile: (path) => readFileSync(path, "utf8"),
  });
  if (printAndEnd === true) {
    context.out(printConfig(loaded));
    return;
  }
  const { config } = loaded;
  const logger = createLogger({
    level: config.logLevel,
    format: config.logFormat,
    fields: { node: config.nodeId },
  });
  paceCollector();
  try {
    const server = await startServer({ config, logger });
    const told = whenAborted(context.signal);
    const reason = await Promise.race([server.ended, told]);
    if (context.signal.aborted) {
      logger.info("node.stopping", { reason });
      await server.stop();
    } else if (reason !== undefined) {
      context.err(`kqueuey: the node had to stop: ${reason}\n`);
      throw new Finished(EXIT_CODE.fault);
    }
  } finally {
    logger.flush();
  }
}

/** The reason, once the signal is aborted. */
export function whenAborted(signal: AbortSignal): Promise<string> {
  return new Promise((resolve) => {
    const onAbort = (): void => resolve(String(signal.reason));
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
}
