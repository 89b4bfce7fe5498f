/** What the benchmark tells a load process, and what it hears back. */

export interface Assignment {
  readonly kind: "throughput" | "latency" | "fill";
  readonly endpoints: readonly string[];
  readonly queue: string;
  readonly bodyBytes: number;
  /** Messages in a send, and at most in a receive. */
  readonly batch: number;
  readonly warmUpSeconds: number;
  readonly seconds: number;
  /** Throughput: how far senders may be ahead of tombstones, in messages. */
  readonly window: number;
  /** Latency: sends a second. */
  readonly rate: number;
  /** Fill: how many messages. */
  readonly messages: number;
}

export type Measured =
  | { readonly kind: "throughput"; readonly messages: number; readonly tookMs: number }
  | {
      readonly kind: "latency";
      readonly messages: number;
      readonly p50Ms: number;
      readonly p99Ms: number;
      readonly p999Ms: number;
      readonly maxMs: number;
    }
  | { readonly kind: "fill"; readonly messages: number; readonly tookMs: number };

/** The parent's message, which was structured-cloned from an Assignment. */
export function toAssignment(value: unknown): Assignment {
  if (!isAssignment(value)) throw new Error("the first message was no assignment");
  return value;
}

function isAssignment(value: unknown): value is Assignment {
  return typeof value === "object" && value !== null && "kind" in value && "endpoints" in value;
}
