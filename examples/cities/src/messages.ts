/** What the processes of the demo tell one another, and the clock that they share. */
import type { SentBatch, WorkedBatch } from "./ledger.ts";

/** From the orchestrator to a process, as its first message. */
export interface Assignment {
  readonly endpoints: readonly string[];
  readonly queue: string;
  /** How many records there are. */
  readonly records: number;
}

/** From a process to the orchestrator. */
export type Report = SentBatch | WorkedBatch | { readonly kind: "done" };

/** The body of a message, as JSON. */
export interface Body {
  readonly record: number;
  readonly name: string;
  readonly country: string;
  readonly population: number;
}

/** Ms of the host's monotonic clock: the same in every process of this machine. */
export function nowMs(): number {
  return Number(process.hrtime.bigint() / 1_000n) / 1_000;
}

/** The first message of the parent. */
export function assignment(): Promise<Assignment> {
  return new Promise((resolve) => {
    process.once("message", (value) => resolve(toAssignment(value)));
  });
}

/** Tells the orchestrator. Resolves when the channel has taken it, so that nobody runs far ahead. */
export function report(value: Report): Promise<void> {
  return new Promise((resolve, reject) => {
    if (process.send === undefined) throw new Error("run the demo with npm run demo");
    process.send(value, undefined, {}, (error) => (error === null ? resolve() : reject(error)));
  });
}

function toAssignment(value: unknown): Assignment {
  if (
    typeof value === "object" &&
    value !== null &&
    "endpoints" in value &&
    Array.isArray(value.endpoints) &&
    "queue" in value &&
    "records" in value
  ) {
    return {
      endpoints: value.endpoints.map(String),
      queue: String(value.queue),
      records: Number(value.records),
    };
  }
  throw new Error("the first message was no assignment");
}
