/**
 * Cluster time never runs ahead: whatever leaders come and go, whoever stood still and whatever the wall
 * clocks say, between two entries no more of it passes than true time, but for the drift of a clock. Else
 * leases would end early and their holders would not know.
 */
import type { NodeId } from "@kqueuey/base";
import { readEntryHeader } from "@kqueuey/queue";
import type { Entry } from "@kqueuey/raft";
import type { Checker, NodeView, Violation } from "./checker.ts";
import { Verdicts } from "./verdicts.ts";

/** Rates of two machines' clocks differ by at most this. */
const DRIFT = 0.001;
/** An entry is seen when it is applied, which is a while after it was stamped: by how much that may vary. */
const TOLERANCE_MS = 250;

export class ClusterTime implements Checker {
  readonly name = "cluster-time";
  readonly promise = "a lease ends early by at most the drift between two clocks";
  readonly #verdicts = new Verdicts(this.name, this.promise);
  #nowMs = 0;
  #index = 0;
  /** The largest `cluster time - true time` so far, and when that was. */
  #offset: { readonly ms: number; readonly atMs: number } | undefined;

  get violations(): readonly Violation[] {
    return this.#verdicts.list;
  }

  stepped(_node: NodeView, nowMs: number): void {
    this.#nowMs = nowMs;
  }

  applied(node: { readonly id: NodeId }, entry: Entry): void {
    if (entry.index <= this.#index) return;
    this.#index = entry.index;
    const header = entry.kind === "commands" ? readEntryHeader(entry.data) : undefined;
    if (header === undefined) return;
    const ms = header.clusterTimeMs - this.#nowMs;
    const known = this.#offset;
    if (known !== undefined) {
      const aheadMs = ms - known.ms - (this.#nowMs - known.atMs) * DRIFT;
      if (aheadMs > TOLERANCE_MS) {
        this.#verdicts.broken(
          `entry ${entry.index}, applied at node ${node.id}, is ${Math.round(aheadMs)} ms ahead of time`,
        );
      }
    }
    if (known === undefined || ms > known.ms) this.#offset = { ms, atMs: this.#nowMs };
  }
}
