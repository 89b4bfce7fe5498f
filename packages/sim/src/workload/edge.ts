/**
 * The edge of a simulated client: carries a call from node to node under one request id until it is answered,
 * hands grants on only while they are fresh, gives back what nobody takes, and writes everything into the history.
 */
import { ByteWriter, type NodeId, type Prng } from "@kqueuey/base";
import type { GrantedOutcome } from "@kqueuey/queue";
import { encodeUndelivered, fencingToken, NO_REQUEST_ID, sequence } from "@kqueuey/queue";
import type { EngineReply, EngineRequest } from "@kqueuey/replica";
import { isFreshGrant } from "@kqueuey/replica";
import { GROUP, type SimCluster } from "../cluster.ts";
import type { Answer, Operation } from "../history/event.ts";
import type { History } from "../history/history.ts";
import { answerOf } from "./answer.ts";

export interface Ask {
  readonly client: number;
  readonly operation: Operation;
  readonly request: EngineRequest;
  readonly requestKey?: string;
  /** The call that this one repeats. */
  readonly repeats?: number;
  /** The client goes away after so long; absent: it stays. */
  readonly hangUpAfterMs?: number;
}

/** What a client is told at the end of a call. */
export interface Told {
  readonly call: number;
  readonly answer: Answer;
  /** Whole, for what the history does not keep. */
  readonly reply: EngineReply | undefined;
}

type Done = (told: Told) => void;

interface Conversation {
  readonly ask: Ask;
  readonly call: number;
  readonly done: Done;
  attempts: number;
  over: boolean;
  /** Takes back the try that is under way. */
  withdraw: () => void;
}

/** How long a client waits for an answer beyond a receive's own wait before it asks another node, ms. */
const PATIENCE_MS = { from: 300, to: 3_000 };
const PAUSE_MS = { from: 5, to: 50 };
const ATTEMPTS_MAX = 60;
const NOBODY_UP_MS = 100;

export class Edge {
  readonly #cluster: SimCluster;
  readonly #history: History;
  readonly #random: Prng;
  /** Calls under way. */
  busy = 0;

  constructor(cluster: SimCluster, history: History, random: Prng) {
    this.#cluster = cluster;
    this.#history = history;
    this.#random = random;
  }

  /** Makes a call; `done` is called once, unless the client hangs up before. Gives the call's number. */
  ask(ask: Ask, done: Done): number {
    const { world } = this.#cluster;
    const call = this.#history.invoke(ask.operation, {
      client: ask.client,
      atMs: world.nowMs,
      ...(ask.requestKey === undefined ? {} : { requestKey: ask.requestKey }),
      ...(ask.repeats === undefined ? {} : { repeats: ask.repeats }),
    });
    this.busy += 1;
    const conversation: Conversation = {
      ask,
      call,
      done,
      attempts: 0,
      over: false,
      withdraw: () => undefined,
    };
    if (ask.hangUpAfterMs !== undefined) {
      world.schedule(ask.hangUpAfterMs, () => {
        if (conversation.over) return;
        conversation.withdraw();
        this.#end(conversation, { answer: { kind: "unknown" }, reply: undefined });
      });
    }
    this.#attempt(conversation);
    return call;
  }

  #attempt(conversation: Conversation): void {
    const { world } = this.#cluster;
    if (conversation.over) return;
    const up = this.#cluster.ids.filter((id) => this.#cluster.isUp(id));
    const node = up.length === 0 ? undefined : this.#random.pick(up);
    const engine = node === undefined ? undefined : this.#cluster.engine(node);
    if (node === undefined || engine === undefined) {
      world.schedule(NOBODY_UP_MS, () => this.#attempt(conversation));
      return;
    }
    conversation.attempts += 1;
    const { request } = conversation.ask;
    let here = true;
    const handle = engine.call(GROUP, request, (reply) => {
      if (!here || conversation.over) return;
      here = false;
      this.#answered(conversation, node, reply);
    });
    conversation.withdraw = () => {
      here = false;
      engine.cancel(handle);
    };
    const waitMs = request.kind === "receive" ? request.waitMs : 0;
    const patienceMs = waitMs + this.#random.between(PATIENCE_MS.from, PATIENCE_MS.to);
    world.schedule(patienceMs, () => {
      if (!here || conversation.over) return;
      conversation.withdraw();
      this.#again(conversation);
    });
  }

  #answered(conversation: Conversation, node: NodeId, reply: EngineReply): void {
    if (reply.kind === "failed" && isPassing(reply.code)) {
      this.#again(conversation);
      return;
    }
    if (reply.kind === "granted" && !this.#isFresh(node, reply.grant)) {
      // What a retry was answered with may be in the hands of an earlier try's client.
      if (!reply.grant.replayed) this.#giveBack(node, reply.grant);
      this.#end(conversation, {
        answer: { kind: "granted", messages: [] },
        reply: undefined,
        node,
      });
      return;
    }
    // An earlier try may have been carried out although this one was refused before it reached the log.
    const answer = answerOf(reply, conversation.attempts > 1);
    this.#end(conversation, { answer, reply, node });
  }

  #again(conversation: Conversation): void {
    const { world } = this.#cluster;
    if (conversation.attempts >= ATTEMPTS_MAX) {
      this.#end(conversation, { answer: { kind: "unknown" }, reply: undefined });
      return;
    }
    const pauseMs = this.#random.between(PAUSE_MS.from, PAUSE_MS.to);
    world.schedule(pauseMs, () => this.#attempt(conversation));
  }

  #end(
    conversation: Conversation,
    end: { answer: Answer; reply: EngineReply | undefined; node?: NodeId },
  ): void {
    conversation.over = true;
    this.busy -= 1;
    const clusterTimeMs = this.#clusterTime();
    this.#history.answer(conversation.call, end.answer, {
      atMs: this.#cluster.world.nowMs,
      ...(end.node === undefined ? {} : { node: end.node }),
      ...(clusterTimeMs === undefined ? {} : { clusterTimeMs }),
      ...(end.node === undefined ? {} : { isLeaders: end.node === this.#cluster.leader() }),
    });
    conversation.done({ call: conversation.call, answer: end.answer, reply: end.reply });
  }

  /** By the clock of whoever leads in the highest term. */
  #clusterTime(): number | undefined {
    const leader = this.#cluster.leader();
    if (leader === undefined) return undefined;
    return this.#cluster.engine(leader)?.clusterNow(GROUP);
  }

  #isFresh(node: NodeId, grant: GrantedOutcome): boolean {
    return isFreshGrant(grant, this.#cluster.engine(node)?.clusterNow(GROUP));
  }

  #giveBack(node: NodeId, grant: GrantedOutcome): void {
    const leases = Array.from({ length: grant.count }, (_, i) => ({
      sequence: sequence(grant.sequences[i] ?? 0),
      token: fencingToken(grant.tokens[i] ?? 0),
    }));
    const writer = new ByteWriter(64 + leases.length * 12);
    encodeUndelivered(writer, { requestId: NO_REQUEST_ID, queueId: grant.queueId, leases });
    const request = { kind: "command", command: writer.take() } as const;
    this.#cluster.engine(node)?.call(GROUP, request, () => undefined);
  }
}

function isPassing(code: string): boolean {
  return code === "UNAVAILABLE" || code === "THROTTLED";
}
