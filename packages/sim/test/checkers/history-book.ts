/** Writes histories by hand, a line a call, for the tests of those who judge them. */
import type {
  Answer,
  AttributeValues,
  GrantedMessage,
  NewMessage,
  Operation,
  SettleAction,
  Settled,
} from "../../src/history/event.ts";
import { History } from "../../src/history/history.ts";

/** When a call is made and answered, ms; `never`: it gets no answer. */
export type Span = readonly [from: number, to: number | "never"];

/** A grant of a message by its body; the rest has defaults. */
export type BookedGrant = Partial<GrantedMessage> & {
  readonly body: string;
  readonly token: number;
};

export class HistoryBook {
  readonly history: History = new History();
  readonly #queue: string;

  constructor(queue = "orders") {
    this.#queue = queue;
  }

  call(span: Span, operation: Operation, answer: Answer, facts: object = {}): this {
    const [from, to] = span;
    const call = this.history.invoke(operation, { client: 1, atMs: from, ...facts });
    if (to !== "never") this.history.answer(call, answer, { atMs: to, ...facts });
    return this;
  }

  /** A send of messages that get the ids 1, 2, … unless said otherwise. */
  send(
    span: Span,
    messages: readonly NewMessage[],
    answer: Answer = { kind: "sent", messageIds: messages.map((_, i) => i + 1) },
  ): this {
    return this.call(span, { kind: "send", queue: this.#queue, messages }, answer);
  }

  receive(
    span: Span,
    grants: readonly BookedGrant[],
    facts: { readonly queue?: string; readonly clusterTimeMs?: number } = {},
  ): this {
    const { queue = this.#queue, ...rest } = facts;
    const messages = grants.map((grant) => ({ messageId: 1, receiveCount: 1, ...grant }));
    const operation: Operation = { kind: "receive", queue, limit: 10, waitMs: 0 };
    return this.call(span, operation, { kind: "granted", messages }, rest);
  }

  settle(
    span: Span,
    action: SettleAction,
    receipt: { readonly body: string; readonly token: number; readonly ms?: number },
    result: Settled = "ok",
  ): this {
    const operation: Operation = {
      kind: "settle",
      action,
      queue: this.#queue,
      receipts: [receipt],
    };
    return this.call(span, operation, { kind: "settled", results: [result] });
  }

  set(
    span: Span,
    attributes: AttributeValues,
    answer: Answer = { kind: "done", changed: true },
  ): this {
    return this.call(span, { kind: "set", queue: this.#queue, attributes }, answer);
  }

  read(span: Span, attributes: AttributeValues): this {
    const counters = { available: 0, inFlight: 0, delayed: 0 };
    const answer: Answer = { kind: "described", attributes, counters };
    return this.call(span, { kind: "describe", queue: this.#queue }, answer);
  }

  purge(span: Span): this {
    return this.call(span, { kind: "purge", queue: this.#queue }, { kind: "done", changed: true });
  }
}
