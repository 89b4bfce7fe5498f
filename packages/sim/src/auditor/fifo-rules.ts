/**
 * The rules of FIFO queues, written a second time: which messages are stored, which groups are served in what
 * order, what a receive that is tried again is given.
 */
import type { MessageId } from "../history/event.ts";
import { messageIdOf } from "../workload/answer.ts";
import {
  type Fifo,
  type Grant,
  isRedelivered,
  type Message,
  type Queue,
  setPlace,
} from "./account.ts";
import type { AuditedFifoSend } from "./entry-reader.ts";
import { type Asked, type Moment, type Rules, roundedBytes } from "./rules.ts";

/** How long deduplication ids and attempts count. */
const WINDOW_MS = 300_000;

export class FifoRules {
  readonly #rules: Rules;

  constructor(rules: Rules) {
    this.#rules = rules;
  }

  /** Gives the id of each message, or of the one that it repeats. */
  send(queue: Queue, fifo: Fifo, sends: readonly AuditedFifoSend[], at: Moment): MessageId[] {
    return sends.map((send) => {
      const { group, deduplicationId } = send;
      const key = fifo.scope === "queue" ? deduplicationId : `${group} ${deduplicationId}`;
      const known = fifo.sends.get(key);
      if (known !== undefined && at.now < known.atMs + WINDOW_MS) return known.id;
      const id = messageIdOf(queue.id, queue.nextSequence);
      this.#store(queue, { ...send, id }, at);
      fifo.sends.set(key, { id, atMs: at.now });
      return id;
    });
  }

  #store(queue: Queue, send: AuditedFifoSend & { readonly id: MessageId }, at: Moment): void {
    const delayedUntil = at.now + queue.number("delayMs");
    const enqueuedSecond = Math.floor(at.now / 1_000);
    const what = { ...send, entry: at.index, enqueuedSecond, source: 0, count: 0, delayedUntil };
    const message = this.#rules.append(queue, what, at);
    if (delayedUntil > at.now) this.#rules.hold(message, "delayed", delayedUntil);
    else setPlace(message, "ready");
  }

  receive(queue: Queue, fifo: Fifo, asked: Asked, at: Moment): readonly Grant[] {
    const { attempt, leaseMs } = asked;
    const again = attempt === undefined ? undefined : this.#grantAgain(fifo, attempt, at);
    if (again !== undefined) return again;
    this.#rules.touched.add(queue);
    const grants = this.#rules.grant(this.#choose(fifo, asked, at), leaseMs, at);
    if (attempt !== undefined && leaseMs > 0 && grants.length > 0) {
      const deadline = at.now + leaseMs;
      fifo.attempts.set(attempt, { atMs: at.now, deadline, leaseMs, grants });
    }
    return grants;
  }

  /** Group by group in turn, of each what is ready at its front. */
  #choose(fifo: Fifo, asked: Asked, at: Moment): Message[] {
    const chosen: Message[] = [];
    let bytesLeft = asked.maxBytes;
    for (;;) {
      const group = fifo.groups.next();
      if (group === undefined || chosen.length === asked.limit) return chosen;
      for (const message of group) {
        if (message.place !== "ready") break;
        if (isRedelivered(message) && this.#rules.isExhausted(message)) {
          this.#rules.bury(message, at);
          continue;
        }
        const bytes = roundedBytes(message.bytes);
        const isFull = chosen.length === asked.limit || (bytes > bytesLeft && chosen.length > 0);
        if (isFull) return chosen;
        bytesLeft -= bytes;
        chosen.push(message);
        setPlace(message, "leased");
      }
    }
  }

  /** The leases of the attempt, which begin anew; undefined when it is not known or one of them was touched. */
  #grantAgain(fifo: Fifo, name: string, at: Moment): readonly Grant[] | undefined {
    const attempt = fifo.attempts.get(name);
    if (attempt === undefined || attempt.atMs + WINDOW_MS <= at.now) return undefined;
    const { deadline, leaseMs, grants } = attempt;
    if (deadline <= at.now || !grants.every((grant) => isUntouched(grant, deadline))) {
      return undefined;
    }
    const until = at.now + leaseMs;
    for (const { message, deadlines } of grants) {
      this.#rules.touched.add(message.queue);
      message.isShownAgain = true;
      deadlines.push(until);
      this.#rules.hold(message, "leased", until);
    }
    fifo.attempts.set(name, { ...attempt, atMs: at.now, deadline: until });
    return grants;
  }

  /** Of the queue's delay, by so much: it holds for what waits already. */
  changeDelay(queue: Queue, byMs: number, at: Moment): void {
    if (byMs === 0) return;
    for (const message of queue.live.values()) {
      if (message.place !== "delayed" || isRedelivered(message)) continue;
      message.delayedUntil = Math.max(at.now, message.visibleAt + byMs);
      this.#rules.hold(message, "delayed", message.delayedUntil);
    }
  }
}

function isUntouched({ message, token }: Grant, deadline: number): boolean {
  return message.place === "leased" && message.token === token && message.visibleAt === deadline;
}
