import { logIndex, monotonic, must, nodeId, term } from "@kqueuey/base";
import type { CheckpointMeta, GroupStore, SnapshotInstaller } from "@kqueuey/storage";
import { describe, expect, test } from "vitest";
import { SnapshotReceiving } from "./snapshot-receiving.ts";
import type { SnapshotMessage } from "./wire/snapshot-message.ts";

const ID = new Uint8Array(16).fill(3);
const LEADER = nodeId(1);
const META: CheckpointMeta = {
  index: logIndex(73),
  term: term(2),
  membership: new Uint8Array(0),
  hardState: undefined,
};

/** A follower that is offered a snapshot of index 73, `times` over, and has applied up to `applied`. */
function offered(
  applied: number,
  past: boolean,
  { pieces = 0, times = 1 }: { readonly pieces?: number; readonly times?: number } = {},
): readonly SnapshotMessage[] {
  const installer: SnapshotInstaller = {
    meta: META,
    id: ID,
    pieceCount: pieces,
    missingCount: pieces,
    nextMissing: (from) => (from < pieces ? from : undefined),
    accept: () => undefined,
    install: () => undefined,
    abort: () => undefined,
  };
  const store: Pick<GroupStore, "beginInstall"> = {
    beginInstall: (_manifest, done) => done({ ok: true, value: installer }),
  };
  const sent: SnapshotMessage[] = [];
  const receiving = new SnapshotReceiving({
    store,
    send: (_to, message) => sent.push(message),
    later: (task) => task(),
    begin: () => false,
    isPast: () => past,
    aborted: () => undefined,
    installed: () => undefined,
    failed: () => undefined,
  });
  const offer = { kind: "offer", term: term(2), manifest: new Uint8Array(1) } as const;
  for (let i = 0; i < times; i++) {
    receiving.onMessage(LEADER, offer, { ms: monotonic(i), term: term(2), applied });
  }
  return sent;
}

describe("a follower that is offered a snapshot", () => {
  test("that it is past says so, or the leader would offer it for ever", () => {
    expect(must(offered(73, true)[0], "an answer")).toMatchObject({
      kind: "done",
      installed: true,
    });
  });

  test("of which raft has everything says so", () => {
    expect(must(offered(70, true)[0], "an answer")).toMatchObject({
      kind: "done",
      installed: true,
    });
  });

  test("again while it takes it in goes on as it is", () => {
    const sent = offered(70, true, { pieces: 2, times: 2 });
    expect(sent.map(({ kind }) => kind)).toEqual(["want", "want"]);
  });

  test("that raft refuses for another reason gives it up", () => {
    expect(must(offered(70, false)[0], "an answer")).toMatchObject({ installed: false });
  });
});
