/** A client that has no library: JSON over HTTP, each call retried on the next node under one request id. */
import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { CallFailure, call, listAt, numberAt, textAt } from "../harness/rpc.ts";
import type { Caller, CallerOptions, Outcome, Received } from "./caller.ts";

const ATTEMPT_MS = 3_000;
const RETRY_FOR_MS = 15_000;
const RETRY_MS = 100;

export class HttpCaller implements Caller {
  readonly name: string;
  readonly #options: CallerOptions;
  #turn: number;

  constructor(options: CallerOptions, turn = 0) {
    this.name = options.name;
    this.#options = options;
    this.#turn = turn;
  }

  async send(bodies: readonly string[]): Promise<readonly (string | undefined)[]> {
    const messages = bodies.map((text) => ({ text }));
    const results = listAt(await this.#call("Send", { messages }), "results");
    return results.map((result) => textAt(result, "messageId") || undefined);
  }

  async receive(count: number, waitMs: number): Promise<readonly Received[]> {
    const answer = await this.#call("Receive", { maxMessages: count, waitMs });
    return listAt(answer, "messages").map((message) => ({
      body: textAt(message, "text"),
      messageId: textAt(message, "messageId"),
      receiptHandle: textAt(message, "receiptHandle"),
      receiveCount: numberAt(message, "receiveCount"),
      fencingToken: numberAt(message, "fencingToken"),
      leaseMs: numberAt(message, "leaseRemainingMs"),
    }));
  }

  async tombstone(messages: readonly Received[]): Promise<readonly Outcome[]> {
    const receiptHandles = messages.map((message) => message.receiptHandle);
    const answer = await this.#call("Tombstone", { receiptHandles });
    return listAt(answer, "results").map((result) => outcomeOf(textAt(result, "outcome")));
  }

  async release(messages: readonly Received[]): Promise<void> {
    const entries = messages.map(({ receiptHandle }) => ({ receiptHandle }));
    await this.#call("Release", { entries });
  }

  async close(): Promise<void> {
    await Promise.resolve();
  }

  async #call(method: string, fields: Readonly<Record<string, unknown>>): Promise<unknown> {
    const { endpoints, queue } = this.#options;
    const body = { queue, requestId: randomUUID(), ...fields };
    const deadlineMs = performance.now() + RETRY_FOR_MS;
    for (;;) {
      const endpoint = endpoints[this.#turn % endpoints.length] ?? "";
      try {
        return await call(endpoint, `QueueService/${method}`, body, { timeoutMs: ATTEMPT_MS });
      } catch (error) {
        const lasting = error instanceof CallFailure && !error.retryable;
        if (lasting || performance.now() > deadlineMs) throw error;
      }
      this.#turn += 1;
      await pause(RETRY_MS);
    }
  }
}

export function outcomeOf(word: string): Outcome {
  return word === "effective" || word === "gone" || word === "stale" ? word : "unknown";
}
