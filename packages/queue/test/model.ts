/**
 * The queue, naively: arrays, loops, no cleverness. What it says is what the machine must say. It knows
 * nothing of pages, wheels, bitmaps or bytes; only of messages and rules.
 */
import type { QueueAttributes } from "../src/index.ts";
import { DEFAULT_ATTRIBUTES } from "../src/index.ts";
import { sizeClassOf, sizeOfClass } from "../src/size-class.ts";
import { type PlainOutcome, recordBytes, type TestCommand } from "./driver.ts";
import { FifoModel } from "./fifo-model.ts";
import { cancelMove, earn, firstMovable, isDue, type ModelTask, startMove } from "./model-moves.ts";
import {
  type Counters,
  countersOf,
  follow,
  granted,
  inReceiveOrder,
  isRedelivered,
  type Message,
  type ModelQueue,
  remove,
} from "./model-queue.ts";
import { type Remembered, RequestsModel } from "./requests-model.ts";

const refused = (reason: string): PlainOutcome => ({ kind: "refused", reason });

export class Model {
  now = 0;
  wall = 0;
  index = 0;
  readonly queues: Map<number, ModelQueue> = new Map();
  readonly deleted: Set<number> = new Set();
  #retentionSecond = -1;
  readonly #requests = new RequestsModel();
  #remember: Remembered | undefined = undefined;

  /** One entry. */
  apply(commands: readonly TestCommand[], timeMs: number, wallMs: number): PlainOutcome[] {
    this.index += 1;
    this.now = Math.max(this.now, timeMs);
    this.wall = wallMs;
    this.#requests.advance(this.now);
    this.#stepMoves(this.#keepHouse());
    return commands.map((command) => this.#execute(command));
  }

  /** The queue's lease counter goes on. */
  skipTokens(id: number, more: number): void {
    const queue = this.queues.get(id);
    if (queue !== undefined) queue.nextToken += more;
  }

  counters(id: number): Counters | undefined {
    const queue = this.queues.get(id);
    if (queue === undefined) return undefined;
    return countersOf(queue);
  }

  /** Live bodies by entry. */
  bodies(): Map<number, number> {
    const bodies = new Map<number, number>();
    for (const queue of this.queues.values()) {
      for (const { entry } of queue.messages) bodies.set(entry, (bodies.get(entry) ?? 0) + 1);
    }
    return bodies;
  }

  /** The tasks of a queue as the machine shows them, newest first. */
  tasks(id: number): unknown {
    return this.queues
      .get(id)
      ?.tasks.map(({ task, status, moved }) => ({ task, status, moved }))
      .reverse();
  }

  #stepMoves(steps: number): void {
    let left = steps;
    for (const queue of this.#inOrder()) {
      const task = queue.tasks.find((each) => isDue(each, this.now));
      if (task === undefined) continue;
      if (left === 0) return;
      earn(task, this.now);
      while (task.status === "running") {
        const message = firstMovable(queue, task.horizon);
        if (message === undefined) task.status = "completed";
        if (message === undefined || left === 0 || task.credit < 1_000) break;
        const failure = this.#moveByTask(queue, task, message);
        if (failure !== undefined) task.status = `failed ${failure}`;
        else left -= 1;
      }
    }
  }

  #moveByTask(queue: ModelQueue, task: ModelTask, message: Message): string | undefined {
    const to = task.destination ?? message.origin?.source ?? 0;
    if (to === 0) return "no-source";
    const target = this.queues.get(to);
    if (target === undefined) return "queue-gone";
    if ((target.fifo === undefined) !== (queue.fifo === undefined)) return "queue-gone";
    remove(queue, message);
    const { entry, size, group } = message;
    const first = message.origin ?? { queue: queue.id, sequence: message.sequence };
    this.#append(target, { entry, size }, "ready", {
      origin: { queue: first.queue, sequence: first.sequence, source: 0 },
      group,
    });
    task.credit -= 1_000;
    task.moved += 1;
    return undefined;
  }

  /** Gives the steps left. */
  #keepHouse(): number {
    let steps = 1_024;
    for (;;) {
      const due = this.#inOrder()
        .flatMap((queue) => queue.messages.map((message) => ({ queue, message })))
        .filter(({ message }) => message.place === "leased" || message.place === "delayed")
        .filter(({ message }) => message.visibleAt <= this.now);
      // The sort is stable: messages come by queue and sequence already.
      due.sort((a, b) => a.message.visibleAt - b.message.visibleAt);
      const first = due[0];
      if (first === undefined || steps === 0) break;
      steps -= 1;
      if (first.message.place === "leased") this.#comeBack(first.queue, first.message);
      else first.message.place = "ready";
      follow(first.queue);
    }
    const second = Math.floor(this.now / 1_000);
    if (this.#retentionSecond >= second) return steps;
    for (const queue of this.#inOrder()) {
      const kept = Math.ceil(queue.attributes.retentionMs / 1_000);
      for (const message of [...queue.messages]) {
        if (message.enqueuedSecond >= second - kept || message.place === "outbox") continue;
        if (steps === 0) return 0;
        steps -= 1;
        remove(queue, message);
      }
    }
    this.#retentionSecond = second;
    return steps;
  }

  #inOrder(): ModelQueue[] {
    return [...this.queues.values()].sort((a, b) => a.id - b.id);
  }

  #policy(queue: ModelQueue): QueueAttributes["deadLetter"] {
    const policy = queue.attributes.deadLetter;
    if (policy === undefined || policy.queueId === queue.id) return undefined;
    if (policy.group !== 0) return policy;
    const target = this.queues.get(policy.queueId);
    const isSameKind = (target?.fifo === undefined) === (queue.fifo === undefined);
    return target === undefined || !isSameKind ? undefined : policy;
  }

  #exhausted(queue: ModelQueue, message: Message): boolean {
    const policy = this.#policy(queue);
    const here = message.count - message.countOnArrival;
    return policy !== undefined && here >= policy.maximumReceives;
  }

  #comeBack(queue: ModelQueue, message: Message): void {
    // Dead letters of a FIFO queue go when a receive meets them at the front of their group.
    if (queue.fifo === undefined && this.#exhausted(queue, message)) this.#move(queue, message);
    else message.place = "ready";
    follow(queue);
  }

  #move(queue: ModelQueue, message: Message): void {
    const policy = this.#policy(queue);
    if (policy === undefined) throw new Error("a move without a policy");
    const target = policy.group === 0 ? this.queues.get(policy.queueId) : undefined;
    if (target === undefined) {
      message.place = "outbox";
      message.outboxSequence = queue.nextOutbox++;
      message.target = policy.queueId;
      follow(queue);
      return;
    }
    remove(queue, message);
    const { entry, size, count, firstReceived, enqueuedSecond } = message;
    const origin = message.origin ?? { queue: queue.id, sequence: message.sequence };
    this.#append(target, { entry, size }, "ready", {
      count,
      countOnArrival: count,
      firstReceived,
      enqueuedSecond: target.fifo === undefined ? enqueuedSecond : Math.floor(this.now / 1_000),
      group: message.group,
      origin: { queue: origin.queue, sequence: origin.sequence, source: queue.id },
    });
  }

  #append(
    queue: ModelQueue,
    body: { entry: number; size: number },
    place: "ready" | "delayed",
    rest: Partial<Message> = {},
  ): void {
    queue.messages.push({
      sequence: queue.nextSequence++,
      ...body,
      place,
      visibleAt: 0,
      token: 0,
      grantedAt: 0,
      count: 0,
      firstReceived: 0,
      enqueuedSecond: Math.floor(this.now / 1_000),
      origin: undefined,
      countOnArrival: 0,
      outboxSequence: 0,
      target: 0,
      group: "",
      shownAgain: false,
      ...rest,
    });
    follow(queue);
  }

  #execute(command: TestCommand): PlainOutcome {
    this.#remember = undefined;
    const known = this.#requests.find(command.id);
    if (known === "expired") return refused("session-expired");
    if (known !== undefined) return this.#replay(command, known);
    const answer = this.#dispatch(command);
    if (answer["kind"] !== "refused" && command.op !== "accept") {
      this.#requests.keep(command.id, this.#remember ?? { command, answer });
    }
    return answer;
  }

  #replay(command: TestCommand, known: Remembered): PlainOutcome {
    const same = known.command.op === command.op && queueOf(known.command) === queueOf(command);
    if (!same) return refused("request-id-reused");
    if (command.op !== "receive") return { ...known.answer, replayed: true };
    const queue = this.queues.get(command.queue);
    if (queue === undefined) return refused("queue-not-found");
    const grant = known.grant ?? { sequences: [], first: 0, leaseMs: 0 };
    const held = grant.sequences.flatMap((sequence, i) =>
      queue.messages.filter(
        (message) =>
          message.sequence === sequence &&
          message.place === "leased" &&
          message.token === grant.first + i,
      ),
    );
    return granted(queue, this.now, held, {
      first: grant.first,
      count: grant.sequences.length,
      leaseMs: grant.leaseMs,
      replayed: true,
    });
  }

  #dispatch(command: TestCommand): PlainOutcome {
    switch (command.op) {
      case "openSession": {
        const sessionId = this.#requests.openSession();
        return { kind: "session", sessionId, replayed: false };
      }
      case "create":
        return this.#create(command);
      case "delete": {
        const changed = this.queues.delete(command.queue);
        if (changed) this.deleted.add(command.queue);
        return { kind: "done", changed, replayed: false };
      }
      case "reserve":
      case "confirm":
      case "mark":
      case "forget":
      case "init":
        throw new Error("the model has no catalogue");
      default: {
        const queue = this.queues.get(command.queue);
        return queue === undefined ? refused("queue-not-found") : this.#onQueue(queue, command);
      }
    }
  }

  #create(command: Extract<TestCommand, { readonly op: "create" }>): PlainOutcome {
    const { queue: id } = command;
    if (this.deleted.has(id)) return refused("queue-deleted");
    const changed = !this.queues.has(id);
    const { fifo } = command.attributes;
    if (changed) {
      this.queues.set(id, {
        id,
        attributes: { ...DEFAULT_ATTRIBUTES, ...command.attributes },
        messages: [],
        nextSequence: 1,
        nextToken: 1,
        nextOutbox: 1,
        purgedAt: Number.NEGATIVE_INFINITY,
        accepted: new Map(),
        tasks: [],
        fifo: fifo === undefined ? undefined : new FifoModel(fifo.deduplicationScope),
      });
    }
    return { kind: "done", changed, replayed: false };
  }

  #onQueue(
    queue: ModelQueue,
    command: Extract<TestCommand, { readonly queue: number }>,
  ): PlainOutcome {
    switch (command.op) {
      case "set": {
        const before = queue.attributes.delayMs;
        queue.attributes = { ...queue.attributes, ...command.attributes };
        for (const message of queue.fifo === undefined ? [] : queue.messages) {
          if (message.place !== "delayed" || message.count > message.countOnArrival) continue;
          const changed = message.visibleAt + queue.attributes.delayMs - before;
          if (queue.attributes.delayMs !== before) message.visibleAt = Math.max(this.now, changed);
        }
        return { kind: "done", changed: true, replayed: false };
      }
      case "purge": {
        const { intervalMs } = command;
        if (intervalMs !== undefined) {
          if (this.now - queue.purgedAt < intervalMs) return refused("purged-recently");
          queue.purgedAt = this.now;
        }
        const changed = queue.messages.length > 0;
        queue.messages = [];
        queue.fifo?.purge();
        return { kind: "done", changed, replayed: false };
      }
      case "sendFifo":
        return this.#sendFifo(queue, command);
      case "send":
        return this.#send(queue, command);
      case "receive":
        return this.#receive(queue, command);
      case "tombstone":
      case "extend":
      case "release":
      case "undelivered": {
        const results = command.leases.map(([sequence, token, ms = 0]) =>
          this.#settle(queue, command.op, { sequence, token, ms }),
        );
        return { kind: "settled", queueId: queue.id, results, replayed: false };
      }
      case "accept":
        return this.#accept(queue, command);
      case "dropOutbox":
        return this.#dropOutbox(queue, command);
      case "startMove":
        return startMove(queue, command, this.now);
      case "cancelMove":
        return cancelMove(queue.tasks, command.task);
      default:
        throw new Error(`the model has no ${command.op}`);
    }
  }

  #send(queue: ModelQueue, command: Extract<TestCommand, { readonly op: "send" }>): PlainOutcome {
    if (queue.fifo !== undefined) return refused("wrong-kind");
    const firstSequence = queue.nextSequence;
    for (const { size, delayMs = queue.attributes.delayMs, group = "" } of command.messages) {
      const body = { entry: this.index, size: recordBytes(size) };
      this.#append(queue, body, delayMs > 0 ? "delayed" : "ready", {
        visibleAt: this.now + delayMs,
        group,
      });
    }
    const count = command.messages.length;
    return { kind: "sent", queueId: queue.id, firstSequence, count, replayed: false };
  }

  #sendFifo(
    queue: ModelQueue,
    command: Extract<TestCommand, { readonly op: "sendFifo" }>,
  ): PlainOutcome {
    const { fifo } = queue;
    if (fifo === undefined) return refused("wrong-kind");
    const sequences = command.messages.map(({ size, group, deduplicationId }) => {
      const known = fifo.repeats(group, deduplicationId, this.now);
      if (known !== undefined) return known;
      const { delayMs } = queue.attributes;
      const sequence = queue.nextSequence;
      const body = { entry: this.index, size: recordBytes(size) };
      const visibleAt = this.now + delayMs;
      this.#append(queue, body, delayMs > 0 ? "delayed" : "ready", { visibleAt, group });
      fifo.sent(group, deduplicationId, { sequence, at: this.now });
      return sequence;
    });
    const firstSequence = sequences[0] ?? 0;
    const isRun = sequences.every((sequence, i) => sequence === firstSequence + i);
    const each = isRun ? {} : { sequences };
    const count = sequences.length;
    return { kind: "sent", queueId: queue.id, firstSequence, count, ...each, replayed: false };
  }

  #receive(
    queue: ModelQueue,
    command: Extract<TestCommand, { readonly op: "receive" }>,
  ): PlainOutcome {
    const again = this.#repeat(queue, command);
    if (again !== undefined) return again;
    const leaseMs = command.visibilityMs ?? queue.attributes.visibilityTimeoutMs;
    const first = queue.nextToken;
    const chosen =
      queue.fifo === undefined
        ? this.#choose(queue, command)
        : this.#chooseFifo(queue, queue.fifo, command);
    for (const message of chosen) this.#grant(queue, message, leaseMs);
    const sequences = chosen.map((message) => message.sequence);
    const count = chosen.length;
    if (command.attempt !== undefined && count > 0 && leaseMs > 0) {
      const deadline = this.now + leaseMs;
      queue.fifo?.attempted(command.attempt, { at: this.now, deadline, first, leaseMs, sequences });
    }
    const grant = { first: count > 0 ? first : 0, count, leaseMs, replayed: false };
    const answer = granted(queue, this.now, chosen, grant);
    if (leaseMs === 0) for (const message of chosen) this.#comeBack(queue, message);
    this.#remember =
      count > 0 ? { command, answer, grant: { sequences, first, leaseMs } } : undefined;
    return answer;
  }

  /** The answer to a receive that is tried again under its attempt id, if nothing was done with its messages. */
  #repeat(
    queue: ModelQueue,
    command: Extract<TestCommand, { readonly op: "receive" }>,
  ): PlainOutcome | undefined {
    const id = command.attempt;
    const attempt = id === undefined ? undefined : queue.fifo?.attempt(id, this.now);
    if (attempt === undefined || id === undefined) return undefined;
    const { first, leaseMs, sequences } = attempt;
    const held = sequences.flatMap((sequence, i) =>
      queue.messages.filter(
        (message) =>
          message.sequence === sequence &&
          message.place === "leased" &&
          message.visibleAt === attempt.deadline &&
          message.token === first + i,
      ),
    );
    if (held.length < sequences.length) return undefined;
    const deadline = this.now + leaseMs;
    for (const message of held) {
      message.grantedAt = this.now;
      message.visibleAt = deadline;
      message.shownAgain = true;
    }
    queue.fifo?.attempted(id, { ...attempt, at: this.now, deadline });
    const count = held.length;
    const answer = granted(queue, this.now, held, { first, count, leaseMs, replayed: true });
    this.#remember = { command, answer, grant: { sequences: [...sequences], first, leaseMs } };
    return answer;
  }

  #chooseFifo(
    queue: ModelQueue,
    fifo: FifoModel,
    command: Extract<TestCommand, { readonly op: "receive" }>,
  ): Message[] {
    const chosen: Message[] = [];
    let bytes = command.maxBytes ?? 4_194_304;
    for (;;) {
      const group = fifo.nextGroup();
      let message = group === undefined ? undefined : fifo.first(queue.messages, group);
      if (message === undefined || chosen.length === command.limit) return chosen;
      while (message !== undefined) {
        const behind: Message | undefined = fifo.behind(queue.messages, message);
        if (isRedelivered(message) && this.#exhausted(queue, message)) {
          this.#move(queue, message);
        } else {
          const size = sizeOfClass(sizeClassOf(message.size));
          if (chosen.length === command.limit || (size > bytes && chosen.length > 0)) return chosen;
          bytes -= size;
          chosen.push(message);
          message.place = "leased";
          message.shownAgain = false;
          follow(queue);
        }
        message = behind;
      }
    }
  }

  #choose(queue: ModelQueue, command: Extract<TestCommand, { readonly op: "receive" }>): Message[] {
    let bytes = command.maxBytes ?? 4_194_304;
    const chosen: Message[] = [];
    for (const message of inReceiveOrder(queue)) {
      if (isRedelivered(message) && this.#exhausted(queue, message)) {
        this.#move(queue, message);
        continue;
      }
      const size = sizeOfClass(sizeClassOf(message.size));
      if (chosen.length === command.limit || (size > bytes && chosen.length > 0)) break;
      bytes -= size;
      chosen.push(message);
    }
    return chosen;
  }

  #grant(queue: ModelQueue, message: Message, leaseMs: number): void {
    message.place = "leased";
    message.token = queue.nextToken++;
    message.count += 1;
    message.grantedAt = this.now;
    message.visibleAt = this.now + leaseMs;
    if (message.count === 1) message.firstReceived = this.wall;
  }

  #settle(
    queue: ModelQueue,
    op: "tombstone" | "extend" | "release" | "undelivered",
    lease: { sequence: number; token: number; ms: number },
  ): number {
    const message = queue.messages.find(({ sequence }) => sequence === lease.sequence);
    if (message === undefined || message.place === "outbox") return 1;
    if (message.token !== lease.token) return 2;
    const isOver = message.place !== "leased" || message.visibleAt <= this.now;
    if (op === "tombstone") {
      if (queue.fifo !== undefined && isOver) return 3;
      remove(queue, message);
      return 0;
    }
    if (op === "undelivered") {
      if (message.shownAgain) return 2;
      message.count -= 1;
      message.token = 0;
      if (message.count === 0) message.firstReceived = 0;
      if (message.place !== "delayed") {
        // It is taken out of its place and comes back, even when it is there already.
        message.place = "leased";
        follow(queue);
        this.#comeBack(queue, message);
      }
      return 0;
    }
    if (isOver) return 3;
    if (op === "extend" && lease.ms > 0) {
      if (this.now + lease.ms - message.grantedAt > 43_200_000) return 4;
      message.visibleAt = this.now + lease.ms;
      return 0;
    }
    if (queue.fifo === undefined && this.#exhausted(queue, message)) this.#move(queue, message);
    else {
      message.place = lease.ms > 0 ? "delayed" : "ready";
      message.visibleAt = this.now + lease.ms;
    }
    follow(queue);
    return 0;
  }

  #accept(
    queue: ModelQueue,
    command: Extract<TestCommand, { readonly op: "accept" }>,
  ): PlainOutcome {
    const duplicate = command.outboxSequence <= (queue.accepted.get(command.source) ?? 0);
    if (!duplicate) {
      queue.accepted.set(command.source, command.outboxSequence);
      const [originQueue, originSequence] = command.origin;
      const body = { entry: this.index, size: recordBytes(command.size) };
      this.#append(queue, body, "ready", {
        count: command.count,
        countOnArrival: command.count,
        firstReceived: command.count > 0 ? command.firstReceived : 0,
        enqueuedSecond:
          queue.fifo === undefined
            ? Math.floor((this.now - command.ageMs) / 1_000)
            : Math.floor(this.now / 1_000),
        group: command.group ?? "",
        origin: { queue: originQueue, sequence: originSequence, source: command.source },
      });
    }
    return { kind: "accepted", duplicate };
  }

  #dropOutbox(
    queue: ModelQueue,
    command: Extract<TestCommand, { readonly op: "dropOutbox" }>,
  ): PlainOutcome {
    const dropped = queue.messages
      .filter((m) => m.place === "outbox" && m.outboxSequence <= command.through)
      .sort((a, b) => a.outboxSequence - b.outboxSequence);
    for (const message of dropped) {
      if (command.disposition === "accepted") remove(queue, message);
      else {
        if (queue.attributes.deadLetter?.queueId === message.target) {
          queue.attributes = { ...queue.attributes, deadLetter: undefined };
        }
        message.place = "ready";
        message.token = 0;
        follow(queue);
      }
    }
    return { kind: "done", changed: dropped.length > 0, replayed: false };
  }
}

function queueOf(command: TestCommand): number {
  return "queue" in command ? command.queue : 0;
}
