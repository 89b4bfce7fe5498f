/**
 * Messages on their way out. Those that promise something wait here for the write that makes it true,
 * so the driver sends whatever it is given and has no order of its own to keep.
 */

import type { RaftMessage } from "./message.ts";
import type { EntriesRequest, ReadState, SnapshotRequest } from "./ready.ts";

/** Messages that wait for a write. Past it they are dropped, as a network might: the disk is stuck. */
const WAITING_MAX = 1_024;

interface Waiting {
  readonly writeId: number;
  readonly message: RaftMessage;
}

export class Outbox {
  messages: RaftMessage[] = [];
  readStates: ReadState[] = [];
  readEntries: EntriesRequest[] = [];
  sendSnapshots: SnapshotRequest[] = [];
  #waiting: Waiting[] = [];

  get isEmpty(): boolean {
    return (
      this.messages.length === 0 &&
      this.readStates.length === 0 &&
      this.readEntries.length === 0 &&
      this.sendSnapshots.length === 0
    );
  }

  /** Holds `message` back until write `writeId` is durable. */
  sendAfter(writeId: number, message: RaftMessage): void {
    if (this.#waiting.length < WAITING_MAX) this.#waiting.push({ writeId, message });
  }

  /** Write `writeId` and all before it are durable. */
  release(writeId: number): void {
    if (this.#waiting.length === 0) return;
    const rest: Waiting[] = [];
    for (const waiting of this.#waiting) {
      if (waiting.writeId <= writeId) this.messages.push(waiting.message);
      else rest.push(waiting);
    }
    this.#waiting = rest;
  }
}
