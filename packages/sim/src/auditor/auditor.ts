/**
 * A second implementation of what a group's state is, fed by the entries that replicas apply. The first
 * application of an index, by whichever node, defines it; the checkers compare everybody with the account.
 */
import type { Entry } from "@kqueuey/raft";
import type { FairnessCounts } from "../history/event.ts";
import { labelOf } from "../workload/stage.ts";
import { Fifo, Queue } from "./account.ts";
import { AuditedCatalogue } from "./catalogue.ts";
import {
  type AttributeChanges,
  type AuditedCommand,
  type MoveCommand,
  readEntry,
  type SettleKind,
} from "./entry-reader.ts";
import { FairRules, fairnessOf } from "./fair-rules.ts";
import { FifoRules } from "./fifo-rules.ts";
import { Ledger } from "./ledger.ts";
import { Moves, type Task } from "./moves.ts";
import { type AuditedOutcome, done, refused } from "./outcome.ts";
import { type Moment, Rules } from "./rules.ts";

/** What the account says of one entry. */
export interface AuditedIndex {
  readonly term: number;
  readonly entry: Entry;
  /** Cluster time after it. */
  readonly now: number;
  /** Queues that it changed, with their counters after it. */
  readonly queues: readonly QueueAfter[];
  /** Move tasks that it changed. */
  readonly tasks: readonly TaskAfter[];
}

export interface TaskAfter extends Pick<Task, "id" | "status" | "moved" | "toMove"> {
  /** Queue id. */
  readonly source: number;
}

export interface QueueAfter extends FairnessCounts {
  readonly id: number;
  readonly available: number;
  readonly inFlight: number;
  readonly delayed: number;
}

/** An execution of a request. */
export interface Execution {
  readonly index: number;
  readonly outcome: AuditedOutcome;
  readonly replayed: boolean;
}

const DEFAULTS: ReadonlyMap<string, number> = new Map([
  ["visibilityTimeoutMs", 30_000],
  ["delayMs", 0],
  ["retentionMs", 345_600_000],
  ["maximumMessageBytes", 1_048_576],
  ["receiveWaitMs", 0],
]);
const NO_CHANGES: AttributeChanges = {
  numbers: new Map(),
  deadLetter: "keep",
  deduplicationScope: undefined,
  fairness: undefined,
};

/** Commands on a queue that exists. */
type QueueCommand = Extract<
  AuditedCommand,
  {
    readonly kind:
      | "send"
      | "sendGrouped"
      | "sendFifo"
      | "receive"
      | SettleKind
      | MoveCommand["kind"]
      | "setQueue"
      | "purgeQueue";
  }
>;

export class Auditor {
  readonly rules: Rules = new Rules();
  readonly moves: Moves = new Moves(this.rules);
  readonly #fifoRules = new FifoRules(this.rules);
  readonly fairRules: FairRules = new FairRules(this.rules);
  readonly catalogue: AuditedCatalogue = new AuditedCatalogue();
  /** Every queue that ever was, deleted ones too, by what its clients call it. */
  readonly queuesByName: Map<string, Queue> = new Map();
  /** The executions of each request id, in order: one, and its replays. */
  readonly executions: Map<string, Execution[]> = new Map();
  /** What could not be audited, in words: such an entry must not be in the log. */
  readonly complaints: string[] = [];
  readonly #indexes: AuditedIndex[] = [];
  readonly #ledger = new Ledger();
  readonly #deleted = new Set<number>();
  /** How many queues each name has had. */
  readonly #lives = new Map<string, number>();
  #isInitialised = false;
  #now = 0;

  /** The highest index audited. */
  get index(): number {
    return this.#indexes.length;
  }

  /** Cluster time of the last entry audited. */
  get now(): number {
    return this.#now;
  }

  at(index: number): AuditedIndex | undefined {
    return this.#indexes[index - 1];
  }

  /** Takes the next entry into the account. */
  audit(entry: Entry): void {
    const { touched } = this.rules;
    touched.clear();
    this.moves.touched.clear();
    if (entry.kind === "commands") this.#auditCommands(entry);
    const queues: QueueAfter[] = [];
    for (const queue of touched) {
      const counters = { ...queue.counters, ...fairnessOf(queue) };
      queue.states.push({ index: entry.index, counters, attributes: queue.attributes });
      if (!queue.isDeleted) queues.push({ id: queue.id, ...counters });
    }
    const tasks: TaskAfter[] = [];
    for (const { source, id, status, moved, toMove } of this.moves.touched) {
      if (!source.isDeleted) tasks.push({ source: source.id, id, status, moved, toMove });
    }
    this.#indexes.push({ term: entry.term, entry, now: this.#now, queues, tasks });
  }

  #auditCommands(entry: Entry): void {
    const read = readEntry(entry.data);
    if (typeof read === "string") {
      this.complaints.push(`index ${entry.index}: ${read}`);
      return;
    }
    this.#now = Math.max(this.#now, read.clusterTimeMs);
    const at = { index: entry.index, now: this.#now };
    this.#ledger.advance(this.#now);
    this.moves.passTime(this.rules.passTime(at), at);
    for (const command of read.commands) this.#execute(command, at);
  }

  #execute(command: AuditedCommand, at: Moment): void {
    const { requestKey, counted, kind, queueId } = command;
    if (requestKey === undefined) {
      this.#carryOut(command, at);
      return;
    }
    const known = this.#ledger.find(requestKey, counted);
    if (known === "expired") {
      const outcome = refused("session-expired");
      this.#note(requestKey, { index: at.index, outcome, replayed: true });
      return;
    }
    if (known === undefined) {
      const outcome = this.#carryOut(command, at);
      const worthless =
        outcome.kind === "refused" || (outcome.kind === "granted" && outcome.grants.length === 0);
      if (!worthless) this.#ledger.remember(requestKey, counted, { kind, queueId, outcome });
      this.#note(requestKey, { index: at.index, outcome, replayed: false });
      return;
    }
    const isSame = known.kind === kind && known.queueId === queueId;
    const outcome = isSame ? known.outcome : refused("request-id-reused");
    this.#note(requestKey, { index: at.index, outcome, replayed: true });
  }

  #note(key: string, execution: Execution): void {
    const executions = this.executions.get(key);
    if (executions === undefined) this.executions.set(key, [execution]);
    else executions.push(execution);
  }

  #carryOut(command: AuditedCommand, at: Moment): AuditedOutcome {
    switch (command.kind) {
      case "reserveQueue":
        return this.catalogue.reserve(command.name);
      case "confirmQueue":
        return this.catalogue.confirm(command.queueId, at.index);
      case "markDeleting":
        return this.catalogue.markDeleting(command.queueId, at.index);
      case "forgetQueue":
        return this.catalogue.forget(command.queueId);
      case "initCluster": {
        const changed = !this.#isInitialised;
        this.#isInitialised = true;
        return done(changed);
      }
      case "openSession":
        this.#ledger.openSession();
        return done(true);
      case "createQueue":
        return this.#create(command);
      case "deleteQueue":
        return this.#delete(command.queueId, at);
      case "send":
      case "sendGrouped":
      case "sendFifo":
      case "receive":
      case "tombstone":
      case "extend":
      case "release":
      case "undelivered":
      case "setQueue":
      case "purgeQueue":
      case "startMove":
      case "cancelMove": {
        const queue = this.rules.queues.get(command.queueId);
        return queue === undefined ? refused("queue-not-found") : this.#onQueue(queue, command, at);
      }
    }
  }

  #onQueue(queue: Queue, command: QueueCommand, at: Moment): AuditedOutcome {
    const { rules } = this;
    const { fifo } = queue;
    switch (command.kind) {
      case "send":
      case "sendGrouped":
        if (fifo !== undefined) return refused("wrong-kind");
        return { kind: "sent", messageIds: rules.send(queue, command.messages, at) };
      case "sendFifo":
        if (fifo === undefined) return refused("wrong-kind");
        return {
          kind: "sent",
          messageIds: this.#fifoRules.send(queue, fifo, command.messages, at),
        };
      case "receive": {
        const leaseMs = command.leaseMs ?? queue.number("visibilityTimeoutMs");
        if (fifo !== undefined) {
          const asked = { ...command, leaseMs };
          return { kind: "granted", grants: this.#fifoRules.receive(queue, fifo, asked, at) };
        }
        const room = command.inFlightMax - queue.counters.inFlight;
        if (room <= 0) return refused("in-flight-limit");
        const asked = { ...command, limit: Math.min(command.limit, room), leaseMs };
        const grants = queue.hasGroups
          ? this.fairRules.receive(queue, asked, at)
          : rules.receive(queue, asked, at);
        return { kind: "granted", grants };
      }
      case "tombstone":
      case "extend":
      case "release":
      case "undelivered": {
        const { kind, leases } = command;
        return {
          kind: "settled",
          results: leases.map((each) => rules.settle(queue, kind, each, at)),
        };
      }
      case "setQueue": {
        const delayBefore = queue.number("delayMs");
        queue.attributes = changed(queue.attributes, command.attributes);
        rules.touched.add(queue);
        if (fifo !== undefined) {
          this.#fifoRules.changeDelay(queue, queue.number("delayMs") - delayBefore, at);
        }
        return done(true);
      }
      case "startMove":
      case "cancelMove":
        return this.moves.execute(queue, command, at);
      case "purgeQueue":
        return done(rules.purge(queue, "purged", at));
    }
  }

  #create(command: Extract<AuditedCommand, { readonly kind: "createQueue" }>): AuditedOutcome {
    const { queueId: id } = command;
    if (this.rules.queues.has(id)) return done(false);
    if (this.#deleted.has(id)) return refused("queue-deleted");
    const initial = changed(
      { numbers: DEFAULTS, deadLetter: undefined, fairness: undefined },
      NO_CHANGES,
    );
    const { deduplicationScope: scope } = command.attributes;
    const fifo = scope === undefined ? undefined : new Fifo(scope);
    const lives = (this.#lives.get(command.name) ?? 0) + 1;
    this.#lives.set(command.name, lives);
    const name = labelOf({ name: command.name, lives });
    const queue = new Queue(id, name, changed(initial, command.attributes), fifo);
    this.rules.queues.set(id, queue);
    this.queuesByName.set(name, queue);
    this.rules.touched.add(queue);
    return done(true);
  }

  #delete(id: number, at: Moment): AuditedOutcome {
    const queue = this.rules.queues.get(id);
    if (queue === undefined) return done(false);
    this.rules.purge(queue, "deleted", at);
    queue.isDeleted = true;
    this.moves.forget(queue);
    this.rules.queues.delete(id);
    this.#deleted.add(id);
    return done(true);
  }
}

function changed(before: Queue["attributes"], changes: AttributeChanges): Queue["attributes"] {
  const deadLetter =
    changes.deadLetter === "keep"
      ? before.deadLetter
      : changes.deadLetter === "none"
        ? undefined
        : changes.deadLetter;
  const fairness = changes.fairness ?? before.fairness;
  return { numbers: new Map([...before.numbers, ...changes.numbers]), deadLetter, fairness };
}
