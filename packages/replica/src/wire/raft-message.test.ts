import { incarnation, logIndex, nodeId, Prng, term, toHex } from "@kqueuey/base";
import type { Entry, EntryKind, Identity, RaftMessage } from "@kqueuey/raft";
import { describe, expect, test } from "vitest";
import { decodeRaftMessage, encodeRaftMessage } from "./raft-message.ts";

const KINDS: readonly EntryKind[] = ["noop", "commands", "membership"];

function randomNumber(random: Prng): number {
  return random.chance(1, 2) ? random.between(0, 300) : random.nextU32() * 2 ** 16;
}

function randomIdentity(random: Prng): Identity {
  return {
    incarnation: incarnation(random.nextU32()),
    boot: randomNumber(random),
    bootLastIndex: logIndex(randomNumber(random)),
  };
}

function randomEntries(random: Prng, prevIndex: number): Entry[] {
  const entries: Entry[] = [];
  for (let i = 1; i <= random.between(0, 4); i++) {
    const data = new Uint8Array(random.between(0, 300)).map(() => random.nextU32() & 0xff);
    const index = logIndex(prevIndex + i);
    entries.push({ term: term(randomNumber(random)), index, kind: random.pick(KINDS), data });
  }
  return entries;
}

/** One message of every kind. */
function randomMessages(random: Prng): RaftMessage[] {
  const index = (): ReturnType<typeof logIndex> => logIndex(randomNumber(random));
  const head = {
    from: nodeId(random.between(1, 0xffff)),
    to: nodeId(random.between(1, 0xffff)),
    term: term(randomNumber(random)),
  };
  const identity = randomIdentity(random);
  const position = { lastIndex: index(), lastTerm: term(randomNumber(random)) };
  const granted = random.chance(1, 2);
  const prevIndex = index();
  return [
    { kind: "pre-vote-request", ...head, ...position, identity },
    { kind: "pre-vote-response", ...head, granted, identity },
    { kind: "vote-request", ...head, ...position, transfer: granted, identity },
    { kind: "vote-response", ...head, granted, identity },
    {
      kind: "append-request",
      ...head,
      prevIndex,
      prevTerm: term(randomNumber(random)),
      entries: randomEntries(random, prevIndex),
      commit: index(),
    },
    { kind: "append-accepted", ...head, match: index(), identity },
    {
      kind: "append-rejected",
      ...head,
      rejected: index(),
      hintIndex: index(),
      hintTerm: term(randomNumber(random)),
      identity,
    },
    { kind: "heartbeat", ...head, commit: index(), round: randomNumber(random) },
    { kind: "heartbeat-response", ...head, round: randomNumber(random), identity },
    { kind: "timeout-now", ...head },
    {
      kind: "readmit",
      ...head,
      incarnation: identity.incarnation,
      boot: identity.boot,
    },
  ];
}

function bytesOf(message: RaftMessage): Uint8Array {
  return Uint8Array.from(Buffer.concat(encodeRaftMessage(message)));
}

describe("Raft messages as bytes", () => {
  test("every kind comes back as it was", () => {
    const random = new Prng(1);
    for (let round = 0; round < 300; round++) {
      for (const message of randomMessages(random)) {
        expect(decodeRaftMessage(bytesOf(message))).toEqual(message);
      }
    }
  });

  test("large data is sent from where it is, between what is not", () => {
    const sizes = [10, 5_000, 4_096, 0, 4_095, 70_000, 3];
    const entries = sizes.map((size, i): Entry => {
      const data = new Uint8Array(size).fill(i + 1);
      return { term: term(3), index: logIndex(8 + i), kind: "commands", data };
    });
    const head = { from: nodeId(1), to: nodeId(2), term: term(3) };
    const position = { prevIndex: logIndex(7), prevTerm: term(2), commit: logIndex(6) };
    const message: RaftMessage = { kind: "append-request", ...head, ...position, entries };
    expect(decodeRaftMessage(bytesOf(message))).toEqual(message);
    const chunks = encodeRaftMessage(message);
    const shared = entries.map(({ data }) => data).filter((data) => chunks.includes(data));
    expect(shared.map((data) => data.length)).toEqual([5_000, 4_096, 70_000]);
  });

  test("the layout of version 1 does not change", () => {
    const head = { from: nodeId(1), to: nodeId(2), term: term(300) };
    const identity = { incarnation: incarnation(1), boot: 200, bootLastIndex: logIndex(5) };
    const data = new Uint8Array([0xaa, 0xbb]);
    const entry: Entry = { term: term(3), index: logIndex(8), kind: "commands", data };
    const append: RaftMessage = {
      kind: "append-request",
      ...head,
      prevIndex: logIndex(7),
      prevTerm: term(2),
      entries: [entry],
      commit: logIndex(6),
    };
    const accepted: RaftMessage = {
      kind: "append-accepted",
      ...head,
      match: logIndex(8),
      identity,
    };
    expect(toHex(bytesOf(append))).toBe("0501000200ac02070206010103" + "02aabb");
    expect(toHex(bytesOf(accepted))).toBe("0601000200ac020801c80105");
  });

  test("cut, lengthened or garbled bytes give undefined or a message, and never throw", () => {
    const random = new Prng(2);
    for (let round = 0; round < 200; round++) {
      for (const message of randomMessages(random)) {
        const bytes = bytesOf(message);
        for (let cut = 0; cut < Math.min(bytes.length, 40); cut++) {
          expect(decodeRaftMessage(bytes.subarray(0, cut))).toBeUndefined();
        }
        expect(decodeRaftMessage(new Uint8Array([...bytes, 0]))).toBeUndefined();
        const garbled = bytes.slice();
        for (let i = 0; i < 3; i++) {
          garbled[random.between(0, garbled.length - 1)] = random.nextU32() & 0xff;
        }
        decodeRaftMessage(garbled);
      }
    }
  });

  test("random bytes never throw", () => {
    const random = new Prng(3);
    for (let round = 0; round < 20_000; round++) {
      const bytes = new Uint8Array(random.between(0, 60)).map(() => random.nextU32() & 0xff);
      if (bytes.length > 0) bytes[0] = random.between(0, 12);
      decodeRaftMessage(bytes);
    }
  });

  test("an append that claims more entries than it has room for is refused before any is made", () => {
    const bytes = new Uint8Array([5, 1, 0, 2, 0, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0x7f, 0, 0, 0]);
    expect(decodeRaftMessage(bytes)).toBeUndefined();
  });
});
