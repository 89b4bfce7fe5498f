/** The handle of one queue: puts its senders, receivers and workers together. */
import type { BatcherConfig } from "./batcher.ts";
import type { Caller } from "./caller.ts";
import { DeliveredMessage } from "./message.ts";
import { iterateMessages } from "./messages.ts";
import { type ReceiptName, Receipts } from "./receipts.ts";
import { Receiver } from "./receiver.ts";
import type { RequestIds } from "./request-ids.ts";
import { Sender } from "./sender.ts";
import type {
  CallOptions,
  Handler,
  Message,
  MessagesOptions,
  NewMessage,
  Queue,
  Receipt,
  ReceiptOutcome,
  ReceiveOptions,
  SendBatchOptions,
  SendBatchResult,
  Sent,
  Worker,
  WorkOptions,
} from "./types.ts";
import { QueueWorker, type WorkerParts } from "./worker.ts";

/** The one implementation of `Queue`. */
export class ClientQueue implements Queue {
  readonly name: string;
  readonly #sender: Sender;
  readonly #receipts: Receipts;
  readonly #receiver: Receiver;
  readonly #parts: WorkerParts;
  readonly #workers = new Set<QueueWorker>();

  constructor(name: string, caller: Caller, ids: RequestIds, config: BatcherConfig) {
    this.name = name;
    this.#sender = new Sender(name, caller, ids, config);
    this.#receipts = new Receipts(name, caller, ids);
    const { timers } = caller;
    const home = { queue: name, receipts: this.#receipts, timers };
    this.#receiver = new Receiver(home, caller, ids);
    this.#parts = { timers, receiver: this.#receiver, receipts: this.#receipts };
  }

  send(message: NewMessage, options: CallOptions = {}): Promise<Sent> {
    return this.#sender.send(message, options);
  }

  sendBatch(
    messages: Iterable<NewMessage> | AsyncIterable<NewMessage>,
    options: SendBatchOptions = {},
  ): Promise<SendBatchResult> {
    return this.#sender.sendMany(messages, options);
  }

  receive(options: ReceiveOptions = {}): Promise<Message[]> {
    return this.#receiver.receive(options);
  }

  tombstone(receipts: readonly Receipt[], options: CallOptions = {}): Promise<ReceiptOutcome[]> {
    return this.#receipts.all("tombstone", entriesOf(receipts, 0), options);
  }

  extend(
    receipts: readonly Receipt[],
    visibilityTimeoutMs: number,
    options: CallOptions = {},
  ): Promise<ReceiptOutcome[]> {
    return this.#receipts.all("extend", entriesOf(receipts, visibilityTimeoutMs), options);
  }

  release(
    receipts: readonly Receipt[],
    options: CallOptions & { readonly delayMs?: number } = {},
  ): Promise<ReceiptOutcome[]> {
    return this.#receipts.all("release", entriesOf(receipts, options.delayMs ?? 0), options);
  }

  work(handler: Handler, options: WorkOptions = {}): Worker {
    const worker = new QueueWorker(handler, options, this.#parts);
    this.#workers.add(worker);
    void worker.finished.then(() => this.#workers.delete(worker));
    return worker;
  }

  messages(options: MessagesOptions = {}): AsyncGenerator<Message, void, undefined> {
    return iterateMessages(this.#parts, options);
  }

  /** Stops the workers and sends what waits to be sent. */
  async drain(): Promise<void> {
    await Promise.all([...this.#workers].map((worker) => worker.stop()));
    await Promise.all([this.#sender.idle(), this.#receipts.idle()]);
  }
}

function entriesOf(
  receipts: readonly Receipt[],
  ms: number,
): { readonly receipt: ReceiptName; readonly ms: number }[] {
  return receipts.map((receipt) => ({ receipt: nameOf(receipt), ms }));
}

function nameOf(receipt: Receipt): ReceiptName {
  if (typeof receipt === "string") return receipt;
  return receipt instanceof DeliveredMessage ? receipt.receipt : receipt.receiptHandle;
}
