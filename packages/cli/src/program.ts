/** The command line as a whole: its commands, and what each end of one means for the exit code. */
import { KQueueyError } from "@kqueuey/contract";
import { Command, CommanderError } from "commander";
import { exampleText, Finished, UsageError } from "./cluster-command.ts";
import { addAck } from "./commands/ack.ts";
import { addBench } from "./commands/bench.ts";
import { addClusterStatus } from "./commands/cluster-status.ts";
import { addExtend } from "./commands/extend.ts";
import { addPoll } from "./commands/poll.ts";
import { addQueueCreate } from "./commands/queue-create.ts";
import { addQueueDelete } from "./commands/queue-delete.ts";
import { addQueueList } from "./commands/queue-list.ts";
import { addQueuePurge } from "./commands/queue-purge.ts";
import { addQueueRedrive } from "./commands/queue-redrive.ts";
import { addQueueSet } from "./commands/queue-set.ts";
import { addQueueShow } from "./commands/queue-show.ts";
import { addRelease } from "./commands/release.ts";
import { addSend } from "./commands/send.ts";
import type { CliContext } from "./context.ts";
import { renderError } from "./errors.ts";
import { EXIT_CODE, EXIT_CODE_HELP, exitCodeOf } from "./exit-code.ts";
import { errorToJson, renderJson } from "./render/json.ts";
import { packageVersion } from "./version.ts";

/** Runs one command line (without `node` and the file's name); answers the exit code. Never throws. */
export async function runCli(args: readonly string[], context: CliContext): Promise<number> {
  try {
    const program = await buildProgram(args, context);
    await program.parseAsync(args.length === 0 ? ["--help"] : args, { from: "user" });
    return EXIT_CODE.done;
  } catch (error) {
    return reportEnd(args, context, error);
  }
}

function reportEnd(args: readonly string[], context: CliContext, error: unknown): number {
  if (error instanceof Finished) return error.exitCode;
  // Commander has printed its help or its complaint already.
  if (error instanceof CommanderError)
    return error.exitCode === 0 ? EXIT_CODE.done : EXIT_CODE.usage;
  if (error instanceof UsageError) {
    context.err(`kqueuey: ${error.message}\n`);
    return EXIT_CODE.usage;
  }
  const known = KQueueyError.from(error);
  if (known.code === "CANCELLED" && context.signal.aborted) return EXIT_CODE.interrupted;
  context.err(args.includes("--json") ? renderJson(errorToJson(known)) : renderError(known));
  return exitCodeOf(known.code);
}

/** Commands that need the whole server are loaded when they are called, so that the others start fast. */
const SERVER_COMMANDS = {
  serve: {
    summary: "run one node of a cluster",
    add: async (program: Command, context: CliContext) =>
      (await import("./commands/serve.ts")).addServe(program, context),
  },
  dev: {
    summary: "run a cluster of three nodes on this machine, to try things",
    add: async (program: Command, context: CliContext) =>
      (await import("./commands/dev.ts")).addDev(program, context),
  },
} as const;

async function buildProgram(args: readonly string[], context: CliContext): Promise<Command> {
  const program = new Command("kqueuey")
    .description("KQueuey: a replicated message queue with leases that survive failures.")
    .version(packageVersion(), "-V, --version", "print the version")
    .exitOverride()
    .configureOutput({ writeOut: context.out, writeErr: context.err })
    .showHelpAfterError("(see --help)")
    .showSuggestionAfterError()
    .addHelpText(
      "after",
      `${exampleText([
        "kqueuey dev",
        "kqueuey queue create orders",
        'kqueuey send orders "hello"',
        "kqueuey poll orders --ack",
      ])}\n\n${EXIT_CODE_HELP}`,
    );
  const called = args.filter((arg) => !arg.startsWith("-")).slice(0, 2);
  for (const [name, { summary, add }] of Object.entries(SERVER_COMMANDS)) {
    const isCalled = called[0] === name || (called[0] === "help" && called[1] === name);
    if (isCalled) await add(program, context);
    else program.command(name).summary(summary);
  }
  const queue = program
    .command("queue")
    .summary("create, list, show, set, delete, purge, redrive queues");
  for (const add of [
    addQueueCreate,
    addQueueList,
    addQueueShow,
    addQueueSet,
    addQueueDelete,
    addQueuePurge,
    addQueueRedrive,
  ]) {
    add(queue, context);
  }
  for (const add of [addSend, addPoll, addAck, addExtend, addRelease]) add(program, context);
  addClusterStatus(program.command("cluster").summary("show the cluster"), context);
  addBench(program, context);
  return program;
}
