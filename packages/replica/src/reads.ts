/** Linearizable reads on the leader: each waits for its round of heartbeats, then for the state to be that far. */
import type { LogIndex } from "@kqueuey/base";

/** Answers once; either `answer` when the state is fresh enough, or `lost` when leadership went. */
export interface PendingRead {
  answer(): void;
  lost(): void;
}

export class Reads {
  #nextContext = 1;
  readonly #asked = new Map<number, PendingRead>();
  /** Confirmed reads that wait for the state machine, ascending by index. */
  readonly #confirmed: { readonly index: LogIndex; readonly read: PendingRead }[] = [];

  /** Registers a read; the context goes to raft. */
  add(read: PendingRead): number {
    const context = this.#nextContext++;
    this.#asked.set(context, read);
    return context;
  }

  /** Raft would not take the read. */
  remove(context: number): void {
    this.#asked.delete(context);
  }

  /** Raft confirmed: the read may be answered at `index`. */
  confirmed(context: number, index: LogIndex): void {
    const read = this.#asked.get(context);
    if (read === undefined) return;
    this.#asked.delete(context);
    this.#confirmed.push({ index, read });
  }

  /** The state is at `applied`: answers all reads that it is fresh enough for. */
  answerUpTo(applied: LogIndex): void {
    while (this.#confirmed.length > 0) {
      const ready = this.#confirmed.findIndex((each) => each.index <= applied);
      if (ready < 0) return;
      const [each] = this.#confirmed.splice(ready, 1);
      each?.read.answer();
    }
  }

  /** Leadership is gone. */
  loseAll(): void {
    const lost = [...this.#asked.values(), ...this.#confirmed.map((each) => each.read)];
    this.#asked.clear();
    this.#confirmed.length = 0;
    for (const read of lost) read.lost();
  }
}
