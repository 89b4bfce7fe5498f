/**
 * One log: at each index all replicas apply the same entry, in order, each once; what was applied anywhere is in
 * the log of every later leader (paper figure 3: log matching, leader completeness, state machine safety).
 * The first application of an index is the auditor's.
 */
import { equalBytes, type NodeId } from "@kqueuey/base";
import type { Entry } from "@kqueuey/raft";
import type { Auditor } from "../auditor/auditor.ts";
import type { Checker, NodeView, Violation } from "./checker.ts";
import { Verdicts } from "./verdicts.ts";

export class LogMatching implements Checker {
  readonly name = "log-matching";
  readonly promise = "replicas apply one log, and every leader has what was committed before it";
  readonly #verdicts = new Verdicts(this.name, this.promise);
  readonly #auditor: Auditor;
  /** The last index that each node's present process applied. */
  readonly #applied = new Map<NodeId, number>();
  readonly #led = new Map<NodeId, number>();

  constructor(auditor: Auditor) {
    this.#auditor = auditor;
  }

  get violations(): readonly Violation[] {
    return this.#verdicts.list;
  }

  started(id: NodeId): void {
    this.#applied.delete(id);
    this.#led.delete(id);
  }

  applied(node: { readonly id: NodeId }, entry: Entry): void {
    const before = this.#applied.get(node.id);
    if (before !== undefined && entry.index <= before) {
      this.#verdicts.broken(`node ${node.id} applied index ${entry.index} after ${before}`);
    }
    this.#applied.set(node.id, entry.index);
    const known = this.#auditor.at(entry.index);
    if (known === undefined) this.#define(node.id, entry);
    else this.#compare(node.id, entry, known.entry);
  }

  #define(id: NodeId, entry: Entry): void {
    const next = this.#auditor.index + 1;
    if (entry.index !== next) {
      this.#verdicts.broken(`node ${id} applied ${entry.index} when ${next} was the next`);
      return;
    }
    this.#auditor.audit(entry);
    const complaint = this.#auditor.complaints.pop();
    if (complaint !== undefined) this.#verdicts.broken(complaint);
  }

  #compare(id: NodeId, entry: Entry, known: Entry): void {
    const isSame =
      entry.term === known.term && entry.kind === known.kind && equalBytes(entry.data, known.data);
    if (isSame) return;
    this.#verdicts.broken(
      `node ${id} applied another entry at ${entry.index}: ${entry.kind} of term ${entry.term}, ` +
        `not ${known.kind} of term ${known.term}`,
    );
  }

  stepped(node: NodeView): void {
    const { role, term } = node.replica.role;
    if (role !== "leader" || this.#led.get(node.id) === term) return;
    this.#led.set(node.id, term);
    // What was applied so far was committed in an earlier term, or by this leader itself.
    const { lastIndex } = node.replica.raft.status();
    const last = this.#auditor.at(this.#auditor.index);
    if (last === undefined || last.term > term || lastIndex >= this.#auditor.index) return;
    this.#verdicts.broken(
      `node ${node.id} leads term ${term} with ${lastIndex} entries, ${this.#auditor.index} were applied`,
    );
  }
}
