/** Names of queues, as group 0 keeps them: reserved, active, deleting, free again. */
import { type AuditedOutcome, done, refused } from "./outcome.ts";

interface Named {
  readonly id: number;
  readonly name: string;
  state: "reserved" | "active" | "deleting";
}

/** From `index` on. */
export interface NameChange {
  readonly index: number;
  readonly isActive: boolean;
}

export class AuditedCatalogue {
  readonly #byName = new Map<string, Named>();
  readonly #byId = new Map<number, Named>();
  #nextId = 1;
  /** Since when each name led to a queue that could be used, and since when not, by index, ascending. */
  readonly changes: Map<string, NameChange[]> = new Map();

  reserve(name: string): AuditedOutcome {
    if (this.#byName.has(name)) return done(false);
    const named: Named = { id: this.#nextId, name, state: "reserved" };
    this.#nextId += 1;
    this.#byName.set(name, named);
    this.#byId.set(named.id, named);
    return done(true);
  }

  confirm(id: number, index: number): AuditedOutcome {
    const named = this.#byId.get(id);
    if (named === undefined) return refused("queue-not-found");
    if (named.state === "deleting") return refused("wrong-state");
    const changed = named.state === "reserved";
    named.state = "active";
    if (changed) this.#note(named.name, { index, isActive: true });
    return done(changed);
  }

  markDeleting(id: number, index: number): AuditedOutcome {
    const named = this.#byId.get(id);
    if (named === undefined) return refused("queue-not-found");
    const changed = named.state !== "deleting";
    if (named.state === "active") this.#note(named.name, { index, isActive: false });
    named.state = "deleting";
    return done(changed);
  }

  forget(id: number): AuditedOutcome {
    const named = this.#byId.get(id);
    if (named === undefined) return done(false);
    if (named.state !== "deleting") return refused("wrong-state");
    this.#byId.delete(id);
    this.#byName.delete(named.name);
    return done(true);
  }

  #note(name: string, change: NameChange): void {
    const changes = this.changes.get(name);
    if (changes === undefined) this.changes.set(name, [change]);
    else changes.push(change);
  }
}
