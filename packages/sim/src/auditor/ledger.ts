/**
 * What the auditor remembers of requests: those with an id of their own for 60 to 120 seconds of cluster time, in two
 * halves; those that are counted in a session for as long as they are near its highest.
 */
import type { AuditedCommand, Counted } from "./entry-reader.ts";
import type { AuditedOutcome } from "./outcome.ts";

const WINDOW_MS = 60_000;
/** How far behind a session's highest count its answers are kept. */
const SESSION_WINDOW = 64;

interface Session {
  highest: number;
  readonly answers: Map<number, Remembered>;
}

export interface Remembered {
  readonly kind: AuditedCommand["kind"];
  readonly queueId: number;
  readonly outcome: AuditedOutcome;
}

export class Ledger {
  #current = new Map<string, Remembered>();
  #previous = new Map<string, Remembered>();
  #began = 0;
  readonly #sessions = new Map<number, Session>();
  #opened = 0;

  advance(now: number): void {
    if (now - this.#began < WINDOW_MS) return;
    this.#previous = this.#current;
    this.#current = new Map();
    this.#began = now;
  }

  openSession(): void {
    this.#opened += 1;
    this.#sessions.set(this.#opened, { highest: 0, answers: new Map() });
  }

  /** "expired": what became of it can't be told any more. */
  find(key: string, counted: Counted | undefined): Remembered | "expired" | undefined {
    if (counted === undefined) return this.#current.get(key) ?? this.#previous.get(key);
    const session = this.#sessions.get(counted.session);
    if (session === undefined || counted.count <= session.highest - SESSION_WINDOW) {
      return "expired";
    }
    return session.answers.get(counted.count);
  }

  remember(key: string, counted: Counted | undefined, what: Remembered): void {
    if (counted === undefined) {
      this.#current.set(key, what);
      return;
    }
    const session = this.#sessions.get(counted.session);
    session?.answers.set(counted.count, what);
    if (session !== undefined) session.highest = Math.max(session.highest, counted.count);
  }
}
