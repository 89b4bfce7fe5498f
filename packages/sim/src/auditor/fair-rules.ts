/**
 * Fairness between the message groups of a standard queue, written a second time: who is noisy, and the order in
 * which messages are handed out, are found anew from all of the queue's messages at each receive.
 */
import type { FairnessCounts } from "../history/event.ts";
import { type Grant, isRedelivered, type Message, type Queue, setPlace } from "./account.ts";
import { type Asked, type Moment, type Rules, roundedBytes } from "./rules.ts";

/** What a queue says that did not say anything else. */
const USUAL = { inFlightMin: 30, inFlightPercent: 10 } as const;

/** What one receive could choose from, and what it was given. */
export interface Choice {
  readonly noisy: ReadonlySet<string>;
  /** What was ready when it began and no dead letter, in the order in which it is handed out. */
  readonly ready: readonly Message[];
  readonly grants: readonly Grant[];
}

export class FairRules {
  /** Of every receive from a queue that had message groups. */
  readonly choices: Choice[] = [];
  readonly #rules: Rules;

  constructor(rules: Rules) {
    this.#rules = rules;
  }

  receive(
    queue: Queue,
    asked: Pick<Asked, "limit" | "maxBytes" | "leaseMs">,
    at: Moment,
  ): readonly Grant[] {
    this.#rules.touched.add(queue);
    const noisy = noisyGroupsOf(queue);
    const rankOf = (message: Message): number =>
      (noisy.has(message.group) ? 2 : 0) + (isRedelivered(message) ? 0 : 1);
    // Messages of a queue are kept by sequence, and sorting leaves equals as they are.
    const ready = [...queue.live.values()]
      .filter(({ place }) => place === "ready")
      .sort((a, b) => rankOf(a) - rankOf(b));
    const isSpent = (message: Message): boolean =>
      isRedelivered(message) && this.#rules.isExhausted(message);
    const worthy = ready.filter((message) => !isSpent(message));
    const chosen: Message[] = [];
    let bytesLeft = asked.maxBytes;
    for (const message of ready) {
      if (isSpent(message)) {
        this.#rules.bury(message, at);
        continue;
      }
      const bytes = roundedBytes(message.bytes);
      const isFull = chosen.length === asked.limit || (bytes > bytesLeft && chosen.length > 0);
      if (isFull) break;
      bytesLeft -= bytes;
      chosen.push(message);
      setPlace(message, "leased");
    }
    const grants = this.#rules.grant(chosen, asked.leaseMs, at);
    if (grants.length > 0) this.choices.push({ noisy, ready: worthy, grants });
    return grants;
  }
}

/** Groups that hold enough of what is in flight; messages without a group are of none. */
function noisyGroupsOf(queue: Queue): Set<string> {
  const { inFlightMin, inFlightPercent } = queue.attributes.fairness ?? USUAL;
  const held = new Map<string, number>();
  let inFlight = 0;
  for (const { place, group } of queue.live.values()) {
    if (place !== "leased") continue;
    inFlight += 1;
    if (group !== "") held.set(group, (held.get(group) ?? 0) + 1);
  }
  const noisy = [...held].filter(
    ([, count]) => count >= inFlightMin && count / inFlight > inFlightPercent / 100,
  );
  return new Set(noisy.map(([group]) => group));
}

export function fairnessOf(queue: Queue): FairnessCounts {
  if (!queue.hasGroups) return { noisyGroups: 0, availableQuiet: queue.counters.available };
  const noisy = noisyGroupsOf(queue);
  let availableQuiet = 0;
  for (const { place, group } of queue.live.values()) {
    if (place === "ready" && !noisy.has(group)) availableQuiet += 1;
  }
  return { noisyGroups: noisy.size, availableQuiet };
}
