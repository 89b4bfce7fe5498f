import { incarnation, logIndex, monotonic, nodeId, Prng, term } from "@kqueuey/base";
import { describe, expect, test } from "vitest";
import {
  bootstrapMembership,
  type Entry,
  type Identity,
  type RaftMessage,
  raftConfig,
} from "../src/index.ts";
import { createDisk, SimNode } from "./sim-node.ts";

/** Small numbers, so that nonsense is nearly plausible; sometimes a huge one. */
function number(random: Prng, max = 8): number {
  return random.chance(1, 30) ? 2 ** random.between(30, 52) : random.between(0, max);
}

function randomMessage(random: Prng): RaftMessage {
  const head = {
    from: nodeId(random.between(1, 5)),
    to: nodeId(random.chance(1, 20) ? 2 : 1),
    term: term(number(random)),
  };
  const index = (): ReturnType<typeof logIndex> => logIndex(number(random, 12));
  const identity: Identity = {
    incarnation: incarnation(random.chance(1, 30) ? 0xffff_ffff : random.between(0, 3)),
    boot: number(random),
    bootLastIndex: index(),
  };
  const granted = random.chance(1, 2);
  const position = { lastIndex: index(), lastTerm: term(number(random)) };
  switch (random.between(1, 11)) {
    case 1:
      return { kind: "pre-vote-request", ...head, ...position, identity };
    case 2:
      return { kind: "pre-vote-response", ...head, granted, identity };
    case 3:
      return { kind: "vote-request", ...head, ...position, transfer: granted, identity };
    case 4:
      return { kind: "vote-response", ...head, granted, identity };
    case 5:
      return { kind: "append-accepted", ...head, match: index(), identity };
    case 6: {
      const hint = { hintIndex: index(), hintTerm: term(number(random)) };
      return { kind: "append-rejected", ...head, rejected: index(), ...hint, identity };
    }
    case 7:
      return { kind: "heartbeat", ...head, commit: index(), round: number(random) };
    case 8:
      return { kind: "heartbeat-response", ...head, round: number(random), identity };
    case 9:
      return { kind: "timeout-now", ...head };
    case 10: {
      const { boot } = identity;
      return { kind: "readmit", ...head, incarnation: identity.incarnation, boot };
    }
    default:
      return randomAppend(random, head);
  }
}

function randomAppend(random: Prng, head: Pick<RaftMessage, "from" | "to" | "term">): RaftMessage {
  const prevIndex = logIndex(number(random));
  const entries: Entry[] = [];
  for (let count = random.between(0, 4); count > 0; count--) {
    const offset = random.chance(1, 20) ? random.between(0, 9) : entries.length + 1;
    entries.push({
      term: term(random.between(0, 4)),
      index: logIndex(prevIndex + offset),
      kind: random.pick(["noop", "commands", "membership"]),
      data: new Uint8Array(random.between(0, 5)).map(() => random.nextU32() & 0xff),
    });
  }
  const prevTerm = term(number(random, 4));
  const commit = logIndex(number(random, 12));
  return { kind: "append-request", ...head, prevIndex, prevTerm, entries, commit };
}

describe("nonsense from peers", () => {
  test("never throws and never moves the commit index back", () => {
    for (let seed = 1; seed <= 200; seed++) {
      const random = new Prng(seed);
      const ids = [1, 2, 3].map(nodeId);
      const disk = createDisk(bootstrapMembership(ids), 1);
      const config = raftConfig(nodeId(1), { tailBytesMax: 100, windowEntriesMax: 3 });
      const node = new SimNode(
        { config, disk, random },
        {
          onReady: () => undefined,
          onSend: () => undefined,
          onApply: () => undefined,
          onRead: () => undefined,
        },
      );
      let nowMs = 0;
      node.start(nowMs);
      let commit = 0;
      for (let step = 0; step < 400; step++) {
        nowMs += random.between(0, 200);
        if (random.chance(1, 5)) node.raft?.tick(monotonic(nowMs));
        else if (random.chance(1, 10)) node.raft?.propose([new Uint8Array(3)]);
        else node.raft?.step(monotonic(nowMs), randomMessage(random));
        node.process();
        while (node.pending.length > 0) node.finishWrite();
        const status = node.raft?.status();
        expect(status?.commit).toBeGreaterThanOrEqual(commit);
        commit = status?.commit ?? 0;
      }
    }
  });
});
