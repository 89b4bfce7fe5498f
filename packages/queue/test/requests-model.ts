/** What is remembered of requests for retries, naively: two generations of a minute, and sessions. */
import type { PlainOutcome, TestCommand, TestRequest } from "./driver.ts";

/** What a retry needs: the kind of command, and either the answer or the grant. */
export interface Remembered {
  readonly command: TestCommand;
  readonly answer: PlainOutcome;
  readonly grant?: { sequences: number[]; first: number; leaseMs: number };
}

interface ModelSession {
  highest: number;
  answers: Map<number, Remembered>;
}

export class RequestsModel {
  #generationStart = 0;
  #current = new Map<string, Remembered>();
  #previous = new Map<string, Remembered>();
  readonly #sessions = new Map<number, ModelSession>();
  #nextSession = 1;

  advance(now: number): void {
    if (now - this.#generationStart < 60_000) return;
    this.#previous = this.#current;
    this.#current = new Map();
    this.#generationStart = now;
  }

  openSession(): number {
    const sessionId = this.#nextSession++;
    this.#sessions.set(sessionId, { highest: 0, answers: new Map() });
    return sessionId;
  }

  find(id: TestRequest): Remembered | "expired" | undefined {
    if (id === undefined) return undefined;
    if (typeof id === "string") return this.#current.get(id) ?? this.#previous.get(id);
    const session = this.#sessions.get(id.session);
    if (session === undefined || id.count <= session.highest - 64) return "expired";
    return session.answers.get(id.count);
  }

  keep(id: TestRequest, remembered: Remembered): void {
    // A receive that granted nothing is executed anew when it is tried again.
    if (id === undefined || (remembered.command.op === "receive" && remembered.grant === undefined))
      return;
    if (typeof id === "string") {
      this.#current.set(id, remembered);
      return;
    }
    const session = this.#sessions.get(id.session);
    if (session === undefined) return;
    session.answers.set(id.count, remembered);
    session.highest = Math.max(session.highest, id.count);
  }
}
