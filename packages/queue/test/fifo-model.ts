/** What a FIFO queue has besides its messages, naively: turns by group, and what was sent and tried lately. */

/** A message as far as its group matters. */
export interface GroupedMessage {
  readonly sequence: number;
  readonly group: string;
  readonly place: "ready" | "delayed" | "leased" | "outbox";
}

interface Attempt {
  readonly at: number;
  readonly deadline: number;
  readonly first: number;
  readonly leaseMs: number;
  readonly sequences: readonly number[];
}

const WINDOW_MS = 300_000;

export class FifoModel {
  readonly scope: "queue" | "messageGroup";
  #nextTurn = 1;
  /** By group: its turn, and the message that it was given for. */
  #turns = new Map<string, { readonly sequence: number; readonly turn: number }>();
  #sends = new Map<string, { readonly sequence: number; readonly at: number }>();
  #attempts = new Map<string, Attempt>();

  constructor(scope: "queue" | "messageGroup") {
    this.scope = scope;
  }

  /** After every single change of a message: groups whose first message came to be ready get a turn. */
  follow(messages: readonly GroupedMessage[]): void {
    const firsts = new Map<string, GroupedMessage>();
    for (const message of inOrder(messages)) {
      if (!firsts.has(message.group)) firsts.set(message.group, message);
    }
    for (const [group, { sequence }] of this.#turns) {
      const first = firsts.get(group);
      if (first?.sequence !== sequence || first.place !== "ready") this.#turns.delete(group);
    }
    for (const [group, { sequence, place }] of firsts) {
      if (place !== "ready" || this.#turns.has(group)) continue;
      this.#turns.set(group, { sequence, turn: this.#nextTurn++ });
    }
  }

  /** The group whose turn it is. */
  nextGroup(): string | undefined {
    let next: string | undefined;
    let least = Number.POSITIVE_INFINITY;
    for (const [group, { turn }] of this.#turns) {
      if (turn >= least) continue;
      least = turn;
      next = group;
    }
    return next;
  }

  /** The first message of a group, if it is ready. */
  first<M extends GroupedMessage>(messages: readonly M[], group: string): M | undefined {
    const first = inOrder(messages).find((message) => message.group === group);
    return first?.place === "ready" ? first : undefined;
  }

  /** The message behind another in its group, if it is ready. */
  behind<M extends GroupedMessage>(messages: readonly M[], before: M): M | undefined {
    const next = inOrder(messages).find(
      ({ group, sequence }) => group === before.group && sequence > before.sequence,
    );
    return next?.place === "ready" ? next : undefined;
  }

  /** The sequence that a send repeats. */
  repeats(group: string, deduplicationId: string, now: number): number | undefined {
    const sent = this.#sends.get(this.#key(group, deduplicationId));
    return sent !== undefined && sent.at + WINDOW_MS > now ? sent.sequence : undefined;
  }

  sent(group: string, deduplicationId: string, sent: { sequence: number; at: number }): void {
    this.#sends.set(this.#key(group, deduplicationId), sent);
  }

  attempt(id: string, now: number): Attempt | undefined {
    const attempt = this.#attempts.get(id);
    const known = attempt !== undefined && attempt.at + WINDOW_MS > now && attempt.deadline > now;
    return known ? attempt : undefined;
  }

  attempted(id: string, attempt: Attempt): void {
    this.#attempts.set(id, attempt);
  }

  purge(): void {
    this.#turns = new Map();
    this.#sends = new Map();
    this.#attempts = new Map();
  }

  #key(group: string, deduplicationId: string): string {
    return this.scope === "queue" ? deduplicationId : `${group}/${deduplicationId}`;
  }
}

function inOrder<M extends GroupedMessage>(messages: readonly M[]): M[] {
  return messages.filter(({ place }) => place !== "outbox").sort((a, b) => a.sequence - b.sequence);
}
