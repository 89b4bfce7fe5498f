/**
 * A group on paper: nodes, messages in flight and a clock that only scripts move. `commands.ts` has one
 * handler for each script command; what happens is noted in the words of `describe.ts`.
 */
import { type MonotonicMs, monotonic, must, type NodeId, nodeId, Prng } from "@kqueuey/base";
import {
  bootstrapMembership,
  describeMessage,
  describeReady,
  type RaftConfig,
  type RaftMessage,
  raftConfig,
} from "../src/index.ts";
import { SafetyChecker } from "./safety-checker.ts";
import { type Checkpoint, createDisk, type Disk, SimNode } from "./sim-node.ts";

/** Which messages a command means; what is absent does not matter. */
export interface MessageFilter {
  readonly from?: NodeId | undefined;
  readonly to?: NodeId | undefined;
  readonly kind?: string | undefined;
}

export class InteractionEnv {
  readonly nodes = new Map<NodeId, SimNode>();
  readonly backups = new Map<NodeId, Disk>();
  /** Snapshots that a leader was asked to send and the script has not moved yet, by target. */
  readonly snapshots = new Map<
    NodeId,
    { readonly from: NodeId; readonly checkpoint: Checkpoint }
  >();
  readonly cut = new Set<NodeId>();
  /** Scripts keep the safety properties, too. */
  readonly checker = new SafetyChecker();
  flights: RaftMessage[] = [];
  nowMs = 10_000;
  /** How far a node's clock is ahead. */
  readonly #ahead = new Map<NodeId, number>();
  /** Writes finish at once unless the script wants to finish them itself. */
  manualWrites = false;
  #notes: string[] = [];
  #quiet = false;

  /** Voters 1 … `voters`, and blank nodes that wait to be added. */
  create(
    voters: number,
    blank: readonly NodeId[],
    overrides: Partial<Omit<RaftConfig, "id">>,
  ): void {
    const ids = Array.from({ length: voters }, (_, at) => nodeId(at + 1));
    for (const id of [...ids, ...blank]) {
      const disk = createDisk(
        blank.includes(id) ? undefined : bootstrapMembership(ids),
        id * 1_000,
      );
      const options = { config: raftConfig(id, overrides), disk, random: new Prng(id) };
      const node = new SimNode(options, {
        onReady: (_, ready) => {
          this.checker.onReady(node, ready);
          for (const line of describeReady(ready)) {
            if (!line.startsWith("send n")) this.note(`n${id} ${line}`);
          }
        },
        onSend: (_, message) => this.flights.push(message),
        onApply: (_, entry) => this.checker.onApply(node, entry),
        onRead: (_, read) => this.checker.onRead(node, read),
      });
      this.nodes.set(id, node);
      node.start(this.nowMs, 100);
    }
    this.takeNotes();
  }

  node(id: NodeId): SimNode {
    return must(this.nodes.get(id), `there is no n${id}`);
  }

  note(line: string): void {
    if (!this.#quiet) this.#notes.push(line);
  }

  setQuiet(quiet: boolean): void {
    this.#quiet = quiet;
  }

  /** What was noted since the last call. */
  takeNotes(): string {
    const notes = this.#notes.join("\n");
    this.#notes = [];
    return notes;
  }

  /** What the node's clock shows. */
  clockOf(node: SimNode): MonotonicMs {
    return monotonic(this.nowMs + (this.#ahead.get(node.id) ?? 0));
  }

  /** Time passes for this node alone. */
  hurry(node: SimNode, ms: number): void {
    this.#ahead.set(node.id, (this.#ahead.get(node.id) ?? 0) + ms);
  }

  /** Lets a node work through what it wants, and its writes finish. */
  settle(node: SimNode): void {
    node.process();
    while (!this.manualWrites && node.pending.length > 0) node.finishWrite();
    for (const request of node.snapshotRequests.splice(0)) {
      node.checkpoint();
      this.snapshots.set(request.to, { from: node.id, checkpoint: node.disk.checkpoint });
    }
  }

  settleAll(): void {
    for (const node of this.nodes.values()) this.settle(node);
  }

  matching(filter: MessageFilter): RaftMessage[] {
    return this.flights.filter(
      (message) =>
        (filter.from ?? message.from) === message.from &&
        (filter.to ?? message.to) === message.to &&
        (filter.kind ?? message.kind) === message.kind,
    );
  }

  remove(messages: readonly RaftMessage[]): void {
    const gone = new Set(messages);
    this.flights = this.flights.filter((message) => !gone.has(message));
  }

  /** Takes `message` out of flight and to its node, unless one of the ends is cut off or down. */
  deliver(message: RaftMessage): void {
    this.remove([message]);
    const node = this.nodes.get(message.to);
    if (this.cut.has(message.from) || this.cut.has(message.to) || !node?.alive) return;
    this.note(describeMessage(message));
    node.raft?.step(this.clockOf(node), message);
    this.settle(node);
  }

  /** Delivers until nothing is in flight. */
  stabilize(): void {
    for (let turn = 0; turn < 10_000; turn++) {
      const message = this.flights[0];
      if (message === undefined) return;
      this.deliver(message);
    }
    throw new Error("the group does not come to rest");
  }
}
