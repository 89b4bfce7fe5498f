/**
 * The words of the queue's scripts. Each command is one entry of the log; `at=` is its cluster time (the
 * time of the command before it, if absent). Times are `250` (ms), `3s`, `2m`, `4h`, `1d`.
 *
 *     create Q [visibility=] [delay=] [retention=] [dead=Q|99@7] [max=]    queues are numbered as they are created
 *     set Q [visibility=] … [dead=none] [policy=TEXT] [policy-was=TEXT|none]    (if it was so)
 *     create Q fifo [scope=messageGroup]    a FIFO queue
 *     send Q [count=1] [size=1] [delay=]
 *     send Q GROUP[/DEDUPLICATION] …    to a FIFO queue; without an id of its own, a message repeats no other
 *     receive Q [limit=10] [lease=] [bytes=] [attempt=]
 *     tombstone|undelivered Q SEQUENCE/TOKEN …    extend|release Q SEQUENCE/TOKEN … [ms=0]
 *     purge Q [interval=] · delete Q · time · init secret=N · session
 *     reserve NAME · confirm|mark|forget N · unfinished · list [prefix=] [after=] [limit=]
 *     outbox Q · accept Q source= number= [count=0] [age=] · drop Q through= [returned]
 *     move Q task=N [to=Q] [rate=] · cancel Q task=N · moves Q
 *     counters · due · window · woken · restore     (not entries: they look, or replace the machine by its checkpoint)
 *
 * `id=TEXT` gives a command a request id, `id=S:N` the N-th of session S.
 */
import { groupId } from "@kqueuey/base";
import type { ScriptCommand } from "@kqueuey/base/testing";
import {
  type MoveTaskView,
  type QueueAttributeChanges,
  type QueueAttributes,
  queueId,
  type TextChanges,
} from "../src/index.ts";
import {
  checkpoint,
  Driver,
  type PlainOutcome,
  restore,
  type TestCommand,
  type TestLease,
  type TestRequest,
  type UnitStore,
  WALL_AHEAD_MS,
} from "./driver.ts";

const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

function parseMs(text: string): number {
  const match = /^([\d.]+)([smhd]?)$/.exec(text);
  if (match === null) throw new Error(`not a time: ${text}`);
  return Math.round(Number(match[1]) * (UNITS[match[2] ?? ""] ?? 1));
}

function showMs(ms: number): string {
  return `${ms / 1_000}s`;
}

/** The text to set, and what it must have been. */
function texts({ values }: ScriptCommand): { extra?: TextChanges; expected?: TextChanges } {
  const policy = values.get("policy");
  const was = values.get("policy-was");
  return {
    ...(policy === undefined ? {} : { extra: new Map([["Policy", policy]]) }),
    ...(was === undefined
      ? {}
      : { expected: new Map([["Policy", was === "none" ? undefined : was]]) }),
  };
}

/** Runs the commands of one script on a machine of its own. */
export class Script {
  readonly #driver = new Driver();
  readonly #names: string[] = [];
  #ownIds = 1;

  execute(command: ScriptCommand): string {
    const at = command.values.get("at");
    if (at !== undefined) this.#driver.timeMs = parseMs(at);
    const looked = this.#look(command);
    if (looked !== undefined) return looked === "" ? "(none)" : looked;
    const test = this.#read(command);
    const outcomes = this.#driver.run(test === undefined ? [] : [test]);
    const violation = this.#driver.machine.checkInvariants();
    if (violation !== undefined) return `VIOLATION ${violation}`;
    if (test === undefined) return `now ${showMs(this.#driver.machine.now)}`;
    return outcomes.map((outcome) => show(outcome)).join("\n");
  }

  #id(name: string | undefined): number {
    const place = this.#names.indexOf(name ?? "");
    if (place >= 0) return place + 1;
    return Number(name) || 99;
  }

  #look(command: ScriptCommand): string | undefined {
    const { machine } = this.#driver;
    switch (command.name) {
      case "counters":
        return machine
          .queueIds()
          .map((id) => {
            const view = machine.describe(id);
            const outbox = view?.outbox ? ` outbox=${view.outbox}` : "";
            return `${this.#names[id - 1]}: available=${view?.available} in-flight=${view?.inFlight} delayed=${view?.delayed}${outbox}`;
          })
          .join("\n");
      case "due": {
        const due = machine.nextDue();
        return `${due === undefined ? "nothing due" : `due at ${showMs(due)}`}${machine.pending() ? ", and now" : ""}`;
      }
      case "window":
        return `${showMs(machine.idempotencyWindowMs)}`;
      case "woken":
        return machine
          .drainWoken()
          .map((id) => this.#names[id - 1] ?? "")
          .join(" ");
      case "outbox":
        return machine
          .outbox(queueId(this.#id(command.words[0])), 100)
          .map(
            (m) =>
              `${m.outboxSequence}: ${m.originQueue}#${m.originSequence} to ${m.targetQueue}@${m.targetGroup} count=${m.receiveCount} age=${showMs(m.ageMs)}`,
          )
          .join("\n");
      case "moves":
        return (machine.moveTasks(queueId(this.#id(command.words[0]))) ?? [])
          .map((task) => showTask(task))
          .join("\n");
      case "unfinished":
        return machine
          .unfinished(100)
          .map((entry) => `${entry.queueId} ${entry.name} ${entry.state}`)
          .join("\n");
      case "list":
        return machine
          .list({
            prefix: command.values.get("prefix") ?? "",
            after: command.values.get("after") ?? "",
            limit: Number(command.values.get("limit") ?? 100),
          })
          .map((entry) => `${entry.queueId} ${entry.name}`)
          .join("\n");
      case "restore":
        return this.#restore();
      default:
        return undefined;
    }
  }

  #restore(): string {
    const store: UnitStore = new Map();
    const before = this.#driver.machine.stateHash();
    checkpoint(this.#driver.machine, store, { mode: "full" });
    const machine = restore(store);
    if (typeof machine === "string") return machine;
    this.#driver.machine = machine;
    return machine.stateHash() === before ? "equal state" : "ANOTHER STATE";
  }

  #read(command: ScriptCommand): TestCommand | undefined {
    const { words } = command;
    if (command.name === "create" && words[0] !== undefined && !this.#names.includes(words[0])) {
      this.#names.push(words[0]);
    }
    const id = readRequest(command.values.get("id"));
    const test = this.#readOperation(command, this.#id(words[0]));
    return test === undefined ? undefined : { ...test, id };
  }

  #readOperation(command: ScriptCommand, queue: number): TestCommand | undefined {
    const { values, words } = command;
    const number = (name: string, usual: number): number => Number(values.get(name) ?? usual);
    const ms = (name: string): number | undefined => {
      const text = values.get(name);
      return text === undefined ? undefined : parseMs(text);
    };
    if (command.name === "time") return undefined;
    switch (command.name) {
      case "create":
        return { op: "create", queue, attributes: this.#readAttributes(command) };
      case "set":
        return { op: "set", queue, attributes: this.#readAttributes(command), ...texts(command) };
      case "send": {
        if (words.length > 1) return this.#readGrouped(queue, words.slice(1));
        const message = { size: number("size", 1), delayMs: ms("delay") };
        return { op: "send", queue, messages: Array(number("count", 1)).fill(message) };
      }
      case "receive": {
        const visibilityMs = ms("lease");
        const maxBytes = number("bytes", 1_000_000);
        const attempt = values.get("attempt");
        return {
          op: "receive",
          queue,
          limit: number("limit", 10),
          maxBytes,
          visibilityMs,
          attempt,
        };
      }
      case "tombstone":
      case "undelivered":
      case "extend":
      case "release":
        return { op: command.name, queue, leases: readLeases(words.slice(1), ms("ms") ?? 0) };
      case "move":
      case "cancel":
        return this.#readMove(command, queue);
      case "purge":
        return { op: "purge", queue, intervalMs: ms("interval") };
      case "delete":
        return { op: "delete", queue };
      case "confirm":
      case "mark":
      case "forget":
        return { op: command.name, queue: Number(words[0]) };
      case "reserve":
        return { op: "reserve", name: words[0] ?? "" };
      case "session":
        return { op: "openSession" };
      case "init":
        return { op: "init", secret: number("secret", 1) };
      case "accept":
        return readAccept(command.values, queue);
      case "drop":
        return {
          op: "dropOutbox",
          queue,
          through: number("through", 0),
          disposition: words.includes("returned") ? "returned" : "accepted",
        };
      default:
        throw new Error(`no such command: ${command.name}`);
    }
  }

  #readMove({ name, values }: ScriptCommand, queue: number): TestCommand {
    const task = Number(values.get("task") ?? 1);
    if (name === "cancel") return { op: "cancelMove", queue, task };
    const to = values.get("to");
    const destination = to === undefined ? undefined : this.#id(to);
    const perSecond = Number(values.get("rate") ?? 0) || undefined;
    return { op: "startMove", queue, task, destination, perSecond };
  }

  #readGrouped(queue: number, words: readonly string[]): TestCommand {
    const messages = words.map((word) => {
      const [group = "", deduplicationId = `own ${this.#ownIds++}`] = word.split("/");
      return { size: 1, group, deduplicationId };
    });
    return { op: "sendFifo", queue, messages };
  }

  #readAttributes({ values, words }: ScriptCommand): QueueAttributeChanges {
    const changes: { -readonly [K in keyof QueueAttributes]?: QueueAttributes[K] } = {};
    const visibility = values.get("visibility");
    const delay = values.get("delay");
    const retention = values.get("retention");
    const dead = values.get("dead");
    if (words.includes("fifo")) {
      const deduplicationScope = values.get("scope") === "messageGroup" ? "messageGroup" : "queue";
      changes.fifo = { deduplicationScope, contentBasedDeduplication: false };
    }
    if (visibility !== undefined) changes.visibilityTimeoutMs = parseMs(visibility);
    if (delay !== undefined) changes.delayMs = parseMs(delay);
    if (retention !== undefined) changes.retentionMs = parseMs(retention);
    if (dead === "none") changes.deadLetter = undefined;
    else if (dead !== undefined) {
      const [name, group = "0"] = dead.split("@");
      changes.deadLetter = {
        queueId: queueId(this.#id(name)),
        group: groupId(Number(group)),
        maximumReceives: Number(values.get("max") ?? 3),
      };
    }
    return changes;
  }
}

function readAccept(values: ReadonlyMap<string, string>, queue: number): TestCommand {
  const source = Number(values.get("source") ?? 50);
  const outboxSequence = Number(values.get("number") ?? 1);
  return {
    op: "accept",
    queue,
    source,
    outboxSequence,
    origin: [source, outboxSequence],
    count: Number(values.get("count") ?? 0),
    firstReceived: 500 + WALL_AHEAD_MS,
    ageMs: parseMs(values.get("age") ?? "0"),
    size: 1,
    group: values.get("group"),
  };
}

function readRequest(text: string | undefined): TestRequest {
  const session = /^(\d+):(\d+)$/.exec(text ?? "");
  if (session === null) return text;
  return { session: Number(session[1]), count: Number(session[2]) };
}

function readLeases(words: readonly string[], ms: number): TestLease[] {
  return words.map((word) => {
    const [sequence, token] = word.split("/");
    return [Number(sequence), Number(token), ms];
  });
}

const RESULTS = ["ok", "gone", "stale", "not in flight", "too long"];

function show(outcome: PlainOutcome): string {
  const replayed = outcome["replayed"] === true ? " (replayed)" : "";
  switch (outcome["kind"]) {
    case "refused":
      return `refused: ${outcome["reason"]}`;
    case "sent": {
      const sequences = outcome["sequences"] as number[] | undefined;
      if (sequences !== undefined) return `sent ${sequences.join(" ")}${replayed}`;
      const first = Number(outcome["firstSequence"]);
      const last = first + Number(outcome["count"]) - 1;
      return `sent ${first === last ? first : `${first} to ${last}`}${replayed}`;
    }
    case "granted":
      return showGrant(outcome, replayed);
    case "settled":
      return (outcome["results"] as number[]).map((r) => RESULTS[r]).join(", ") + replayed;
    case "done":
      return (outcome["changed"] === true ? "done" : "nothing to do") + replayed;
    case "reserved":
      return `${outcome["created"] === true ? "reserved" : "taken"} ${outcome["queueId"]} ${outcome["state"]}${replayed}`;
    case "move":
      return `task ${(outcome["taskId"] as number[])[0]} moved ${outcome["moved"]}${replayed}`;
    case "session":
      return `session ${outcome["sessionId"]}${replayed}`;
    default:
      return outcome["duplicate"] === true ? "accepted before" : "accepted";
  }
}

function showTask(task: MoveTaskView): string {
  const where = task.destination === undefined ? "back" : `to ${task.destination}`;
  const why = task.failure === "none" ? "" : ` (${task.failure})`;
  const rate = task.perSecond === undefined ? "" : ` rate=${task.perSecond}`;
  const started = showMs(task.startedAtMs - WALL_AHEAD_MS);
  return `${task.taskId[0]} ${task.status}${why} ${where}${rate} moved ${task.moved} of ${task.toMove} started=${started}`;
}

function showGrant(outcome: PlainOutcome, replayed: string): string {
  const column = (name: string): number[] => (outcome[name] as number[] | undefined) ?? [];
  const lines = column("sequences").map((sequence, i) => {
    const origin = column("originQueues")[i] ?? 0;
    const moved =
      origin === 0
        ? ""
        : ` origin=${origin}#${column("originSequences")[i]} from=${column("sourceQueues")[i]}`;
    const first = (column("firstReceived")[i] ?? 0) - WALL_AHEAD_MS;
    return `${sequence}/${column("tokens")[i]} count=${column("receiveCounts")[i]} until=${showMs(column("deadlines")[i] ?? 0)} first=${showMs(first)}${moved}${replayed}`;
  });
  if (lines.length > 50) return `${lines.length} messages`;
  return lines.length === 0 ? `nothing${replayed}` : lines.join("\n");
}
