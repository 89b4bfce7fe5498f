/** What every command that talks to a cluster has in common: its options, its client, its errors. */
import type { Client } from "@kqueuey/client";
import type { Command } from "commander";
import { InvalidArgumentError, Option } from "commander";
import type { CliContext } from "./context.ts";
import { renderJson } from "./render/json.ts";
import { DEFAULT_ENDPOINTS, parseDuration, parseEndpoints } from "./values.ts";

/** The options of every such command. */
export interface ClusterOptions {
  readonly endpoint: readonly string[] | undefined;
  readonly json: boolean | undefined;
  readonly timeout: number | undefined;
}

/** Adds `--endpoint`, `--timeout` and `--json`, and examples below the help. */
export function addClusterOptions(command: Command, examples: readonly string[]): Command {
  return command
    .addOption(
      new Option(
        "-e, --endpoint <addresses>",
        `client addresses of the cluster, with commas between (KQUEUEY_ENDPOINT; ${DEFAULT_ENDPOINTS} by default)`,
      ).argParser(parseEndpoints),
    )
    .option("--timeout <time>", "how long the call may take, retries included", parseDuration)
    .option("--json", "print JSON")
    .addHelpText("after", exampleText(examples));
}

/** Examples as they stand below a command's help. */
export function exampleText(examples: readonly string[]): string {
  return `\nExamples:\n${examples.map((example) => `  $ ${example}`).join("\n")}`;
}

/** Where the call goes: the flag, the variable, the cluster of `kqueuey dev`. */
export function endpointsOf(context: CliContext, options: ClusterOptions): readonly string[] {
  if (options.endpoint !== undefined) return options.endpoint;
  const variable = context.env["KQUEUEY_ENDPOINT"];
  if (variable === undefined || variable === "") return parseEndpoints(DEFAULT_ENDPOINTS);
  try {
    return parseEndpoints(variable);
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    throw new UsageError(`KQUEUEY_ENDPOINT is wrong: ${error.message}`);
  }
}

/** The command line, or what it names, is wrong in a way that only the command could see. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** Thrown by a command that has said all there is to say, to end with this exit code. */
export class Finished extends Error {
  override readonly name = "Finished";
  readonly exitCode: number;

  constructor(exitCode: number) {
    super(`exit code ${exitCode}`);
    this.exitCode = exitCode;
  }
}

/** Runs `run` with a client and closes it, whatever happens. */
export async function withClient<T>(
  context: CliContext,
  options: ClusterOptions,
  run: (client: Client) => Promise<T>,
): Promise<T> {
  const client = context.connect(endpointsOf(context, options), { timeoutMs: options.timeout });
  try {
    return await run(client);
  } finally {
    await client.close();
  }
}

/** Prints a result: JSON if asked for, else the text. */
export function print(
  context: CliContext,
  options: { readonly json: boolean | undefined },
  result: { readonly json: unknown; readonly text: string },
): void {
  context.out(options.json === true ? renderJson(result.json) : result.text);
}
