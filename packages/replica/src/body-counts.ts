/**
 * Births and deaths of bodies on their way from the machine to the store. An entry can be committed and
 * applied before it is on this node's own disk; the store knows an entry only once it is, so what
 * concerns later ones is held back until then.
 */
import type { LogIndex } from "@kqueuey/base";
import { logIndex } from "@kqueuey/base";
import type { QueueMachine } from "@kqueuey/queue";
import type { GroupStore } from "@kqueuey/storage";

export class BodyCounts {
  readonly #store: GroupStore;
  #durable: LogIndex;
  /** Held back, in the order told: entry -> count. */
  #births = new Map<LogIndex, number>();
  #deaths = new Map<LogIndex, number>();

  /** `durable`: the last entry that is on this node's disk. */
  constructor(store: GroupStore, durable: LogIndex) {
    this.#store = store;
    this.#durable = durable;
  }

  /** Tells the store what was born since the last call. */
  births(machine: QueueMachine): void {
    machine.drainBodyBirths((entry, count) => {
      if (entry <= this.#durable) this.#store.bodiesBorn(entry, count);
      else this.#births.set(entry, (this.#births.get(entry) ?? 0) + count);
    });
  }

  /** Tells the store what died since the last call; after the births. */
  deaths(machine: QueueMachine): void {
    machine.drainBodyDeaths((entry, count) => {
      if (entry <= this.#durable) this.#store.bodiesDied(entry, count);
      else this.#deaths.set(entry, (this.#deaths.get(entry) ?? 0) + count);
    });
  }

  /** The log is durable up to `index`, or was replaced by a snapshot that reaches there. */
  durable(index: LogIndex): void {
    this.#durable = index;
    this.#births = this.#pass(this.#births, (entry, count) => this.#store.bodiesBorn(entry, count));
    this.#deaths = this.#pass(this.#deaths, (entry, count) => this.#store.bodiesDied(entry, count));
  }

  /** A snapshot replaced the state: it told the store what is alive. */
  reset(durable: number): void {
    this.#durable = logIndex(durable);
    this.#births.clear();
    this.#deaths.clear();
  }

  #pass(
    held: Map<LogIndex, number>,
    tell: (entry: LogIndex, count: number) => void,
  ): Map<LogIndex, number> {
    if (held.size === 0) return held;
    const rest = new Map<LogIndex, number>();
    for (const [entry, count] of held) {
      if (entry <= this.#durable) tell(entry, count);
      else rest.set(entry, count);
    }
    return rest;
  }
}
