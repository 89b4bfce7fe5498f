/**
 * The five safety properties of Raft (paper figure 3), checked by an observer from what nodes hand to
 * their drivers. The nodes never know.
 *
 * - Election safety: at most one leader a term.
 * - Leader append-only: a leader never overwrites its log.
 * - Log matching: (index, term) names one entry, and all before it.
 * - Leader completeness: what is committed in a term is in the log of every later leader.
 * - State machine safety: no two nodes apply different entries at an index.
 *
 * And of reads: a linearizable read is answered at or above everything committed when it was asked.
 */
import { equalBytes, type NodeId } from "@kqueuey/base";
import type { Entry, ReadState, Ready } from "../src/index.ts";
import type { SimNode } from "./sim-node.ts";

/** A property was broken. */
export class SafetyViolation extends Error {
  override readonly name = "SafetyViolation";
}

interface Known {
  readonly data: Uint8Array;
  readonly prevTerm: number | undefined;
}

interface Committed {
  readonly term: number;
  /** The term of the leader under which it was first seen committed. */
  readonly inTerm: number;
}

export class SafetyChecker {
  readonly #leaders = new Map<number, NodeId>();
  readonly #entries = new Map<string, Known>();
  readonly #committed: Committed[] = [{ term: 0, inTerm: 0 }];
  readonly #leading = new Map<NodeId, number>();
  readonly #reads = new Map<number, number>();

  /** The highest index that any node applied. */
  get committedIndex(): number {
    return this.#committed.length - 1;
  }

  get leaderCount(): number {
    return this.#leaders.size;
  }

  #fail(property: string, detail: string): never {
    throw new SafetyViolation(`${property}: ${detail}`);
  }

  onReady(node: SimNode, ready: Ready): void {
    this.#checkAppend(node, ready);
    const { softState } = ready;
    if (softState === undefined) return;
    if (softState.role !== "leader") {
      this.#leading.delete(node.id);
      return;
    }
    const known = this.#leaders.get(softState.term);
    if (known !== undefined && known !== node.id) {
      this.#fail("election safety", `n${known} and n${node.id} lead term ${softState.term}`);
    }
    this.#leaders.set(softState.term, node.id);
    this.#leading.set(node.id, softState.term);
    this.#checkCompleteness(node, softState.term);
  }

  onCrash(node: SimNode): void {
    this.#leading.delete(node.id);
  }

  onApply(node: SimNode, entry: Entry): void {
    const known = this.#committed[entry.index];
    if (known === undefined) {
      if (entry.index !== this.#committed.length) {
        this.#fail("state machine safety", `n${node.id} skips to ${entry.index}`);
      }
      const inTerm = node.raft?.status().term ?? 0;
      this.#committed.push({ term: entry.term, inTerm });
    } else if (known.term !== entry.term) {
      const detail = `n${node.id} applies term ${entry.term} at ${entry.index}, not ${known.term}`;
      this.#fail("state machine safety", detail);
    }
  }

  /** A read was asked for now. */
  onReadAsked(context: number): void {
    this.#reads.set(context, this.committedIndex);
  }

  onRead(node: SimNode, read: ReadState): void {
    const floor = this.#reads.get(read.context);
    if (floor === undefined) this.#fail("reads", `n${node.id} answers ${read.context} twice`);
    if (read.index < floor) {
      this.#fail("reads", `n${node.id} reads at ${read.index} though ${floor} was committed`);
    }
    this.#reads.delete(read.context);
  }

  #checkAppend(node: SimNode, ready: Ready): void {
    const first = ready.entries[0];
    if (first === undefined) return;
    const leads = ready.softState?.role === "leader" || this.#leading.has(node.id);
    if (leads && ready.softState?.role !== "follower" && first.index !== node.lastIndex + 1) {
      this.#fail("leader append-only", `n${node.id} leads and overwrites ${first.index}`);
    }
    let previous =
      first.index - 1 > node.baseIndex ? node.entryAt(first.index - 1)?.term : undefined;
    for (const entry of ready.entries) {
      this.#checkEntry(node, entry, previous);
      previous = entry.term;
    }
  }

  /** `prevTerm` is undefined where the entry before is no longer in the node's log. */
  #checkEntry(node: SimNode, entry: Entry, prevTerm: number | undefined): void {
    const key = `${entry.index}/${entry.term}`;
    const known = this.#entries.get(key);
    if (known === undefined) {
      this.#entries.set(key, { data: entry.data, prevTerm });
      return;
    }
    const differs = prevTerm !== undefined && (known.prevTerm ?? prevTerm) !== prevTerm;
    if (differs || !equalBytes(known.data, entry.data)) {
      this.#fail("log matching", `n${node.id} has another ${entry.term}/${entry.index}`);
    }
  }

  #checkCompleteness(node: SimNode, term: number): void {
    for (let index = node.baseIndex + 1; index < this.#committed.length; index++) {
      const committed = this.#committed[index];
      if (committed === undefined || committed.inTerm >= term) continue;
      if (node.entryAt(index)?.term === committed.term) continue;
      const detail = `n${node.id} leads term ${term} without ${committed.term}/${index}`;
      this.#fail("leader completeness", detail);
    }
  }
}
