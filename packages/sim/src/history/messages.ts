/**
 * A history taken apart by message: what was sent, who got it when, what was done with its receipts. Each
 * part is small, so that a checker can walk over it with a small automaton in linear time.
 */
import type { Answer, GrantedMessage, NewMessage, SettleAction, Settled } from "./event.ts";
import type { Call, History } from "./history.ts";

/** A message in a send. */
export interface Sending {
  readonly queue: string;
  readonly message: NewMessage;
  readonly call: number;
  readonly invokedAt: number;
  /** Infinity: no answer came. */
  readonly answeredAt: number;
  readonly outcome: "acknowledged" | "refused" | "unknown";
  /** As its answer says. */
  readonly messageId: GrantedMessage["messageId"] | undefined;
}

/** A message in an answer to a receive. */
export interface Delivery extends GrantedMessage {
  readonly queue: string;
  readonly call: number;
  readonly client: number;
  readonly invokedAt: number;
  readonly answeredAt: number;
  readonly node: number | undefined;
  /** Cluster time when the answer came. */
  readonly clusterTimeMs: number | undefined;
  /** Whether the node that leads gave it. */
  readonly isLeaders: boolean;
}

/** A receipt that was shown. */
export interface Showing {
  readonly queue: string;
  readonly action: SettleAction;
  readonly token: number;
  readonly ms: number;
  readonly call: number;
  readonly invokedAt: number;
  /** Infinity: no answer came. */
  readonly answeredAt: number;
  readonly result: Settled | "refused" | "unknown";
}

export interface MessageHistory {
  readonly body: string;
  readonly sendings: Sending[];
  /** In order of their answers. */
  readonly deliveries: Delivery[];
  readonly showings: Showing[];
}

const decomposed = new WeakMap<History, ReadonlyMap<string, MessageHistory>>();

/** By body. Made once for each history: it must be complete. */
export function messagesOf(history: History): ReadonlyMap<string, MessageHistory> {
  const known = decomposed.get(history);
  if (known !== undefined) return known;
  const messages = decompose(history);
  decomposed.set(history, messages);
  return messages;
}

function decompose(history: History): Map<string, MessageHistory> {
  const messages = new Map<string, MessageHistory>();
  const of = (body: string): MessageHistory => {
    let message = messages.get(body);
    if (message === undefined) {
      message = { body, sendings: [], deliveries: [], showings: [] };
      messages.set(body, message);
    }
    return message;
  };
  const begun = new Map<number, number>();
  for (const call of history.calls()) {
    const { operation, repeats, atMs } = call.invoked;
    begun.set(call.invoked.call, (repeats === undefined ? undefined : begun.get(repeats)) ?? atMs);
    if (operation.kind === "send") noteSend(of, call);
    else if (operation.kind === "receive") noteReceive(of, call);
    else if (operation.kind === "settle")
      noteSettle(of, call, begun.get(call.invoked.call) ?? atMs);
  }
  for (const message of messages.values()) {
    message.deliveries.sort((a, b) => a.answeredAt - b.answeredAt);
  }
  return messages;
}

type Of = (body: string) => MessageHistory;

function noteSend(of: Of, { invoked, answered }: Call): void {
  const { operation } = invoked;
  if (operation.kind !== "send") return;
  const answer = answered?.answer;
  operation.messages.forEach((message, i) => {
    of(message.body).sendings.push({
      queue: operation.queue,
      message,
      call: invoked.call,
      invokedAt: invoked.atMs,
      answeredAt: answered?.atMs ?? Number.POSITIVE_INFINITY,
      outcome: outcomeOf(answer),
      messageId: answer?.kind === "sent" ? answer.messageIds[i] : undefined,
    });
  });
}

function outcomeOf(answer: Answer | undefined): Sending["outcome"] {
  if (answer?.kind === "sent") return "acknowledged";
  return answer?.kind === "refused" ? "refused" : "unknown";
}

function noteReceive(of: Of, { invoked, answered }: Call): void {
  const { operation } = invoked;
  if (operation.kind !== "receive" || answered?.answer.kind !== "granted") return;
  for (const message of answered.answer.messages) {
    of(message.body).deliveries.push({
      ...message,
      queue: operation.queue,
      call: invoked.call,
      client: invoked.client,
      invokedAt: invoked.atMs,
      answeredAt: answered.atMs,
      node: answered.node,
      clusterTimeMs: answered.clusterTimeMs,
      isLeaders: answered.isLeaders === true,
    });
  }
}

/** `begunAt`: when the request was made for the first time; repeated, it is answered as it was then. */
function noteSettle(of: Of, { invoked, answered }: Call, begunAt: number): void {
  const { operation } = invoked;
  if (operation.kind !== "settle") return;
  const answer = answered?.answer;
  operation.receipts.forEach((receipt, i) => {
    of(receipt.body).showings.push({
      queue: operation.queue,
      action: operation.action,
      token: receipt.token,
      ms: receipt.ms ?? 0,
      call: invoked.call,
      invokedAt: begunAt,
      answeredAt: answered?.atMs ?? Number.POSITIVE_INFINITY,
      result: resultOf(answer, i),
    });
  });
}

function resultOf(answer: Answer | undefined, place: number): Showing["result"] {
  if (answer?.kind === "settled") return answer.results[place] ?? "unknown";
  return answer?.kind === "refused" ? "refused" : "unknown";
}

/** The deliveries from one queue by token, each token once, as it was first answered. */
export function grantsOf(message: MessageHistory, queue: string): Delivery[] {
  const first = new Map<number, Delivery>();
  for (const delivery of message.deliveries) {
    if (delivery.queue === queue && !first.has(delivery.token)) first.set(delivery.token, delivery);
  }
  return [...first.values()].sort((a, b) => a.token - b.token);
}

/** Whether only one of the two was to be stored, and the other told of it. */
export function repeats(one: Sending, other: Sending): boolean {
  const { deduplicationId } = one.message;
  if (deduplicationId === undefined || one.queue !== other.queue) return false;
  return other.message.deduplicationId === deduplicationId;
}

/** The queues that the message was delivered from. */
export function queuesOf(message: MessageHistory): Set<string> {
  return new Set(message.deliveries.map((delivery) => delivery.queue));
}

/** Whether the holder of a token may have changed when its lease ends. */
export function mayHaveEnded(message: MessageHistory, queue: string, token: number): boolean {
  return message.showings.some(
    (shown) =>
      shown.queue === queue &&
      shown.token === token &&
      shown.result !== "refused" &&
      shown.result !== "gone" &&
      shown.result !== "stale",
  );
}
