/** The broker over this node's engine: what the APIs ask, as commands and reads of the queue's group. */
import type { Crc32, GroupId, MonotonicMs, WallTimeMs } from "@kqueuey/base";
import { ByteWriter } from "@kqueuey/base";
import { KQueueyError } from "@kqueuey/contract";
import type {
  GrantedOutcome,
  LeaseReference,
  LeaseRun,
  Outcome,
  Receipt,
  SendMessage,
  SettledOutcome,
} from "@kqueuey/queue";
import {
  encodeExtend,
  encodePackedSend,
  encodePackedTombstone,
  encodeReceive,
  encodeRelease,
  encodeSend,
  encodeSendFifo,
  encodeSendGrouped,
  encodeTombstone,
  encodeUndelivered,
  fencingToken,
  messageId,
  messageIdRun,
  NO_REQUEST_ID,
  RECEIPT_PART_BYTES,
  SETTLED,
  sequence,
} from "@kqueuey/queue";
import type { Granted, NodeEngine } from "@kqueuey/replica";
import type {
  Broker,
  CallContext,
  ClusterStatus,
  Delivery,
  LeaseExtension,
  MoveTask,
  NewMessage,
  PackedBodies,
  PackedSent,
  QueueDescription,
  ReceiptResult,
  ReceiptRun,
  ReceiveOptions,
  SendResult,
} from "../broker.ts";
import { unpackBodies } from "../broker.ts";
import type { CallSignal } from "../call-signal.ts";
import { callEngine, refusalError, unexpected } from "./calls.ts";
import { CommandWriters } from "./command-writers.ts";
import { makeDelivery } from "./delivery.ts";
import { CATALOGUE, Directory, type QueuePlace } from "./directory.ts";
import {
  checkFifoMessages,
  fifoMessage,
  groupedMessage,
  keyOf,
  sequenceNumberOf,
} from "./fifo-messages.ts";
import { tooLarge, tooLate } from "./message-limits.ts";
import { MoveCalls } from "./move-calls.ts";
import { QueueAdmin } from "./queue-admin.ts";
import { Receipts } from "./receipts.ts";
import { RequestIds } from "./request-ids.ts";

export interface EngineBrokerOptions {
  readonly clusterId: string;
  /** Peer address by node id, as configured. */
  readonly peerAddresses: ReadonlyMap<number, string>;
  readonly crc32: Crc32;
  monotonicMs(): MonotonicMs;
  wallMs(): WallTimeMs;
}

/** For messages of an API that shows nobody a digest: computed when one is asked for. */
const NO_MD5 = new Uint8Array(16);
/** How often a poll looks again whether so many messages are still in flight. */
const FULL_PAUSE_MS = 1_000;
/** Most bytes of bodies in one answer when the caller sets no limit. */
const RECEIVE_BYTES_DEFAULT = 4 * 1024 * 1024;

export class EngineBroker implements Broker {
  readonly #engine: NodeEngine;
  readonly #options: EngineBrokerOptions;
  readonly #directory: Directory;
  readonly #admin: QueueAdmin;
  readonly #moves: MoveCalls;
  readonly #ids = new RequestIds();
  readonly #writers = new CommandWriters();
  #secret: { readonly bytes: Uint8Array; readonly receipts: Receipts } | undefined;

  constructor(engine: NodeEngine, options: EngineBrokerOptions) {
    this.#engine = engine;
    this.#options = options;
    this.#directory = new Directory(engine);
    this.#admin = new QueueAdmin(engine, this.#directory, this.#ids);
    this.#moves = new MoveCalls(engine, this.#directory, this.#ids);
  }

  createQueue(
    context: CallContext,
    name: string,
    options: Parameters<Broker["createQueue"]>[2],
  ): Promise<{ readonly created: boolean }> {
    return this.#admin.create(context, name, options);
  }

  describeQueue(context: CallContext, name: string): Promise<QueueDescription> {
    return this.#admin.describe(context, name);
  }

  async listQueues(
    context: CallContext,
    options: { readonly prefix: string; readonly after: string; readonly limit: number },
  ): Promise<readonly string[]> {
    const to = { group: CATALOGUE, signal: context.signal };
    const reply = await callEngine(this.#engine, to, { kind: "list", ...options });
    if (reply.kind !== "listed") throw unexpected(reply);
    return reply.names;
  }

  setQueueAttributes(
    context: CallContext,
    name: string,
    changes: Parameters<Broker["setQueueAttributes"]>[2],
  ): Promise<void> {
    return this.#admin.set(context, name, changes);
  }

  deleteQueue(context: CallContext, name: string): Promise<void> {
    return this.#admin.delete(context, name);
  }

  replaceText(
    context: CallContext,
    queue: string,
    change: Parameters<Broker["replaceText"]>[2],
  ): Promise<boolean> {
    return this.#admin.replaceText(context, queue, change);
  }

  purgeQueue(
    context: CallContext,
    name: string,
    options: Parameters<Broker["purgeQueue"]>[2] = {},
  ): Promise<boolean> {
    return this.#admin.purge(context, name, options.intervalMs);
  }

  startMoveTask(
    context: CallContext,
    queue: string,
    options: Parameters<Broker["startMoveTask"]>[2],
  ): Promise<{ readonly taskId: string }> {
    return this.#moves.start(context, queue, options);
  }

  listMoveTasks(context: CallContext, queue: string): Promise<readonly MoveTask[]> {
    return this.#moves.list(context, queue);
  }

  cancelMoveTask(
    context: CallContext,
    queue: string,
    taskId: string,
  ): Promise<{ readonly moved: number }> {
    return this.#moves.cancel(context, queue, taskId);
  }

  async send(
    context: CallContext,
    queue: string,
    messages: readonly NewMessage[],
  ): Promise<readonly SendResult[]> {
    const secret = this.#secretOrThrow().bytes;
    return this.#onQueue(context, queue, async (place) => {
      const attributes = await this.#directory.attributes(queue, place, context.signal);
      if (attributes.fifo !== undefined) checkFifoMessages(messages, attributes.fifo);
      const results: SendResult[] = [];
      const accepted: SendMessage[] = [];
      const positions: number[] = [];
      messages.forEach((message, at) => {
        const error = tooLarge(message, attributes) ?? tooLate(message, attributes);
        if (error === undefined) {
          accepted.push(this.#record(context, message));
          positions.push(at);
        } else {
          results[at] = { ok: false, error };
        }
      });
      if (accepted.length === 0) return results;
      const requestId = this.#ids.make({ ...callOf(context), action: "send", queue });
      const writer = new ByteWriter(64 + sizeOf(accepted));
      const about = { requestId, queueId: place.queueId };
      const { crc32 } = this.#options;
      if (attributes.fifo !== undefined) {
        const grouped = accepted.map((message) => fifoMessage(message));
        encodeSendFifo(writer, { ...about, messages: grouped }, crc32);
      } else if (accepted.some(({ groupId }) => groupId !== undefined)) {
        const grouped = accepted.map((message) => groupedMessage(message));
        encodeSendGrouped(writer, { ...about, messages: grouped }, crc32);
      } else {
        encodeSend(writer, { ...about, messages: accepted }, crc32);
      }
      const outcome = await this.#command(context, place, { queue, command: writer.view() });
      if (outcome.kind !== "sent") throw new KQueueyError("INTERNAL", "send went wrong");
      positions.forEach((at, ordinal) => {
        const number = sequence(outcome.sequences?.[ordinal] ?? outcome.firstSequence + ordinal);
        const id = messageId(secret, outcome.queueId, number);
        const sent = { ok: true, messageId: id, sequence: number } as const;
        results[at] =
          attributes.fifo === undefined
            ? sent
            : { ...sent, sequenceNumber: sequenceNumberOf(number) };
      });
      return results;
    });
  }

  async sendPacked(
    context: CallContext,
    queue: string,
    bodies: PackedBodies,
  ): Promise<PackedSent | readonly SendResult[]> {
    const secret = this.#secretOrThrow().bytes;
    return this.#onQueue(context, queue, async (place) => {
      const { lengths } = bodies;
      const attributes = await this.#directory.attributes(queue, place, context.signal);
      if (attributes.fifo !== undefined) return this.send(context, queue, unpackBodies(bodies));
      for (const length of lengths) {
        if (length > attributes.maximumMessageBytes) {
          return this.send(context, queue, unpackBodies(bodies));
        }
      }
      const requestId = this.#ids.make({ ...callOf(context), action: "send", queue });
      const command = {
        requestId,
        queueId: place.queueId,
        bodies: bodies.bytes,
        lengths,
        sentAtMs: this.#options.wallMs(),
        sender: context.principal,
      };
      const writer = this.#writers.take(64 + bodies.bytes.length + lengths.length * 64);
      encodePackedSend(writer, command, this.#options.crc32);
      const sending = this.#command(context, place, { queue, command: writer.view() });
      const outcome = await sending.finally(() => this.#writers.giveBack(writer));
      if (outcome.kind !== "sent") throw new KQueueyError("INTERNAL", "send went wrong");
      const { firstSequence, count, queueId } = outcome;
      const run = { first: firstSequence, count };
      return { firstSequence, count, messageIds: () => messageIdRun(secret, queueId, run) };
    });
  }

  async receive(context: CallContext, queue: string, options: ReceiveOptions): Promise<Delivery> {
    const { bytes: secret, receipts } = this.#secretOrThrow();
    return this.#onQueue(context, queue, async (place) => {
      const waitMs =
        options.waitMs ??
        (await this.#directory.attributes(queue, place, context.signal)).receiveWaitMs;
      const requestId = this.#ids.make({ ...callOf(context), action: "receive", queue });
      const writer = new ByteWriter(64);
      encodeReceive(writer, {
        requestId,
        queueId: place.queueId,
        limit: options.maxMessages,
        maxBytes: options.maxBytes ?? RECEIVE_BYTES_DEFAULT,
        visibilityTimeoutMs: options.visibilityTimeoutMs,
        inFlightMax: options.inFlightMax,
        attemptKey: options.attemptId === undefined ? undefined : keyOf(options.attemptId),
      });
      const { group } = place;
      const to = { place, queue, signal: context.signal };
      const reply = await this.#receive(to, writer.view(), waitMs);
      return makeDelivery(reply, {
        group,
        secret,
        receipts,
        crc32: this.#options.crc32,
        clusterNow: () => this.#engine.clusterNow(group, this.#options.monotonicMs()),
        nameOf: (id) => this.#directory.nameOf(id),
        undo: (grant) => this.#undo(group, grant),
      });
    });
  }

  /**
   * Asks until there is an answer that is no refusal, or the wait is over. A poll whose queue has messages, and as
   * many in flight as may be, waits here: the leader wakes polls for messages, and those are there.
   */
  async #receive(
    to: {
      readonly place: QueuePlace;
      readonly queue: string;
      readonly signal: CallSignal;
    },
    command: Uint8Array,
    waitMs: number,
  ): Promise<Granted> {
    const { place, queue, signal } = to;
    const untilMs = this.#options.monotonicMs() + waitMs;
    for (;;) {
      const leftMs = Math.max(0, untilMs - this.#options.monotonicMs());
      const request = { kind: "receive", command, waitMs: leftMs } as const;
      const reply = await callEngine(this.#engine, { group: place.group, signal }, request);
      if (reply.kind === "granted") return reply;
      if (reply.kind !== "outcome" || reply.outcome.kind !== "refused") throw unexpected(reply);
      const { reason } = reply.outcome;
      const error = refusalError(reason, queue);
      if (reason !== "in-flight-limit" || waitMs === 0) throw error;
      if (leftMs === 0) throw new KQueueyError(error.code, error.message, { details: { waitMs } });
      await pause(Math.min(leftMs, FULL_PAUSE_MS), signal);
    }
  }

  tombstone(
    context: CallContext,
    queue: string,
    receiptHandles: readonly string[],
  ): Promise<readonly ReceiptResult[]> {
    return this.#settle(context, queue, {
      action: "tombstone",
      handles: receiptHandles,
      encode: (writer, command) => encodeTombstone(writer, command),
    });
  }

  tombstoneRuns(
    context: CallContext,
    queue: string,
    runs: readonly ReceiptRun[],
  ): Promise<readonly ReceiptResult[]> {
    const { receipts } = this.#secretOrThrow();
    return this.#onQueue(context, queue, async (place) => {
      const read = runs.map((run) => receipts.readRun(run, place.queueId));
      const good: LeaseRun[] = [];
      read.forEach((grantFirst, at) => {
        const parts = runs[at]?.parts;
        if (typeof grantFirst === "number" && parts !== undefined) good.push({ grantFirst, parts });
      });
      const settled =
        good.length === 0 ? undefined : await this.#tombstoneGood(context, queue, { place, good });
      const results: ReceiptResult[] = [];
      let ordinal = 0;
      read.forEach((grantFirst, at) => {
        const count = (runs[at]?.parts.length ?? 0) / RECEIPT_PART_BYTES;
        for (let i = 0; i < count; i++) {
          if (typeof grantFirst !== "number") results.push({ ok: false, error: grantFirst });
          else if (settled !== undefined) results.push(receiptResult(settled, ordinal++));
        }
      });
      return results;
    });
  }

  async #tombstoneGood(
    context: CallContext,
    queue: string,
    { place, good }: { readonly place: QueuePlace; readonly good: readonly LeaseRun[] },
  ): Promise<SettledOutcome> {
    const requestId = this.#ids.make({ ...callOf(context), action: "tombstone", queue });
    let bytes = 64;
    for (const { parts } of good) bytes += parts.length * 2;
    const writer = new ByteWriter(bytes);
    encodePackedTombstone(writer, { requestId, queueId: place.queueId, runs: good });
    const outcome = await this.#command(context, place, { queue, command: writer.view() });
    if (outcome.kind !== "settled") throw new KQueueyError("INTERNAL", "settling went wrong");
    return outcome;
  }

  extend(
    context: CallContext,
    queue: string,
    entries: readonly LeaseExtension[],
    { revives }: { readonly revives: boolean } = { revives: false },
  ): Promise<readonly ReceiptResult[]> {
    return this.#settle(context, queue, {
      action: "extend",
      handles: entries.map((entry) => entry.receiptHandle),
      encode: (writer, command, positions) => {
        const leases = command.leases.map((lease, i) => {
          return { ...lease, ms: entries[positions[i] ?? 0]?.visibilityTimeoutMs ?? 0 };
        });
        encodeExtend(writer, { ...command, leases, revives });
      },
    });
  }

  release(
    context: CallContext,
    queue: string,
    entries: readonly { readonly receiptHandle: string; readonly delayMs: number }[],
  ): Promise<readonly ReceiptResult[]> {
    return this.#settle(context, queue, {
      action: "release",
      handles: entries.map((entry) => entry.receiptHandle),
      encode: (writer, command, positions) => {
        const leases = command.leases.map((lease, i) => {
          return { ...lease, ms: entries[positions[i] ?? 0]?.delayMs ?? 0 };
        });
        encodeRelease(writer, { ...command, leases });
      },
    });
  }

  async clusterStatus(_context: CallContext): Promise<ClusterStatus> {
    const role = this.#engine.replica(CATALOGUE)?.role;
    const reports = this.#engine.reports(this.#options.monotonicMs());
    return {
      clusterId: this.#options.clusterId,
      leader: role === undefined || role.leader === 0 ? undefined : role.leader,
      term: role?.term ?? 0,
      nodes: reports.map((report) => ({
        id: report.id,
        role: report.role,
        clientUrl: report.clientUrl,
        peerAddress: this.#options.peerAddresses.get(report.id) ?? "",
        appliedIndex: report.applied,
        healthy: report.healthy,
      })),
    };
  }

  /** Runs `call` where the queue lives; once more after asking the leader when this node's copy was behind. */
  async #onQueue<T>(
    context: CallContext,
    queue: string,
    call: (place: QueuePlace) => Promise<T>,
  ): Promise<T> {
    const place = await this.#directory.find(queue, context.signal);
    try {
      return await call(place);
    } catch (error) {
      if (!KQueueyError.is(error) || error.code !== "QUEUE_NOT_FOUND") throw error;
      const fresh = await this.#directory.findAtLeader(queue, context.signal);
      if (fresh.queueId === place.queueId) throw error;
      return call(fresh);
    }
  }

  async #command(
    context: CallContext,
    place: QueuePlace,
    what: { readonly queue: string; readonly command: Uint8Array },
  ): Promise<Exclude<Outcome, GrantedOutcome>> {
    const to = { group: place.group, signal: context.signal };
    const reply = await callEngine(this.#engine, to, { kind: "command", command: what.command });
    if (reply.kind !== "outcome") throw unexpected(reply);
    if (reply.outcome.kind === "refused") throw refusalError(reply.outcome.reason, what.queue);
    return reply.outcome;
  }

  /** Tombstones, extensions and releases: reads the handles, proposes the good ones, answers for all. */
  async #settle(
    context: CallContext,
    queue: string,
    what: {
      readonly action: string;
      readonly handles: readonly string[];
      readonly encode: (
        writer: ByteWriter,
        command: {
          requestId: ReturnType<RequestIds["make"]>;
          queueId: QueuePlace["queueId"];
          leases: readonly LeaseReference[];
        },
        positions: readonly number[],
      ) => void;
    },
  ): Promise<readonly ReceiptResult[]> {
    const { receipts } = this.#secretOrThrow();
    return this.#onQueue(context, queue, async (place) => {
      const results: ReceiptResult[] = [];
      const leases: Receipt[] = [];
      const positions: number[] = [];
      what.handles.forEach((handle, at) => {
        const receipt = receipts.read(handle, place.queueId);
        if (receipt instanceof Error) {
          results[at] = { ok: false, error: receipt };
        } else {
          leases.push(receipt);
          positions.push(at);
        }
      });
      if (leases.length === 0) return results;
      const requestId = this.#ids.make({ ...callOf(context), action: what.action, queue });
      const writer = new ByteWriter(64 + leases.length * 16);
      what.encode(writer, { requestId, queueId: place.queueId, leases }, positions);
      const outcome = await this.#command(context, place, { queue, command: writer.view() });
      if (outcome.kind !== "settled") throw new KQueueyError("INTERNAL", "settling went wrong");
      positions.forEach((at, ordinal) => {
        results[at] = receiptResult(outcome, ordinal);
      });
      return results;
    });
  }

  /** Best effort: if this node cannot reach the leader the lease runs out by itself. */
  #undo(group: GroupId, grant: GrantedOutcome): void {
    const leases: LeaseReference[] = [];
    for (let i = 0; i < grant.count; i++) {
      const token = fencingToken(grant.tokens[i] ?? 0);
      leases.push({ sequence: sequence(grant.sequences[i] ?? 0), token });
    }
    const writer = new ByteWriter(64 + leases.length * 12);
    encodeUndelivered(writer, { requestId: NO_REQUEST_ID, queueId: grant.queueId, leases });
    const command = writer.view();
    this.#engine.call(group, { kind: "command", command }, () => undefined);
  }

  #record(context: CallContext, message: NewMessage): SendMessage {
    return {
      sentAtMs: this.#options.wallMs(),
      bodyMd5: message.bodyMd5 ?? NO_MD5,
      sender: context.principal,
      traceHeader: message.traceHeader,
      groupId: message.groupId,
      deduplicationId: message.deduplicationId,
      attributes: message.attributes,
      body: message.body,
      delayMs: message.delayMs,
    };
  }

  /** Receipts and message ids need the cluster's secret, which the first leader gives it. */
  #secretOrThrow(): { readonly bytes: Uint8Array; readonly receipts: Receipts } {
    if (this.#secret !== undefined) return this.#secret;
    const bytes = this.#engine.replica(CATALOGUE)?.machine.secret;
    if (bytes === undefined) {
      throw new KQueueyError("UNAVAILABLE", "this node is still starting: try again shortly");
    }
    this.#secret = { bytes, receipts: new Receipts(bytes) };
    return this.#secret;
  }
}

/** Ends early when the caller is gone. */
function pause(ms: number, signal: CallSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end, { once: true });
  });
}

function callOf(context: CallContext): { principal: string; requestId: string | undefined } {
  return { principal: context.principal, requestId: context.requestId };
}

function sizeOf(messages: readonly SendMessage[]): number {
  let bytes = 0;
  for (const message of messages) bytes += message.body.length + 64;
  return bytes;
}

function receiptResult(outcome: SettledOutcome, ordinal: number): ReceiptResult {
  switch (outcome.results[ordinal] ?? SETTLED.stale) {
    case SETTLED.ok:
      return EFFECTIVE;
    case SETTLED.gone:
      return GONE;
    case SETTLED.tooLong:
      return {
        ok: false,
        error: new KQueueyError(
          "INVALID_ARGUMENT",
          "the lease would last longer than 12 hours since the message was received",
        ),
      };
    default:
      return STALE;
  }
}

const EFFECTIVE: ReceiptResult = Object.freeze({ ok: true, effective: true });
const GONE: ReceiptResult = Object.freeze({ ok: true, effective: false, reason: "gone" });
const STALE: ReceiptResult = Object.freeze({ ok: true, effective: false, reason: "stale" });
