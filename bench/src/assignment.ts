/** What the benchmark tells a load process, and what it hears back. Both go between processes as JSON. */
import type { Credentials } from "./sqs/signer.ts";
import type { Reach, Tuning } from "./systems/system.ts";

export type Work =
  /** W1: send, receive and acknowledge at once. `waiting` messages stay in the queue meanwhile. */
  | { readonly kind: "throughput"; readonly seconds: number; readonly window: number }
  /** W1b: fill, then drain. */
  | { readonly kind: "fill-drain"; readonly messages: number }
  /** Fill and leave. */
  | { readonly kind: "fill"; readonly messages: number }
  /** W2: single messages at a fixed rate, whatever the answers do. */
  | { readonly kind: "latency"; readonly seconds: number; readonly rate: number }
  /** W3: callers with one message a call. */
  | { readonly kind: "callers"; readonly seconds: number; readonly callers: number }
  /** W4: a fixed rate; the leader is killed in the middle. */
  | { readonly kind: "failover"; readonly seconds: number; readonly rate: number }
  /** W6: throughput over many queues. */
  | { readonly kind: "queues"; readonly seconds: number; readonly queues: number }
  | SqsWork;

/** W7: the SQS API, action by action. */
export interface SqsWork {
  readonly kind: "sqs";
  readonly callers: number;
  /** Of each action. */
  readonly calls: number;
  readonly generator: "raw" | "sdk";
  /** There when signatures are checked. */
  readonly credentials?: Credentials;
}

export interface Assignment {
  readonly reach: Reach;
  readonly queue: string;
  readonly bodyBytes: number;
  readonly tuning: Tuning;
  readonly warmUpSeconds: number;
  readonly work: Work;
}

/** Figures by name; rates a second, times in ms. */
export type Figures = Readonly<Record<string, number>>;

export interface Phase {
  readonly name: string;
  readonly calls: number;
}

export type Report =
  /** The measured part begins: counters of the servers are read now. */
  | { readonly kind: "begin" }
  /** `phase`: what it was a part of, when a load has several; its cost is told by call. */
  | { readonly kind: "end"; readonly phase?: Phase }
  /** W4: the load is steady; the leader may be killed. */
  | { readonly kind: "steady" }
  | { readonly kind: "done"; readonly figures: Figures };
