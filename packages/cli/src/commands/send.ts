/** `kqueuey send` */
import type { Client, NewMessage } from "@kqueuey/client";
import type { Command } from "commander";
import {
  addClusterOptions,
  type ClusterOptions,
  Finished,
  print,
  UsageError,
  withClient,
} from "../cluster-command.ts";
import type { CliContext } from "../context.ts";
import { EXIT_CODE } from "../exit-code.ts";
import { formatCount } from "../render/table.ts";
import { collectPair, parseDuration } from "../values.ts";

interface Options extends ClusterOptions {
  readonly file?: string;
  readonly delay?: number;
  readonly attribute?: Readonly<Record<string, string>>;
  readonly group?: string;
  readonly dedupId?: string;
}

/** Failures that are shown one by one. */
const FAILURES_SHOWN_MAX = 10;

export function addSend(parent: Command, context: CliContext): void {
  const command = parent
    .command("send")
    .summary("send a message, a file, or one message per line of standard input")
    .description(
      "Sends a message to a queue: the argument, a file's bytes, or each line of standard input " +
        "(empty lines are passed over). It is on the disks of a majority when the command returns.",
    )
    .argument("<queue>", "the queue")
    .argument("[message]", "the message's body")
    .option("-f, --file <path>", "send the bytes of a file as one message")
    .option("--delay <time>", "how long until it can be received: 0 to 15m", parseDuration)
    .option("--attribute <name=value>", "a message attribute; may be repeated", collectPair)
    .option("--group <id>", "the message group; FIFO queues need it")
    .option("--dedup-id <id>", "FIFO queues: the deduplication id");
  addClusterOptions(command, [
    'kqueuey send orders "hello"',
    'kqueuey send orders.fifo "hello" --group customer-7 --dedup-id order-12',
    "kqueuey send orders --file order.json --attribute type=order",
    "seq 100000 | kqueuey send orders",
  ]).action((queue: string, message: string | undefined, options: Options) =>
    send(context, { queue, message, options }),
  );
}

async function send(
  context: CliContext,
  call: {
    readonly queue: string;
    readonly message: string | undefined;
    readonly options: Options;
  },
): Promise<void> {
  const { queue, message, options } = call;
  if (message !== undefined && options.file !== undefined) {
    throw new UsageError("a message and --file are both given; give one of them");
  }
  if (message === undefined && options.file === undefined) {
    const { lines } = context;
    if (lines === undefined) {
      throw new UsageError("nothing to send: give a message, --file, or lines on standard input");
    }
    await withClient(context, options, (client) =>
      sendLines(context, client, { queue, options, lines: lines() }),
    );
    return;
  }
  const body = message ?? readBody(context, options.file ?? "");
  const sent = await withClient(context, options, (client) =>
    client.queue(queue).send(withOptions(body, options), { signal: context.signal }),
  );
  print(context, options, { json: sent, text: `sent ${sent.messageId}\n` });
}

function readBody(context: CliContext, path: string): Uint8Array {
  try {
    return context.readFile(path);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw new UsageError(`--file ${path} can't be read: ${text}`);
  }
}

function withOptions(body: string | Uint8Array, options: Options): NewMessage {
  const { delay, attribute, group, dedupId } = options;
  return {
    body,
    ...(delay === undefined ? {} : { delayMs: delay }),
    ...(attribute === undefined ? {} : { attributes: attribute }),
    ...(group === undefined ? {} : { groupId: group }),
    ...(dedupId === undefined ? {} : { deduplicationId: dedupId }),
  };
}

async function sendLines(
  context: CliContext,
  client: Client,
  call: {
    readonly queue: string;
    readonly options: Options;
    readonly lines: AsyncIterable<string>;
  },
): Promise<void> {
  const { options } = call;
  async function* messages(): AsyncGenerator<NewMessage> {
    for await (const line of call.lines) if (line !== "") yield withOptions(line, options);
  }
  const { sent, failures } = await client
    .queue(call.queue)
    .sendBatch(messages(), { failures: "return", signal: context.signal });
  const json = {
    sent,
    failed: failures.length,
    failures: failures.map(({ index, error }) => ({
      index,
      code: error.code,
      message: error.message,
    })),
  };
  print(context, options, { json, text: `sent ${formatCount(sent)} messages\n` });
  if (failures.length === 0) return;
  for (const { index, error } of failures.slice(0, FAILURES_SHOWN_MAX)) {
    context.err(`kqueuey: message ${index + 1}: ${error.code}: ${error.message}\n`);
  }
  context.err(`kqueuey: ${formatCount(failures.length)} messages were not sent\n`);
  throw new Finished(EXIT_CODE.refused);
}
