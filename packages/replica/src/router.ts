/**
 * Finds the leader for each request of this node's edges: carried out here, forwarded over one hop, or
 * kept until there is a leader. Mutating requests carry ids, so asking again after a lost answer is safe.
 */
import type { GroupId, MonotonicMs, NodeId, Random } from "@kqueuey/base";
import { ByteReader, between, monotonic } from "@kqueuey/base";
import type { EngineReply, EngineRequest } from "./engine-request.ts";
import { failure } from "./engine-request.ts";
import type { Replica, Ticket } from "./replica.ts";
import { controlFrame } from "./wire/frame.ts";
import { decodeReply, encodeReply } from "./wire/reply.ts";
import { decodeRequest, encodeRequest } from "./wire/request.ts";

/** A request that found no leader, or the wrong one, tries again after a pause in this range, ms. */
const PAUSE_MS = { from: 5, to: 25 };

/** Each process numbers its calls from a random multiple of this on; all of them are below 2^53. */
const SERIALS_OF_A_PROCESS = 2 ** 20;

/** What of a replica is needed to carry a request out. */
export type RoutedReplica = Pick<Replica, "isLeader" | "role" | "submit" | "cancel" | "undo">;

export interface RouterOutside {
  readonly id: NodeId;
  readonly random: Random;
  replica(group: GroupId): RoutedReplica | undefined;
  send(to: NodeId, frame: readonly Uint8Array[]): boolean;
}

/** How a request is known to the one who made it. */
export type RequestHandle = number;

interface Call {
  readonly serial: number;
  readonly group: GroupId;
  readonly request: EngineRequest;
  /** When its receive stops waiting for messages; the call itself may take longer. */
  readonly waitUntilMs: number;
  readonly deadlineMs: number;
  readonly done: (reply: EngineReply) => void;
  at: CallPlace;
  /** A try is without an answer that says what became of it: it may have been carried out. */
  mayHaveHappened: boolean;
}

type CallPlace =
  | { readonly kind: "pausing"; readonly untilMs: number }
  | { readonly kind: "here"; readonly ticket: Ticket }
  | { readonly kind: "there"; readonly node: NodeId };

export class Router {
  readonly #outside: RouterOutside;
  readonly #timeoutMs: number;
  readonly #callsMax: number;
  readonly #calls = new Map<number, Call>();
  /** Calls that wait for a leader or for their pause to end. */
  readonly #pausing = new Set<Call>();
  /** Requests that peers forwarded to us, by peer and their serial. */
  readonly #forwarded = new Map<string, { readonly group: GroupId; readonly ticket: Ticket }>();
  /** Of the last call. */
  #serial: number;
  #nowMs: MonotonicMs = monotonic(0);
  #nextExpiryMs = 0;

  /** `timeoutMs`: how long a call (beyond a receive's own wait) may take before it is told "unavailable". */
  constructor(
    limits: { readonly timeoutMs: number; readonly callsMax: number },
    outside: RouterOutside,
  ) {
    this.#timeoutMs = limits.timeoutMs;
    this.#callsMax = limits.callsMax;
    this.#outside = outside;
    // An answer to this node's last process may be under way still: it must not pass for one of ours.
    this.#serial = outside.random.nextU32() * SERIALS_OF_A_PROCESS;
  }

  /** Calls under way. */
  get calls(): number {
    return this.#calls.size;
  }

  /** Starts a call; `done` is called once, perhaps at once, unless the call is cancelled. */
  call(group: GroupId, request: EngineRequest, done: (reply: EngineReply) => void): RequestHandle {
    this.#serial += 1;
    const serial = this.#serial;
    if (this.#calls.size >= this.#callsMax) {
      done(failure("THROTTLED", "this node has too many calls in hand: try again shortly"));
      return serial;
    }
    const waitMs = request.kind === "receive" ? request.waitMs : 0;
    const call: Call = {
      serial,
      group,
      request,
      waitUntilMs: this.#nowMs + waitMs,
      deadlineMs: this.#nowMs + waitMs + this.#timeoutMs,
      done,
      at: { kind: "pausing", untilMs: 0 },
      mayHaveHappened: false,
    };
    this.#calls.set(serial, call);
    this.#attempt(call);
    return serial;
  }

  /** Whoever made the call is gone: a receive is granted to nobody. */
  cancel(handle: RequestHandle): void {
    const call = this.#calls.get(handle);
    if (call === undefined) return;
    this.#forget(call);
    this.#withdraw(call);
  }

  run(nowMs: MonotonicMs): void {
    this.#nowMs = nowMs;
    for (const call of this.#pausing) {
      if (call.at.kind === "pausing" && call.at.untilMs <= nowMs) this.#attempt(call);
    }
    if (nowMs < this.#nextExpiryMs) return;
    this.#nextExpiryMs = nowMs + 50;
    for (const call of [...this.#calls.values()]) if (call.deadlineMs <= nowMs) this.#expire(call);
  }

  /** A peer forwarded a request: it is carried out here or refused, never sent on. */
  onRequest(
    from: NodeId,
    frame: { readonly serial: number; readonly group: GroupId; readonly request: Uint8Array },
  ): void {
    const key = `${from}/${frame.serial}`;
    // It came twice: whoever carries the first one out answers, since what is said of the second may differ.
    if (this.#forwarded.has(key)) return;
    const send = (reply: EngineReply): boolean => {
      const { serial } = frame;
      return this.#outside.send(
        from,
        controlFrame({ kind: "reply", serial, reply: encodeReply(reply) }),
      );
    };
    const request = decodeRequest(frame.request);
    const replica = this.#outside.replica(frame.group);
    if (request === undefined) {
      send(failure("MALFORMED_REQUEST", "a forwarded request cannot be read"));
    } else if (replica === undefined || this.#forwarded.size >= this.#callsMax) {
      send({ kind: "not-leader", leader: 0 });
    } else {
      const ticket: Ticket = {
        reply: (reply) => {
          // Void since: the connection broke. Whoever has the number now asked otherwise.
          const isWanted = this.#forwarded.get(key)?.ticket === ticket;
          if (isWanted) this.#forwarded.delete(key);
          if (isWanted && send(reply)) return;
          if (reply.kind === "granted") replica.undo(reply.grant);
        },
        cancelled: false,
        origin: from,
      };
      this.#forwarded.set(key, { group: frame.group, ticket });
      replica.submit(ticket, request);
    }
  }

  onReply(from: NodeId, serial: number, bytes: Uint8Array): void {
    const call = this.#calls.get(serial);
    const reply = decodeReply(new ByteReader(bytes));
    if (call === undefined || call.at.kind !== "there" || call.at.node !== from) return;
    if (reply === undefined) this.#pause(call);
    else this.#answered(call, reply);
  }

  onCancel(from: NodeId, serial: number): void {
    const key = `${from}/${serial}`;
    const found = this.#forwarded.get(key);
    if (found === undefined) return;
    this.#forwarded.delete(key);
    this.#outside.replica(found.group)?.cancel(found.ticket);
  }

  /** A connection broke: what was asked there is asked again, what was asked from there is void. */
  peerDown(peer: NodeId): void {
    for (const call of this.#calls.values()) {
      if (call.at.kind === "there" && call.at.node === peer) this.#pause(call);
    }
    for (const [key, { group, ticket }] of this.#forwarded) {
      if (ticket.origin !== peer) continue;
      this.#forwarded.delete(key);
      this.#outside.replica(group)?.cancel(ticket);
    }
  }

  /** There may be a new leader: everybody who waits for one tries now. */
  leaderChanged(): void {
    for (const call of this.#pausing) call.at = { kind: "pausing", untilMs: 0 };
  }

  #attempt(call: Call): void {
    const replica = this.#outside.replica(call.group);
    const request = this.#withTimeLeft(call);
    if (replica?.isLeader === true) {
      const ticket: Ticket = {
        reply: (reply) => this.#answered(call, reply),
        cancelled: false,
        origin: 0,
      };
      this.#pausing.delete(call);
      call.at = { kind: "here", ticket };
      replica.submit(ticket, request);
      return;
    }
    const leader = replica?.role.leader ?? 0;
    if (leader !== 0 && leader !== this.#outside.id) {
      const waitMs = Math.max(0, Math.round(call.deadlineMs - this.#nowMs));
      const frame = controlFrame({
        kind: "request",
        serial: call.serial,
        group: call.group,
        waitMs,
        request: encodeRequest(request),
      });
      if (this.#outside.send(leader, frame)) {
        this.#pausing.delete(call);
        call.at = { kind: "there", node: leader };
        return;
      }
    }
    this.#pause(call);
  }

  #withTimeLeft(call: Call): EngineRequest {
    if (call.request.kind !== "receive") return call.request;
    const waitMs = Math.max(0, Math.round(call.waitUntilMs - this.#nowMs));
    return { ...call.request, waitMs };
  }

  #pause(call: Call): void {
    if (call.at.kind !== "pausing") call.mayHaveHappened = true;
    const pause = between(this.#outside.random, PAUSE_MS.from, PAUSE_MS.to);
    call.at = { kind: "pausing", untilMs: this.#nowMs + pause };
    this.#pausing.add(call);
  }

  #answered(call: Call, reply: EngineReply): void {
    if (this.#calls.get(call.serial) !== call) return;
    if (reply.kind === "not-leader") {
      this.#pause(call);
      return;
    }
    this.#forget(call);
    call.done(call.mayHaveHappened ? asUncertain(reply) : reply);
  }

  #expire(call: Call): void {
    this.#forget(call);
    this.#withdraw(call);
    const seconds = Math.round(this.#timeoutMs / 100) / 10;
    call.done(
      failure(
        "UNAVAILABLE",
        `no leader answered within ${seconds} s: an election is under way or a majority of nodes is down; try again`,
      ),
    );
  }

  #withdraw(call: Call): void {
    if (call.at.kind === "here") {
      this.#outside.replica(call.group)?.cancel(call.at.ticket);
    } else if (call.at.kind === "there") {
      this.#outside.send(call.at.node, controlFrame({ kind: "cancel", serial: call.serial }));
    }
  }

  #forget(call: Call): void {
    this.#calls.delete(call.serial);
    this.#pausing.delete(call);
  }
}

/** A refusal says that nothing was done: after an earlier try of what may be done that is more than is known. */
function asUncertain(reply: EngineReply): EngineReply {
  if (reply.kind !== "failed") return reply;
  if (reply.code === "UNAVAILABLE" || reply.code === "MALFORMED_REQUEST") return reply;
  return failure(
    "UNAVAILABLE",
    `${reply.message}; an earlier try may have been carried out: ask again under the same request id`,
  );
}
