/**
 * What every judge of a simulated run has in common. A checker is told what happens, holds its own view
 * of what may happen, and says which promise was broken. It never touches what it observes, and knows
 * nothing of the faults that were injected.
 */
import type { NodeId } from "@kqueuey/base";
import type { QueueMachine } from "@kqueuey/queue";
import type { Entry, RaftStatus, SoftState } from "@kqueuey/raft";
import type { History } from "../history/history.ts";

/** A promise that did not hold, in words. */
export interface Violation {
  /** The checker's name: its file's. */
  readonly checker: string;
  readonly promise: string;
  readonly what: string;
}

/** What of a replica is looked at. */
export interface ObservedReplica {
  readonly machine: QueueMachine;
  readonly role: SoftState;
  readonly raft: { status(): RaftStatus };
}

/** A node as an observer sees it after each of its steps. */
export interface NodeView {
  readonly id: NodeId;
  /** Counts the processes that ran on the node: 1 for the first. */
  readonly process: number;
  readonly replica: ObservedReplica;
}

/** The cluster at the end of a run: healed, drained, or given up after a bounded time. */
export interface RunEnd {
  readonly drained: boolean;
  readonly nodes: readonly NodeView[];
  readonly history: History;
}

/** One judge of one promise. All hooks are optional; `violations` is read when the run is over. */
export interface Checker {
  readonly name: string;
  readonly promise: string;
  /** A process began on the node; nothing of an earlier one is in its memory. */
  started?(id: NodeId): void;
  /** The node's engine made a step at true virtual time `nowMs`. */
  stepped?(node: NodeView, nowMs: number): void;
  /** The node applied an entry; `machine` is its state right after. Called in the middle of a step. */
  applied?(node: { readonly id: NodeId }, entry: Entry, machine: QueueMachine): void;
  /** The run is over. */
  ended?(end: RunEnd): void;
  /** What was found broken so far: one list from beginning to end, which grows. */
  readonly violations: readonly Violation[];
}
