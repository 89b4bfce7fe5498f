/** What each node last said of itself: for people and for load balancers, never for decisions. */
import type { LogIndex, MonotonicMs, NodeId, Term } from "@kqueuey/base";
import { logIndex, term } from "@kqueuey/base";
import type { NodeRole } from "./wire/frame.ts";

/** Twice a second every node tells the others. */
export const STATUS_EVERY_MS = 500;
/** A node not heard from for this long is called unhealthy. */
const HEALTHY_WITHIN_MS = 2_000;

export interface NodeReport {
  readonly id: NodeId;
  readonly role: NodeRole;
  readonly term: Term;
  readonly applied: LogIndex;
  readonly clientUrl: string;
  readonly healthy: boolean;
}

interface Heard {
  readonly role: NodeRole;
  readonly term: Term;
  readonly applied: LogIndex;
  readonly clientUrl: string;
  readonly atMs: MonotonicMs;
}

export class Peers {
  readonly #heard = new Map<NodeId, Heard>();

  /** A peer's status frame arrived. */
  onStatus(from: NodeId, status: Omit<Heard, "atMs">, nowMs: MonotonicMs): void {
    this.#heard.set(from, { ...status, atMs: nowMs });
  }

  /** What is known of a node. */
  report(id: NodeId, nowMs: MonotonicMs): NodeReport {
    const heard = this.#heard.get(id);
    if (heard === undefined) {
      const nothing = { term: term(0), applied: logIndex(0), clientUrl: "" };
      return { id, role: "unknown", ...nothing, healthy: false };
    }
    const healthy = nowMs - heard.atMs <= HEALTHY_WITHIN_MS;
    const { role, term: at, applied, clientUrl } = heard;
    return { id, role: healthy ? role : "unknown", term: at, applied, clientUrl, healthy };
  }
}
