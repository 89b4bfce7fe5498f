/** `kqueuey poll` */
import type { Client, Message } from "@kqueuey/client";
import { KQueueyError } from "@kqueuey/contract";
import type { Command } from "commander";
import {
  addClusterOptions,
  type ClusterOptions,
  Finished,
  withClient,
} from "../cluster-command.ts";
import type { CliContext } from "../context.ts";
import { EXIT_CODE } from "../exit-code.ts";
import { bodyText, messageToJson, renderJsonLine } from "../render/json.ts";
import { renderPairs, visible } from "../render/table.ts";
import { countParser, parseDuration } from "../values.ts";

interface Options extends ClusterOptions {
  readonly max: number;
  readonly wait?: number;
  readonly visibilityTimeout?: number;
  readonly ack?: boolean;
  readonly follow?: boolean;
}

/** How long one poll of `--follow` waits unless `--wait` says otherwise: the longest possible. */
const FOLLOW_WAIT_MS = 20_000;

export function addPoll(parent: Command, context: CliContext): void {
  const command = parent
    .command("poll")
    .summary("receive messages")
    .description(
      "Receives messages and prints them with their receipts. They stay leased until their " +
        "visibility timeout; --ack deletes them once they are printed. " +
        "With --json each message is one object on one line.",
    )
    .argument("<queue>", "the queue")
    .option("-m, --max <count>", "messages at most: 1 to 1000", countParser(1, 1_000), 1)
    .option("-w, --wait <time>", "how long to wait for a first one: 0 to 20s", parseDuration)
    .option(
      "--visibility-timeout <time>",
      "how long they are leased; the queue's by default",
      parseDuration,
    )
    .option("--ack", "delete the messages once they are printed")
    .option("--follow", "go on until Ctrl-C");
  addClusterOptions(command, [
    "kqueuey poll orders",
    "kqueuey poll orders --max 10 --wait 20s --ack",
    "kqueuey poll orders --follow --ack --json | jq -r .body",
  ]).action((queue: string, options: Options) => poll(context, queue, options));
}

async function poll(context: CliContext, queue: string, options: Options): Promise<void> {
  await withClient(context, options, async (client) => {
    const follow = options.follow === true;
    do {
      const messages = await receive(context, client, { queue, options });
      for (const message of messages) printMessage(context, options, message);
      if (options.ack === true) await acknowledge(context, client, { queue, messages });
      if (messages.length === 0 && !follow && options.json !== true) context.err("no messages\n");
    } while (follow && !context.signal.aborted);
  });
}

async function receive(
  context: CliContext,
  client: Client,
  call: { readonly queue: string; readonly options: Options },
): Promise<readonly Message[]> {
  const { max, wait, visibilityTimeout, follow } = call.options;
  const waitMs = wait ?? (follow === true ? FOLLOW_WAIT_MS : undefined);
  const { signal } = context;
  try {
    return await client
      .queue(call.queue)
      .receive({ maxMessages: max, waitMs, visibilityTimeoutMs: visibilityTimeout, signal });
  } catch (error) {
    // Ctrl-C is how --follow ends.
    if (follow === true && signal.aborted && KQueueyError.is(error)) return [];
    throw error;
  }
}

function printMessage(context: CliContext, options: Options, message: Message): void {
  if (options.json === true) {
    context.out(renderJsonLine(messageToJson(message)));
    return;
  }
  const times = message.receiveCount === 1 ? "1 time" : `${message.receiveCount} times`;
  const seconds = (message.remainingMs() / 1_000).toFixed(1);
  const attributes = Object.entries(message.attributes).map(
    ([name, value]): readonly [string, string] => [
      `  ${name}`,
      typeof value === "string" ? value : Buffer.from(value).toString("base64"),
    ],
  );
  const text = bodyText(message.body);
  const body = text ?? `${Buffer.from(message.body).toString("base64")} (base64)`;
  const head = `message ${message.id}, received ${times}, ${seconds} s left\n`;
  context.out(
    `${head}${renderPairs([...groupOf(message), ...attributes, ["  receipt", message.receiptHandle]])}  ${visible(body)}\n\n`,
  );
}

function groupOf(message: Message): readonly (readonly [string, string])[] {
  const { groupId, sequenceNumber, deduplicationId } = message;
  const shown = [
    ["  group", groupId],
    ["  sequence number", sequenceNumber],
    ["  deduplication id", deduplicationId],
  ] as const;
  return shown.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]));
}

async function acknowledge(
  context: CliContext,
  client: Client,
  call: { readonly queue: string; readonly messages: readonly Message[] },
): Promise<void> {
  const { messages } = call;
  if (messages.length === 0) return;
  const outcomes = await client.queue(call.queue).tombstone(messages);
  const lost = outcomes.filter((outcome) => outcome.outcome !== "effective").length;
  if (lost === 0) return;
  context.err(`kqueuey: ${lost} messages were not deleted: their leases were over\n`);
  throw new Finished(EXIT_CODE.refused);
}
