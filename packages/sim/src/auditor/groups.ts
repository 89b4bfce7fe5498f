/** The message groups of a FIFO queue: who is in which, in order, and whose turn it is. */

/** A message as far as its group matters. */
export interface Grouped {
  readonly sequence: number;
  /** Its group's name. */
  readonly group: string;
  readonly place: "ready" | "delayed" | "leased" | "gone";
}

export class Groups<M extends Grouped> {
  /** Of each group its messages, by sequence, which is also the order of insertion. */
  readonly #groups = new Map<string, Map<number, M>>();
  /** Groups whose first message is ready, in the order in which that came to be. */
  readonly #round = new Set<string>();

  join(message: M): void {
    const group = this.#groups.get(message.group);
    if (group === undefined)
      this.#groups.set(message.group, new Map([[message.sequence, message]]));
    else group.set(message.sequence, message);
  }

  leave(message: M): void {
    const { group: name, sequence } = message;
    const group = this.#groups.get(name);
    if (group === undefined) return;
    // Another first message is another turn.
    if (firstOf(group) === message) this.#round.delete(name);
    group.delete(sequence);
    this.follow(name);
    if (group.size === 0) this.#groups.delete(name);
  }

  /** A message of the group came to be in another place. */
  follow(name: string): void {
    if (firstOf(this.#groups.get(name))?.place === "ready") this.#round.add(name);
    else this.#round.delete(name);
  }

  /** The messages of the group whose turn it is. */
  next(): Iterable<M> | undefined {
    for (const name of this.#round) return this.#groups.get(name)?.values();
    return undefined;
  }

  /** The first message of the oldest group that may be received from, by the sequences of their first messages. */
  oldest(): M | undefined {
    let oldest: M | undefined;
    for (const name of this.#round) {
      const first = firstOf(this.#groups.get(name));
      if (first === undefined) continue;
      if (oldest === undefined || first.sequence < oldest.sequence) oldest = first;
    }
    return oldest;
  }

  clear(): void {
    this.#groups.clear();
    this.#round.clear();
  }
}

function firstOf<M>(group: ReadonlyMap<number, M> | undefined): M | undefined {
  for (const message of group?.values() ?? []) return message;
  return undefined;
}
