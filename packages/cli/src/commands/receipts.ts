/** What `ack`, `extend` and `release` have in common: receipts in, an outcome for each out. */
import type { ReceiptOutcome } from "@kqueuey/client";
import { type ClusterOptions, Finished, print } from "../cluster-command.ts";
import type { CliContext } from "../context.ts";
import { EXIT_CODE } from "../exit-code.ts";
import { renderTable } from "../render/table.ts";

/** Characters of a receipt that tell it from others well enough. */
const RECEIPT_SHOWN_MAX = 24;

/** Prints what became of each receipt; ends with "refused" unless all had effect. */
export function printOutcomes(
  context: CliContext,
  options: ClusterOptions,
  result: {
    readonly receipts: readonly string[];
    readonly outcomes: readonly ReceiptOutcome[];
    /** "deleted", "extended", "released" */
    readonly done: string;
  },
): void {
  const { receipts, outcomes, done } = result;
  const json = outcomes.map((outcome, index) => ({
    receiptHandle: receipts[index],
    outcome: outcome.outcome,
    ...(outcome.outcome === "error"
      ? { code: outcome.error.code, message: outcome.error.message }
      : {}),
  }));
  const effective = outcomes.filter((outcome) => outcome.outcome === "effective").length;
  const text =
    effective === outcomes.length
      ? `${done} ${effective === 1 ? "1 message" : `${effective} messages`}\n`
      : renderTable(
          [{ title: "receipt" }, { title: "outcome" }],
          outcomes.map((outcome, index) => [
            shorten(receipts[index] ?? ""),
            describe(outcome, done),
          ]),
        );
  print(context, options, { json, text });
  if (effective < outcomes.length) throw new Finished(EXIT_CODE.refused);
}

function shorten(receipt: string): string {
  return receipt.length <= RECEIPT_SHOWN_MAX
    ? receipt
    : `${receipt.slice(0, RECEIPT_SHOWN_MAX - 1)}…`;
}

function describe(outcome: ReceiptOutcome, done: string): string {
  switch (outcome.outcome) {
    case "effective":
      return done;
    case "gone":
      return "gone: the message was deleted before";
    case "stale":
      return "stale: the lease is over, another may have the message";
    case "error":
      return `${outcome.error.code}: ${outcome.error.message}`;
  }
}
