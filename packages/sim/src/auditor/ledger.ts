/** What the auditor remembers of request ids: for 60 to 120 seconds of cluster time, as promised, in two halves. */
import type { AuditedCommand } from "./entry-reader.ts";
import type { AuditedOutcome } from "./outcome.ts";

const WINDOW_MS = 60_000;

export interface Remembered {
  readonly kind: AuditedCommand["kind"];
  readonly queueId: number;
  readonly outcome: AuditedOutcome;
}

export class Ledger {
  #current = new Map<string, Remembered>();
  #previous = new Map<string, Remembered>();
  #began = 0;

  advance(now: number): void {
    if (now - this.#began < WINDOW_MS) return;
    this.#previous = this.#current;
    this.#current = new Map();
    this.#began = now;
  }

  find(key: string): Remembered | undefined {
    return this.#current.get(key) ?? this.#previous.get(key);
  }

  remember(key: string, what: Remembered): void {
    this.#current.set(key, what);
  }
}
