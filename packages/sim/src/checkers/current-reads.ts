/**
 * Reads of counters, attributes and names are linearizable, by index: an answer is the state after some entry that is
 * no older than the newest one that anybody had applied when the read was asked for, and no newer than the newest
 * when its answer came.
 */
import type { Attributes, Queue } from "../auditor/account.ts";
import type { Auditor } from "../auditor/auditor.ts";
import type {
  Answer,
  AttributeValues,
  Counters as CountersSeen,
  FairnessCounts,
} from "../history/event.ts";
import type { Call } from "../history/history.ts";
import type { Checker, NodeView, RunEnd, Violation } from "./checker.ts";
import { Verdicts } from "./verdicts.ts";

export class CurrentReads implements Checker {
  readonly name = "current-reads";
  readonly promise = "reads of counters, attributes and names are current";
  readonly #verdicts = new Verdicts(this.name, this.promise);
  readonly #auditor: Auditor;
  /** When the account reached an index: two columns, both ascending. */
  readonly #times: number[] = [];
  readonly #indexes: number[] = [];

  constructor(auditor: Auditor) {
    this.#auditor = auditor;
  }

  get violations(): readonly Violation[] {
    return this.#verdicts.list;
  }

  stepped(_node: NodeView, nowMs: number): void {
    const { index } = this.#auditor;
    if (index === (this.#indexes.at(-1) ?? 0)) return;
    this.#times.push(nowMs);
    this.#indexes.push(index);
  }

  ended(end: RunEnd): void {
    for (const call of end.history.calls()) this.#judge(call);
  }

  #judge(call: Call): void {
    const { invoked, answered } = call;
    const { operation } = invoked;
    if (answered === undefined) return;
    const { answer } = answered;
    if (operation.kind === "find" && answer.kind === "found") {
      this.#judgeName(call, operation.queue, answer.exists);
    } else if (operation.kind === "list" && answer.kind === "listed") {
      const listed = new Set(answer.queues);
      for (const name of listed) this.#judgeName(call, name, true);
      for (const name of this.#auditor.catalogue.changes.keys()) {
        const isMeant = name.startsWith(operation.prefix) && !listed.has(name);
        if (isMeant) this.#judgeName(call, name, false);
      }
    } else if (operation.kind === "describe" && answer.kind === "described") {
      this.#judgeState(call, operation.queue, answer);
    }
  }

  #judgeName(call: Call, name: string, isThere: boolean): void {
    const { floor, ceiling } = this.#windowOf(call);
    const changes = this.#auditor.catalogue.changes.get(name) ?? [];
    // What was so at the floor, and every change up to the ceiling.
    let before = false;
    for (const { index, isActive } of changes) {
      if (index <= floor) before = isActive;
      else if (index <= ceiling && isActive === isThere) return;
    }
    if (before === isThere) return;
    this.#verdicts.broken(
      `call ${call.invoked.call}: ${name} was ${isThere ? "there" : "not there"}, ` +
        `which it was never between indexes ${floor} and ${ceiling}`,
    );
  }

  #windowOf({ invoked, answered }: Call): { readonly floor: number; readonly ceiling: number } {
    const floor = this.#indexBefore(invoked.atMs);
    return { floor, ceiling: Math.max(floor, this.#indexBefore((answered?.atMs ?? 0) + 1)) };
  }

  #judgeState(
    call: Call,
    name: string,
    told: Extract<Answer, { readonly kind: "described" }>,
  ): void {
    const queue = this.#auditor.queuesByName.get(name);
    const { floor, ceiling } = this.#windowOf(call);
    if (queue !== undefined && wasReadable(queue, { floor, ceiling, ...told })) return;
    const { counters, fairness } = told;
    const groups =
      fairness === undefined
        ? ""
        : `${fairness.noisyGroups} noisy groups, ${fairness.availableQuiet} available of others, `;
    this.#verdicts.broken(
      `call ${call.invoked.call} on ${name}: told ${counters.available} available, ` +
        `${counters.inFlight} in flight, ${counters.delayed} delayed, ${groups}` +
        `which it was never between indexes ${floor} and ${ceiling}`,
    );
  }

  /** The index that had been reached before `atMs`. */
  #indexBefore(atMs: number): number {
    let [low, high] = [0, this.#times.length];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if ((this.#times[middle] ?? 0) < atMs) low = middle + 1;
      else high = middle;
    }
    return this.#indexes[low - 1] ?? 0;
  }
}

interface Seen {
  readonly floor: number;
  readonly ceiling: number;
  readonly counters: CountersSeen;
  readonly fairness?: FairnessCounts;
  readonly attributes: AttributeValues;
}

function wasReadable(queue: Queue, seen: Seen): boolean {
  const { states } = queue;
  // The last state at or before the floor is where the window begins.
  let [low, high] = [0, states.length];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if ((states[middle]?.index ?? 0) <= seen.floor) low = middle + 1;
    else high = middle;
  }
  for (let at = Math.max(0, low - 1); at < states.length; at++) {
    const state = states[at];
    if (state === undefined || state.index > seen.ceiling) return false;
    const { available, inFlight, delayed, noisyGroups, availableQuiet } = state.counters;
    const { fairness } = seen;
    const isSame =
      available === seen.counters.available &&
      inFlight === seen.counters.inFlight &&
      delayed === seen.counters.delayed &&
      noisyGroups === (fairness?.noisyGroups ?? noisyGroups) &&
      availableQuiet === (fairness?.availableQuiet ?? availableQuiet) &&
      hasValues(state.attributes, seen.attributes);
    if (isSame) return true;
  }
  return false;
}

function hasValues(attributes: Attributes, values: AttributeValues): boolean {
  for (const [name, value] of Object.entries(values)) {
    if (attributes.numbers.get(name) !== value) return false;
  }
  return true;
}
