/** Clients of a simulated cluster: they send, receive, work and send tombstones, and write down what they saw. */
import { ByteWriter, decodeUtf8, encodeUtf8, must, type Prng, wallTime } from "@kqueuey/base";
import type { GrantedOutcome, QueueId, RequestId } from "@kqueuey/queue";
import {
  DEFAULT_ATTRIBUTES,
  decodeBodyRecord,
  encodeConfirmQueue,
  encodeCreateQueue,
  encodeReceive,
  encodeRelease,
  encodeReserveQueue,
  encodeSend,
  encodeTombstone,
  fencingToken,
  SETTLED,
  sequence,
} from "@kqueuey/queue";
import type { EngineReply, EngineRequest } from "@kqueuey/replica";
import { GROUP, type SimCluster } from "./cluster.ts";
import { crc32, digest16 } from "./digests.ts";
import { History } from "./history.ts";
import type { WorkloadPlan } from "./workload/plan.ts";

/** How long a client waits for an answer before it asks another node, ms. */
const PATIENCE_MS = 3_000;
const ATTEMPTS_MAX = 40;
const DRAINERS = 8;

export class Workload {
  readonly history: History = new History();
  readonly #cluster: SimCluster;
  readonly #options: WorkloadPlan;
  readonly #random: Prng;
  #queue: QueueId | undefined;
  #sending = false;
  #working = false;
  #draining = false;
  #sent = 0;
  #busySenders = 0;
  /** Effective tombstones so far. */
  tombstones = 0;
  /** Sends acknowledged so far. */
  acknowledged = 0;
  /** Sends refused because the disk was full. */
  refused = 0;

  constructor(cluster: SimCluster, options: WorkloadPlan) {
    this.#cluster = cluster;
    this.#options = options;
    this.#random = cluster.random.fork();
  }

  get #timeoutMs(): number {
    return this.#options.queues[0]?.visibilityTimeoutMs ?? 1_000;
  }

  /** Creates the queue; needs a leader. */
  createQueue(): void {
    const name = "orders";
    const attributes = {
      ...DEFAULT_ATTRIBUTES,
      visibilityTimeoutMs: this.#timeoutMs,
    };
    const about = { name, attributes, extra: new Map(), tags: new Map() };
    const reserve = new ByteWriter();
    encodeReserveQueue(reserve, { requestId: this.#id(), group: GROUP, ...about });
    const reserved = this.#ask({ kind: "command", command: reserve.take() });
    if (reserved.kind !== "outcome" || reserved.outcome.kind !== "reserved") {
      throw new Error(`reserve: ${JSON.stringify(reserved)}`);
    }
    const { queueId, placement } = reserved.outcome;
    const create = new ByteWriter();
    encodeCreateQueue(create, { requestId: this.#id(), queueId, placement, ...about });
    this.#ask({ kind: "command", command: create.take() });
    const confirm = new ByteWriter();
    encodeConfirmQueue(confirm, { requestId: this.#id(), queueId });
    this.#ask({ kind: "command", command: confirm.take() });
    this.#queue = queueId;
  }

  get queue(): QueueId {
    return must(this.#queue, "the queue was created");
  }

  /** Senders and workers begin. */
  start(): void {
    this.#sending = true;
    this.#working = true;
    for (let i = 0; i < this.#options.senders; i++) this.#send();
    for (let i = 0; i < this.#options.workers; i++) this.#work();
  }

  stopSending(): void {
    this.#sending = false;
  }

  /** More and faster workers, so that a backlog is gone soon. */
  drain(): void {
    this.#draining = true;
    for (let i = 0; i < DRAINERS; i++) this.#work();
  }

  /** True when no sender waits for an answer any more. */
  get quiet(): boolean {
    return this.#busySenders === 0;
  }

  /** Asks a node and runs the world until it answers, at other nodes if need be. */
  #ask(request: EngineRequest): EngineReply {
    let answer: EngineReply | undefined;
    this.#call(request, (reply) => {
      answer = reply;
    });
    this.#cluster.world.runUntil(() => answer !== undefined, 120_000);
    return must(answer, "an answer in time");
  }

  /** Asks nodes until one answers other than "try again"; the request's id makes that safe. Undefined: given up. */
  #call(request: EngineRequest, done: (reply: EngineReply | undefined) => void, attempt = 0): void {
    const { world } = this.#cluster;
    let over = false;
    const again = (): void => {
      if (over) return;
      over = true;
      if (attempt >= ATTEMPTS_MAX) done(undefined);
      else
        world.schedule(this.#random.between(5, 50), () => this.#call(request, done, attempt + 1));
    };
    const up = this.#cluster.ids.filter((id) => this.#cluster.isUp(id));
    const engine = up.length === 0 ? undefined : this.#cluster.engine(this.#random.pick(up));
    if (engine === undefined) {
      world.schedule(100, again);
      return;
    }
    const waitMs = request.kind === "receive" ? request.waitMs : 0;
    const handle = engine.call(GROUP, request, (reply) => {
      if (over) return;
      if (reply.kind === "failed" && (reply.code === "UNAVAILABLE" || reply.code === "THROTTLED")) {
        again();
        return;
      }
      over = true;
      done(reply);
    });
    world.schedule(PATIENCE_MS + waitMs, () => {
      if (!over) engine.cancel(handle);
      again();
    });
  }

  #send(): void {
    if (!this.#sending) return;
    this.#busySenders += 1;
    const bodies: string[] = [];
    const size = this.#random.between(1, 8);
    for (let i = 0; i < size; i++) bodies.push(`message-${this.#sent++}`);
    for (const body of bodies) this.history.of(body).sendsUnknown += 1;
    const writer = new ByteWriter();
    const messages = bodies.map((text) => {
      const body = encodeUtf8(text.padEnd(this.#random.between(16, 200), "."));
      return {
        sentAtMs: wallTime(1),
        bodyMd5: digest16(body),
        sender: "sim",
        traceHeader: undefined,
        attributes: [],
        body,
      };
    });
    encodeSend(writer, { requestId: this.#id(), queueId: this.queue, messages }, crc32);
    this.#call({ kind: "command", command: writer.take() }, (reply) => {
      this.#busySenders -= 1;
      if (reply?.kind === "outcome" && reply.outcome.kind === "sent") {
        bodies.forEach((body) => {
          const message = this.history.of(body);
          message.sendsUnknown -= 1;
          message.sendsAcknowledged += 1;
        });
        this.acknowledged += bodies.length;
      } else if (reply?.kind === "failed" && reply.code === "STORAGE_FULL") {
        this.refused += bodies.length;
      }
      const pause = this.#random.between(0, this.#options.pauseMs);
      this.#cluster.world.schedule(pause, () => this.#send());
    });
  }

  #work(): void {
    if (!this.#working) return;
    const writer = new ByteWriter();
    encodeReceive(writer, {
      requestId: this.#id(),
      queueId: this.queue,
      limit: this.#draining ? 100 : this.#random.between(1, 10),
      maxBytes: 1_000_000,
    });
    const waitMs = this.#random.pick([0, 100, 2_000]);
    this.#call({ kind: "receive", command: writer.take(), waitMs }, (reply) => {
      const delay = this.#random.between(0, 30);
      if (reply?.kind === "granted" && reply.grant.count > 0) {
        const bodies = this.#note(reply.grant, reply.records);
        // Some workers take longer than their lease; some give up and release.
        const slow = !this.#draining && this.#random.chance(1, 20) ? this.#timeoutMs * 2 : delay;
        const { grant } = reply;
        this.#cluster.world.schedule(slow, () => this.#finish(grant, bodies));
      } else {
        this.#cluster.world.schedule(delay, () => this.#work());
      }
    });
  }

  #note(grant: GrantedOutcome, records: readonly Uint8Array[]): string[] {
    return records.map((bytes, i) => {
      const record = must(decodeBodyRecord(bytes, crc32), "a body that is whole");
      const body = must(decodeUtf8(record.body), "text").replace(/\.+$/, "");
      const message = this.history.of(body);
      message.sequences.add(grant.sequences[i] ?? 0);
      message.deliveries.push({
        atMs: this.#cluster.world.nowMs,
        sequence: grant.sequences[i] ?? 0,
        token: grant.tokens[i] ?? 0,
        receiveCount: grant.receiveCounts[i] ?? 0,
        grantedAt: grant.nowMs,
        deadline: grant.deadlines[i] ?? 0,
      });
      return body;
    });
  }

  #finish(grant: GrantedOutcome, bodies: readonly string[]): void {
    const leases = bodies.map((_, i) => ({
      sequence: sequence(grant.sequences[i] ?? 0),
      token: fencingToken(grant.tokens[i] ?? 0),
    }));
    const about = { requestId: this.#id(), queueId: this.queue };
    const writer = new ByteWriter();
    const release = this.#random.chance(1, 15);
    const change = (i: number): void => {
      this.history.of(bodies[i] ?? "").changed.add(grant.tokens[i] ?? 0);
    };
    if (release) {
      encodeRelease(writer, { ...about, leases: leases.map((lease) => ({ ...lease, ms: 0 })) });
      bodies.forEach((_, i) => {
        change(i);
      });
    } else {
      encodeTombstone(writer, { ...about, leases });
    }
    this.#call({ kind: "command", command: writer.take() }, (reply) => {
      const settled = reply?.kind === "outcome" && reply.outcome.kind === "settled";
      bodies.forEach((body, i) => {
        if (!settled || release) return;
        if (reply.outcome.kind !== "settled" || reply.outcome.results[i] !== SETTLED.ok) return;
        this.history.of(body).tombstoned.push(grant.tokens[i] ?? 0);
        this.tombstones += 1;
      });
      this.#work();
    });
  }

  #id(): RequestId {
    const hash = Uint8Array.from({ length: 16 }, () => this.#random.nextU32() & 0xff);
    return { kind: "hash", hash };
  }
}
