import { describe, expectTypeOf, test } from "vitest";
import type {
  Client,
  ClientOptions,
  ErrorCode,
  KQueueyError,
  Message,
  NewMessage,
  Queue,
  QueueAttributeChanges,
  Sent,
  Worker,
} from "./index.ts";

describe("the public types", () => {
  test("a message to send is a text, bytes or an object with a body", () => {
    expectTypeOf<string>().toExtend<NewMessage>();
    expectTypeOf<Uint8Array>().toExtend<NewMessage>();
    expectTypeOf<Buffer>().toExtend<NewMessage>();
    expectTypeOf<{ body: string; delayMs: number }>().toExtend<NewMessage>();
    expectTypeOf<{ text: string }>().not.toExtend<NewMessage>();
    expectTypeOf<number>().not.toExtend<NewMessage>();
  });

  test("calls answer what they say", () => {
    expectTypeOf<Queue["send"]>().returns.resolves.toEqualTypeOf<Sent>();
    expectTypeOf<Queue["receive"]>().returns.resolves.toEqualTypeOf<Message[]>();
    expectTypeOf<Queue["work"]>().returns.toEqualTypeOf<Worker>();
    expectTypeOf<Queue["messages"]>().returns.toExtend<AsyncIterable<Message>>();
    expectTypeOf<Message["ack"]>().returns.resolves.toBeBoolean();
    expectTypeOf<Message["json"]>().returns.toBeUnknown();
  });

  test("handlers may be sync or async", () => {
    type Handler = Parameters<Queue["work"]>[0];
    expectTypeOf<(message: Message) => void>().toExtend<Handler>();
    expectTypeOf<(message: Message) => Promise<void>>().toExtend<Handler>();
  });

  test("endpoints are needed, everything else has a default", () => {
    expectTypeOf<{ endpoints: string[] }>().toExtend<ClientOptions>();
    expectTypeOf<Record<never, never>>().not.toExtend<ClientOptions>();
  });

  test("a dead-letter queue is removed by null, not by undefined", () => {
    expectTypeOf<{ deadLetter: null }>().toExtend<QueueAttributeChanges>();
    expectTypeOf<{ deadLetter: undefined }>().not.toExtend<QueueAttributeChanges>();
  });

  test("clients and workers are disposable, and errors have codes of the table", () => {
    expectTypeOf<Client>().toExtend<AsyncDisposable>();
    expectTypeOf<Worker>().toExtend<AsyncDisposable>();
    expectTypeOf<KQueueyError["code"]>().toEqualTypeOf<ErrorCode>();
  });
});
