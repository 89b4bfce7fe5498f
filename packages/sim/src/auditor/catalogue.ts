/** Names of queues, as group 0 keeps them: reserved, active, deleting, free again. */
import { type AuditedOutcome, done, refused } from "./outcome.ts";

interface Named {
  readonly id: number;
  readonly name: string;
  state: "reserved" | "active" | "deleting";
}

export class AuditedCatalogue {
  readonly #byName = new Map<string, Named>();
  readonly #byId = new Map<number, Named>();
  #nextId = 1;

  reserve(name: string): AuditedOutcome {
    if (this.#byName.has(name)) return done(false);
    const named: Named = { id: this.#nextId, name, state: "reserved" };
    this.#nextId += 1;
    this.#byName.set(name, named);
    this.#byId.set(named.id, named);
    return done(true);
  }

  confirm(id: number): AuditedOutcome {
    const named = this.#byId.get(id);
    if (named === undefined) return refused("queue-not-found");
    if (named.state === "deleting") return refused("wrong-state");
    const changed = named.state === "reserved";
    named.state = "active";
    return done(changed);
  }

  markDeleting(id: number): AuditedOutcome {
    const named = this.#byId.get(id);
    if (named === undefined) return refused("queue-not-found");
    const changed = named.state !== "deleting";
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

  /** Whether the name leads to a queue that can be used. */
  isActive(name: string): boolean {
    return this.#byName.get(name)?.state === "active";
  }
}
