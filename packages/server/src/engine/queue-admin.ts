/** Creating, describing, changing and deleting queues: the steps in the catalogue and in the queue's group. */
import { ByteWriter } from "@kqueuey/base";
import { KQueueyError } from "@kqueuey/contract";
import type {
  QueueAttributes as EngineAttributes,
  QueueAttributeChanges as EngineChanges,
  Outcome,
  QueueView,
  RefusalReason,
  RequestId,
  TextChanges,
} from "@kqueuey/queue";
import {
  DEFAULT_ATTRIBUTES,
  encodeConfirmQueue,
  encodeCreateQueue,
  encodeDeleteQueue,
  encodeForgetQueue,
  encodeMarkDeleting,
  encodePurgeQueue,
  encodeReserveQueue,
  encodeSetQueue,
} from "@kqueuey/queue";
import type { NodeEngine } from "@kqueuey/replica";
import type { Broker, CallContext, QueueAttributeChanges, QueueDescription } from "../broker.ts";
import type { CallSignal } from "../call-signal.ts";
import { callEngine, queueNotFound, refusalError, unexpected } from "./calls.ts";
import type { Directory, QueuePlace } from "./directory.ts";
import { CATALOGUE } from "./directory.ts";
import type { RequestIds } from "./request-ids.ts";

type CreateOptions = Parameters<Broker["createQueue"]>[2];
type SetOptions = Parameters<Broker["setQueueAttributes"]>[2];

const NUMBERS = [
  "visibilityTimeoutMs",
  "delayMs",
  "retentionMs",
  "maximumMessageBytes",
  "receiveWaitMs",
] as const;

export class QueueAdmin {
  readonly #engine: NodeEngine;
  readonly #directory: Directory;
  readonly #ids: RequestIds;

  constructor(engine: NodeEngine, directory: Directory, ids: RequestIds) {
    this.#engine = engine;
    this.#directory = directory;
    this.#ids = ids;
  }

  async create(
    context: CallContext,
    name: string,
    options: CreateOptions,
  ): Promise<{ readonly created: boolean }> {
    const { signal } = context;
    if (name.endsWith(".fifo") !== (options.attributes.fifo !== undefined)) {
      const text = "the name of a FIFO queue ends with .fifo, and no other queue's does";
      throw new KQueueyError("INVALID_QUEUE_NAME", text);
    }
    const changes = await this.#engineChanges(options.attributes, signal);
    const attributes: EngineAttributes = { ...DEFAULT_ATTRIBUTES, ...changes };
    const extra = new Map(Object.entries(options.extra));
    const tags = new Map(Object.entries(options.tags));
    const reserve = { name, group: CATALOGUE, attributes, extra, tags };
    const reserved = await this.#command(context, { group: CATALOGUE, queue: name }, (id) => {
      const writer = new ByteWriter(256);
      encodeReserveQueue(writer, { requestId: id("reserve"), ...reserve });
      return writer.take();
    });
    if (reserved.kind !== "reserved") throw new KQueueyError("INTERNAL", "reserve went wrong");
    const { queueId, group, placement } = reserved;
    if (reserved.state === "active") {
      await this.#compare(context, name, { place: { queueId, group }, changes, extra });
      return { created: false };
    }
    if (reserved.state === "deleting") {
      throw new KQueueyError("UNAVAILABLE", `queue ${name} is being deleted: try again shortly`);
    }
    await this.#command(context, { group, queue: name }, (id) => {
      const writer = new ByteWriter(256);
      const about = { requestId: id("create"), queueId, placement };
      encodeCreateQueue(writer, { ...about, name, attributes, extra, tags });
      return writer.take();
    });
    await this.#command(context, { group: CATALOGUE, queue: name }, (id) => {
      const writer = new ByteWriter(64);
      encodeConfirmQueue(writer, { requestId: id("confirm"), queueId });
      return writer.take();
    });
    return { created: reserved.created };
  }

  async describe(context: CallContext, name: string): Promise<QueueDescription> {
    const place = await this.#directory.find(name, context.signal);
    const view =
      (await this.#view(context, place)) ??
      (await this.#view(context, await this.#directory.findAtLeader(name, context.signal)));
    if (view === undefined) throw queueNotFound(name);
    return this.#description(view);
  }

  async set(context: CallContext, name: string, options: SetOptions): Promise<void> {
    const place = await this.#directory.find(name, context.signal);
    const attributes = await this.#engineChanges(options.attributes, context.signal);
    const extra = new Map<string, string | undefined>();
    for (const [key, text] of Object.entries(options.extra)) {
      extra.set(key, text === "" ? undefined : text);
    }
    const tags = new Map(Object.entries(options.tags ?? {}));
    await this.#command(context, { group: place.group, queue: name }, (id) => {
      const writer = new ByteWriter(256);
      const about = { requestId: id("set"), queueId: place.queueId };
      encodeSetQueue(writer, { ...about, attributes, extra, tags });
      return writer.take();
    });
  }

  async replaceText(
    context: CallContext,
    name: string,
    change: Parameters<Broker["replaceText"]>[2],
  ): Promise<boolean> {
    const { group, queueId } = await this.#directory.find(name, context.signal);
    const text = (value: string): TextChanges =>
      new Map([[change.name, value === "" ? undefined : value]]);
    const outcome = await this.#propose(context, { group, queue: name }, (id) => {
      const writer = new ByteWriter(256);
      const about = { requestId: id("replace"), queueId, attributes: {}, tags: new Map() };
      encodeSetQueue(writer, { ...about, extra: text(change.to), expected: text(change.from) });
      return writer.take();
    });
    return wasDone(outcome, "not-as-expected", name);
  }

  async purge(
    context: CallContext,
    name: string,
    intervalMs: number | undefined,
  ): Promise<boolean> {
    const { group, queueId } = await this.#directory.find(name, context.signal);
    const outcome = await this.#propose(context, { group, queue: name }, (id) => {
      const writer = new ByteWriter(64);
      encodePurgeQueue(writer, { requestId: id("purge"), queueId, intervalMs });
      return writer.take();
    });
    return wasDone(outcome, "purged-recently", name);
  }

  async delete(context: CallContext, name: string): Promise<void> {
    const { group, queueId } = await this.#directory.find(name, context.signal);
    const steps = [
      { group: CATALOGUE, step: "mark", encode: encodeMarkDeleting },
      { group, step: "delete", encode: encodeDeleteQueue },
      { group: CATALOGUE, step: "forget", encode: encodeForgetQueue },
    ];
    for (const { group: at, step, encode } of steps) {
      await this.#command(context, { group: at, queue: name }, (id) => {
        const writer = new ByteWriter(64);
        encode(writer, { requestId: id(step), queueId });
        return writer.take();
      });
    }
  }

  /** Proposes one command. Rejects when it is refused. */
  async #command(
    context: CallContext,
    to: { readonly group: QueuePlace["group"]; readonly queue: string },
    make: (id: (action: string) => RequestId) => Uint8Array,
  ): Promise<Outcome> {
    const outcome = await this.#propose(context, to, make);
    if (outcome.kind === "refused") throw refusalError(outcome.reason, to.queue);
    return outcome;
  }

  /** Proposes one command; `make` gives it the request id of its step. */
  async #propose(
    context: CallContext,
    to: { readonly group: QueuePlace["group"]; readonly queue: string },
    make: (id: (action: string) => RequestId) => Uint8Array,
  ): Promise<Outcome> {
    const { principal, requestId, signal } = context;
    const command = make((action) =>
      this.#ids.make({ principal, action, queue: to.queue, requestId }),
    );
    const request = { kind: "command", command } as const;
    const reply = await callEngine(this.#engine, { group: to.group, signal }, request);
    if (reply.kind !== "outcome") throw unexpected(reply);
    return reply.outcome;
  }

  async #view(context: CallContext, place: QueuePlace): Promise<QueueView | undefined> {
    const { group, queueId } = place;
    const reply = await callEngine(
      this.#engine,
      { group, signal: context.signal },
      { kind: "describe", queueId },
    );
    if (reply.kind !== "described") throw unexpected(reply);
    return reply.view;
  }

  /** The queue exists: whatever the caller asked for must be as it is. */
  async #compare(
    context: CallContext,
    name: string,
    asked: {
      readonly place: QueuePlace;
      readonly changes: EngineChanges;
      readonly extra: ReadonlyMap<string, string>;
    },
  ): Promise<void> {
    const view = await this.#view(context, asked.place);
    if (view === undefined) throw queueNotFound(name);
    const differs = (attribute: string): KQueueyError =>
      new KQueueyError(
        "QUEUE_EXISTS",
        `queue ${name} exists with another value of ${attribute}: change it with set`,
        { details: { attribute } },
      );
    const { fifo } = view.attributes;
    const asFifo = asked.changes.fifo;
    if ((fifo === undefined) !== (asFifo === undefined)) throw differs("fifo");
    if (fifo?.deduplicationScope !== asFifo?.deduplicationScope) throw differs("fifo");
    if (fifo?.contentBasedDeduplication !== asFifo?.contentBasedDeduplication) {
      throw differs("fifo");
    }
    const { fairness } = asked.changes;
    const isFair =
      fairness === undefined ||
      (fairness.inFlightMin === view.attributes.fairness?.inFlightMin &&
        fairness.inFlightPercent === view.attributes.fairness.inFlightPercent);
    if (!isFair) throw differs("fairness");
    for (const key of NUMBERS) {
      const value = asked.changes[key];
      if (value !== undefined && value !== view.attributes[key]) throw differs(key);
    }
    const target = asked.changes.deadLetter;
    const found = view.attributes.deadLetter;
    if (
      target !== undefined &&
      (target.queueId !== found?.queueId || target.maximumReceives !== found.maximumReceives)
    ) {
      throw differs("deadLetter");
    }
    for (const [key, text] of asked.extra) if (view.extra.get(key) !== text) throw differs(key);
  }

  async #engineChanges(changes: QueueAttributeChanges, signal: CallSignal): Promise<EngineChanges> {
    const result: { -readonly [K in keyof EngineChanges]: EngineChanges[K] } = {};
    for (const key of NUMBERS) {
      const value = changes[key];
      if (value !== undefined) result[key] = value;
    }
    if (changes.fifo !== undefined) result.fifo = changes.fifo;
    if (changes.fairness !== undefined) result.fairness = changes.fairness;
    if (!("deadLetter" in changes)) return result;
    const target = changes.deadLetter;
    if (target === undefined) return { ...result, deadLetter: undefined };
    const { queueId, group } = await this.#directory
      .find(target.queue, signal)
      .catch((error: unknown) => {
        if (!KQueueyError.is(error) || error.code !== "QUEUE_NOT_FOUND") throw error;
        throw new KQueueyError(
          "INVALID_ATTRIBUTE",
          `the dead-letter queue ${target.queue} does not exist: create it first`,
        );
      });
    const { maximumReceives } = target;
    return { ...result, deadLetter: { queueId, group, maximumReceives } };
  }

  #description(view: QueueView): QueueDescription {
    const { deadLetter, ...numbers } = view.attributes;
    const target =
      deadLetter === undefined ? undefined : this.#directory.nameOf(deadLetter.queueId);
    return {
      name: view.name,
      attributes: {
        ...numbers,
        deadLetter:
          deadLetter === undefined || target === undefined
            ? undefined
            : { queue: target, maximumReceives: deadLetter.maximumReceives },
      },
      extra: Object.fromEntries(view.extra),
      tags: Object.fromEntries(view.tags),
      available: view.available,
      inFlight: view.inFlight,
      delayed: view.delayed,
      noisyGroups: view.noisyGroups,
      availableQuiet: view.availableQuiet,
      createdAtMs: view.createdAtMs,
      modifiedAtMs: view.modifiedAtMs,
    };
  }
}

/** False when the command was refused for `reason`, which is its caller's business. */
function wasDone(outcome: Outcome, reason: RefusalReason, queue: string): boolean {
  if (outcome.kind !== "refused") return true;
  if (outcome.reason === reason) return false;
  throw refusalError(outcome.reason, queue);
}
