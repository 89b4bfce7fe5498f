/**
 * Looks at nodes' Raft states for the checkers that judge them. A look costs, so it is taken when something may
 * have changed: a new role, a new entry in the account, or a number of steps.
 */
import type { NodeId } from "@kqueuey/base";
import type { Entry, RaftStatus } from "@kqueuey/raft";
import type { Auditor } from "../auditor/auditor.ts";
import type { Checker, NodeView, RunEnd, Violation } from "./checker.ts";

/** A node as it is looked at. */
export interface Sight {
  readonly id: NodeId;
  /** Counts the processes that ran on the node. */
  readonly process: number;
  readonly status: RaftStatus;
}

/** A judge of Raft states. */
export interface StatusJudge {
  readonly name: string;
  readonly promise: string;
  readonly violations: readonly Violation[];
  /**
   * `others` looks at the other nodes as they are, or were when they ended; with the process before, since what it
   * acknowledged may count after a disk was lost.
   */
  saw(sight: Sight, others: () => readonly Sight[]): void;
  applied?(node: { readonly id: NodeId }, entry: Entry): void;
}

const STEPS_BETWEEN_LOOKS = 16;

interface Watched {
  view: NodeView;
  /** Of the process before. */
  former: NodeView | undefined;
  role: NodeView["replica"]["role"];
  index: number;
  steps: number;
}

export class StatusWatch implements Checker {
  readonly name: string;
  readonly promise: string;
  readonly #judge: StatusJudge;
  readonly #auditor: Auditor;
  readonly #watched = new Map<NodeId, Watched>();

  constructor(judge: StatusJudge, auditor: Auditor) {
    this.name = judge.name;
    this.promise = judge.promise;
    this.#judge = judge;
    this.#auditor = auditor;
  }

  get violations(): readonly Violation[] {
    return this.#judge.violations;
  }

  applied(node: { readonly id: NodeId }, entry: Entry): void {
    this.#judge.applied?.(node, entry);
  }

  stepped(view: NodeView): void {
    const { index } = this.#auditor;
    const { role } = view.replica;
    const known = this.#watched.get(view.id);
    if (known === undefined) {
      this.#watched.set(view.id, { view, former: undefined, role, index, steps: 0 });
    } else {
      known.steps += 1;
      const isDue =
        known.view !== view ||
        known.role !== role ||
        (known.index !== index && role.role === "leader") ||
        known.steps >= STEPS_BETWEEN_LOOKS;
      if (!isDue) return;
      if (known.view !== view) known.former = known.view;
      Object.assign(known, { view, role, index, steps: 0 });
    }
    this.#look(view);
  }

  ended(end: RunEnd): void {
    for (const view of end.nodes) this.#look(view);
  }

  #look(view: NodeView): void {
    this.#judge.saw(sightOf(view), () =>
      [...this.#watched.values()]
        .filter((each) => each.view.id !== view.id)
        .flatMap(({ view: present, former }) =>
          former === undefined ? [present] : [present, former],
        )
        .map(sightOf),
    );
  }
}

function sightOf({ id, process, replica }: NodeView): Sight {
  return { id, process, status: replica.raft.status() };
}
