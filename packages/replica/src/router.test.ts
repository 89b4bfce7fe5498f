import { groupId, monotonic, type NodeId, nodeId, Prng, term } from "@kqueuey/base";
import { describe, expect, test } from "vitest";
import { type EngineReply, type EngineRequest, failure } from "./engine-request.ts";
import type { Ticket } from "./replica.ts";
import { type RoutedReplica, Router } from "./router.ts";
import { decodeFrame, type Frame } from "./wire/frame.ts";
import { encodeReply } from "./wire/reply.ts";

const GROUP = groupId(0);
const LEADER = nodeId(1);
const FOLLOWER = nodeId(2);
const FIND = { kind: "find", name: "orders" } as const satisfies EngineRequest;
const NOT_THERE: EngineReply = { kind: "found", entry: undefined };

/** One node's router; what it sends is kept, what it has carried out is answered by the test. */
class Bench {
  readonly router: Router;
  readonly sent: Frame[] = [];
  readonly tickets: Ticket[] = [];

  constructor(id: NodeId, seed: number) {
    const isLeader = id === LEADER;
    const replica: RoutedReplica = {
      isLeader,
      role: { role: isLeader ? "leader" : "follower", leader: LEADER, term: term(1) },
      submit: (ticket) => this.tickets.push(ticket),
      cancel: (ticket) => {
        ticket.cancelled = true;
      },
      undo: () => undefined,
    };
    this.router = new Router(
      { timeoutMs: 5_000, callsMax: 10 },
      {
        id,
        random: new Prng(seed),
        replica: () => replica,
        send: (_to, parts) => {
          const frame = decodeFrame(joined(parts));
          if (frame !== undefined) this.sent.push(frame);
          return true;
        },
      },
    );
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

function forward(frame: Frame | undefined, to: Bench): void {
  if (frame?.kind === "request") to.router.onRequest(FOLLOWER, frame);
  if (frame?.kind === "reply") to.router.onReply(LEADER, frame.serial, frame.reply);
}

describe("an answer to a request that was forwarded", () => {
  test("comes back to the one who asked", () => {
    const [leader, follower] = [new Bench(LEADER, 1), new Bench(FOLLOWER, 2)];
    const told: EngineReply[] = [];
    follower.router.call(GROUP, FIND, (reply) => told.push(reply));
    forward(follower.sent[0], leader);
    leader.tickets[0]?.reply(NOT_THERE);
    forward(leader.sent[0], follower);
    expect(told).toEqual([NOT_THERE]);
  });

  test("does not say that nothing was done when an earlier try may have been carried out", () => {
    const follower = new Bench(FOLLOWER, 2);
    const told: EngineReply[] = [];
    const refused = failure("STORAGE_FULL", "the leader's disk is full");
    const answer = (to: Frame | undefined, reply: EngineReply): void => {
      if (to?.kind !== "request") throw new Error("a request was to be sent");
      follower.router.onReply(LEADER, to.serial, encodeReply(reply));
    };
    follower.router.call(GROUP, FIND, (reply) => told.push(reply));
    answer(follower.sent[0], refused);
    expect(told).toEqual([refused]);
    follower.router.call(GROUP, FIND, (reply) => told.push(reply));
    answer(follower.sent[1], { kind: "not-leader", leader: LEADER });
    follower.router.run(monotonic(100));
    answer(follower.sent[2], refused);
    expect(told[1]).toMatchObject({ kind: "failed", code: "UNAVAILABLE" });
  });

  test("is that of the first, when the request came twice", () => {
    const [leader, follower] = [new Bench(LEADER, 1), new Bench(FOLLOWER, 2)];
    follower.router.call(GROUP, FIND, () => undefined);
    forward(follower.sent[0], leader);
    forward(follower.sent[0], leader);
    expect(leader.tickets).toHaveLength(1);
    leader.tickets[0]?.reply(NOT_THERE);
    expect(leader.sent).toHaveLength(1);
  });

  test("is not sent any more when the connection broke in between: the number may be somebody else's", () => {
    const [leader, follower] = [new Bench(LEADER, 1), new Bench(FOLLOWER, 2)];
    follower.router.call(GROUP, FIND, () => undefined);
    forward(follower.sent[0], leader);
    leader.router.peerDown(FOLLOWER);
    leader.tickets[0]?.reply(NOT_THERE);
    expect(leader.sent).toEqual([]);
  });

  test("to a process that is gone is nothing to the next one on that node", () => {
    const [leader, before] = [new Bench(LEADER, 1), new Bench(FOLLOWER, 2)];
    before.router.call(GROUP, FIND, () => undefined);
    forward(before.sent[0], leader);
    leader.tickets[0]?.reply(NOT_THERE);
    const [after, told] = [new Bench(FOLLOWER, 3), [] as EngineReply[]];
    after.router.call(GROUP, FIND, (reply) => told.push(reply));
    forward(leader.sent[0], after);
    expect(told).toEqual([]);
  });
});
