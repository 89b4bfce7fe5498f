/**
 * What the log remembers of every member: which entries it acknowledged in which process start. A node
 * that comes back with less than that has a disk of yesterday and must not vote as if it had not. The
 * leader writes this with its time entries; records count once committed, so no later truncation can make
 * an honest node look like a liar.
 */
import { logIndex, type NodeId } from "@kqueuey/base";
import type { Identity, RecordedMatch } from "./types.ts";

/**
 * `trusted`: nothing speaks against it. `stale`: from an earlier start than the record knows, which
 * is a message that took long, or a disk that was put back. `amnesiac`: it started with less than it had.
 */
export type Verdict = "trusted" | "stale" | "amnesiac";

/** Judges an identity by what is known of the same admission. */
export function judge(
  identity: Identity,
  known: { readonly boot: number; readonly match: number },
): Verdict {
  if (identity.boot < known.boot) return "stale";
  if (identity.boot > known.boot && identity.bootLastIndex < known.match) return "amnesiac";
  return "trusted";
}

export class MatchRecords {
  readonly #records = new Map<NodeId, RecordedMatch>();

  constructor(initial: readonly RecordedMatch[]) {
    this.merge(initial);
  }

  /** Takes a committed vector; within one admission, boots and matches only grow. */
  merge(vector: readonly RecordedMatch[]): void {
    for (const record of vector) {
      const known = this.#records.get(record.node);
      if (known === undefined || record.incarnation > known.incarnation) {
        this.#records.set(record.node, record);
      } else if (record.incarnation === known.incarnation) {
        this.#records.set(record.node, {
          node: record.node,
          incarnation: record.incarnation,
          boot: Math.max(known.boot, record.boot),
          match: logIndex(Math.max(known.match, record.match)),
        });
      }
    }
  }

  /** What the records say about `node` speaking as `identity`. */
  judge(node: NodeId, identity: Identity): Verdict {
    const known = this.#records.get(node);
    if (known === undefined || identity.incarnation > known.incarnation) return "trusted";
    if (identity.incarnation < known.incarnation) return "stale";
    return judge(identity, known);
  }

  /** All records, ascending by node. */
  all(): RecordedMatch[] {
    return [...this.#records.values()].sort((a, b) => a.node - b.node);
  }
}
