/**
 * The memberships in the log. The newest is in force from the moment it is in the log, committed or not
 * (paper §6), so when the log is cut, an older one comes back.
 */
import { assert, must } from "@kqueuey/base";
import type { MembershipAt } from "../types.ts";

export class MembershipLog {
  // Ascending by index, never empty.
  readonly #entries: MembershipAt[];

  constructor(first: MembershipAt) {
    this.#entries = [first];
  }

  /** The one in force. */
  get latest(): MembershipAt {
    return must(this.#entries.at(-1), "there is always a membership");
  }

  /** The one in force at `index`; the oldest known if `index` is before it. */
  at(index: number): MembershipAt {
    let found = must(this.#entries[0], "there is always a membership");
    for (const entry of this.#entries) if (entry.index <= index) found = entry;
    return found;
  }

  push(entry: MembershipAt): void {
    assert(entry.index > this.latest.index, "memberships ascend");
    this.#entries.push(entry);
  }

  /** The log was cut from `index` on. True when another membership is in force now. */
  truncateFrom(index: number): boolean {
    const before = this.latest;
    while (this.#entries.length > 1 && this.latest.index >= index) this.#entries.pop();
    assert(this.latest.index < index, "a committed membership was cut");
    return this.latest !== before;
  }

  /** Forgets those that were replaced at or before `index`. */
  compact(index: number): void {
    while ((this.#entries[1]?.index ?? index + 1) <= index) this.#entries.shift();
  }

  /** A snapshot replaced the log. */
  reset(entry: MembershipAt): void {
    this.#entries.length = 0;
    this.#entries.push(entry);
  }
}
