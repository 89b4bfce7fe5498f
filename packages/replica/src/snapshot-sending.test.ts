import { logIndex, monotonic, nodeId, term } from "@kqueuey/base";
import type { GroupStore, SnapshotSender } from "@kqueuey/storage";
import { describe, expect, test } from "vitest";
import { SnapshotSending } from "./snapshot-sending.ts";
import type { SnapshotMessage } from "./wire/snapshot-message.ts";

const ID = new Uint8Array(16).fill(3);
const FOLLOWER = nodeId(2);

/** A leader that has just offered its snapshot. */
function offering() {
  const snapshot: SnapshotSender = {
    meta: {
      index: logIndex(73),
      term: term(2),
      membership: new Uint8Array(0),
      hardState: undefined,
    },
    id: ID,
    manifest: new Uint8Array(1),
    pieceCount: 3,
    bytes: 3,
    readPiece: () => undefined,
    release: () => undefined,
  };
  const store: Pick<GroupStore, "createSnapshot"> = {
    createSnapshot: (done) => done({ ok: true, value: snapshot }),
  };
  const sent: SnapshotMessage[] = [];
  const ended: boolean[] = [];
  const sending = new SnapshotSending({
    store,
    send: (_to, message) => sent.push(message),
    ended: (_to, ok) => ended.push(ok),
    later: (task) => task(),
    failed: () => undefined,
  });
  sending.start(FOLLOWER, term(2), monotonic(0));
  return { sending, sent, ended };
}

describe("a snapshot that was offered", () => {
  test("is offered again to a follower that says nothing, and given up in the end", () => {
    const { sending, sent, ended } = offering();
    sending.tick(monotonic(1_000));
    expect(sent).toHaveLength(1);
    sending.tick(monotonic(1_001));
    sending.tick(monotonic(1_500));
    expect(sent.map(({ kind }) => kind)).toEqual(["offer", "offer"]);
    sending.tick(monotonic(10_001));
    expect(ended).toEqual([false]);
  });

  test("is not offered again to one that asks for pieces", () => {
    const { sending, sent } = offering();
    sending.onMessage(FOLLOWER, { kind: "want", id: ID, piece: 0 }, monotonic(900));
    sending.tick(monotonic(1_800));
    expect(sent).toHaveLength(1);
  });
});
