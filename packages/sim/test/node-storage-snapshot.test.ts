/** A whole state goes from one node to another in pieces, through interruptions on either side. */
import { assert, incarnation, logIndex, nodeId, Prng, term } from "@kqueuey/base";
import type {
  Appended,
  CheckpointMeta,
  SnapshotInstaller,
  SnapshotSender,
  StoreResult,
} from "@kqueuey/storage";
import { describe, expect, test, vi } from "vitest";
import { StoreHarness } from "./store-harness.ts";

// Whole nodes live through whole lives here: seconds on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

/** A node with a checkpoint, bodies in the log and in body segments. */
function sendingNode(seed: number, rounds = 60): StoreHarness {
  const harness = new StoreHarness(new Prng(seed), {
    cacheBytesMax: 4096,
    segmentBytes: 512 * 1024,
    bodySegmentBytes: 512 * 1024,
  });
  harness.start();
  for (let round = 0; round < rounds; round++) {
    harness.append(5, { bodyBytesMax: 30_000, kills: 0 });
    harness.settle();
  }
  harness.finishCheckpoint();
  const goal = harness.machine.refs().length / 3;
  while (harness.machine.refs().length > goal) {
    harness.append(1, { bodyBytesMax: 20, kills: 10 });
    harness.settle();
  }
  harness.finishCheckpoint();
  harness.run(8_000);
  harness.append(10, { bodyBytesMax: 20_000, kills: 0 });
  harness.settle();
  harness.finishCheckpoint();
  return harness;
}

function offer(sender: StoreHarness): SnapshotSender {
  const made = sender.call<SnapshotSender>((done) => sender.store.createSnapshot(done));
  assert(made.ok, "a snapshot is made");
  return made.value;
}

function beginInstall(receiver: StoreHarness, manifest: Uint8Array): SnapshotInstaller {
  const begun = receiver.call<SnapshotInstaller>((done) =>
    receiver.store.beginInstall(manifest, done),
  );
  assert(begun.ok, `an installation begins: ${JSON.stringify(begun)}`);
  return begun.value;
}

function piece(sender: StoreHarness, snapshot: SnapshotSender, number: number): Uint8Array {
  const read = sender.call<Uint8Array>((done) => snapshot.readPiece(number, done));
  assert(read.ok, `a piece is read: ${JSON.stringify(read)}`);
  return read.value;
}

/** What reading all pieces comes to: the first failure's code, if any. */
function readAll(sender: StoreHarness, snapshot: SnapshotSender): string | undefined {
  for (let number = 0; number < snapshot.pieceCount; number++) {
    const read = sender.call<Uint8Array>((done) => snapshot.readPiece(number, done));
    if (!read.ok) return read.failure.code;
  }
  return undefined;
}

/** Sends up to `limit` missing pieces in a random order; gives how many were sent. */
function transfer(
  nodes: { readonly sender: StoreHarness; readonly receiver: StoreHarness },
  ends: { readonly snapshot: SnapshotSender; readonly installer: SnapshotInstaller },
  limit = Number.MAX_SAFE_INTEGER,
): number {
  const { sender, receiver } = nodes;
  const { snapshot, installer } = ends;
  const numbers: number[] = [];
  for (let at = installer.nextMissing(0); at !== undefined; at = installer.nextMissing(at + 1)) {
    numbers.push(at);
  }
  const chosen = receiver.random.shuffle(numbers).slice(0, limit);
  for (const number of chosen) {
    const bytes = piece(sender, snapshot, number);
    const taken = receiver.call<{ readonly accepted: boolean }>((done) =>
      installer.accept(number, bytes, done),
    );
    assert(taken.ok && taken.value.accepted, "a piece is taken");
  }
  return chosen.length;
}

/** Installs, and checks that the receiver has the sender's state at the snapshot. */
function finish(sender: StoreHarness, receiver: StoreHarness, installer: SnapshotInstaller): void {
  const installed = receiver.call<CheckpointMeta>((done) => installer.install(done));
  assert(installed.ok, `the snapshot is installed: ${JSON.stringify(installed)}`);
  receiver.adoptModel(sender, installed.value.index);
  receiver.restore();
  receiver.checkBodies();
  expect(receiver.store.firstIndex()).toBe(installed.value.index + 1);
  // Life goes on from there, also after a power cut.
  receiver.append(5, { bodyBytesMax: 100, kills: 3 });
  receiver.settle();
  receiver.crash("power");
  receiver.start();
  receiver.checkBodies();
  receiver.finishCheckpoint();
  receiver.run(8_000);
  receiver.checkBodies();
  receiver.crash("power");
  receiver.start();
  receiver.checkBodies();
}

describe("a snapshot", () => {
  test("brings an empty node to the sender's checkpoint", () => {
    const sender = sendingNode(1);
    const snapshot = offer(sender);
    expect(snapshot.pieceCount).toBeGreaterThan(3);
    const receiver = new StoreHarness(new Prng(2));
    receiver.start();
    const installer = beginInstall(receiver, snapshot.manifest);
    expect(installer.meta).toEqual({ ...snapshot.meta, hardState: undefined });
    transfer({ sender, receiver }, { snapshot, installer });
    expect(installer.missingCount).toBe(0);
    finish(sender, receiver, installer);
  });

  test("replaces the state of a node that fell behind, and the old one's space comes back", () => {
    const sender = sendingNode(3);
    const receiver = new StoreHarness(new Prng(4));
    receiver.start();
    for (let round = 0; round < 20; round++) {
      receiver.append(3, { bodyBytesMax: 5_000, kills: 1 });
      receiver.settle();
    }
    receiver.finishCheckpoint();
    const snapshot = offer(sender);
    const installer = beginInstall(receiver, snapshot.manifest);
    transfer({ sender, receiver }, { snapshot, installer });
    finish(sender, receiver, installer);
    const generations = new Set(
      receiver.disk.files().flatMap(({ path }) => /gen-\d+/.exec(path) ?? []),
    );
    expect([...generations]).toEqual(["gen-00000002"]);
  });

  test("refuses pieces that are not what the manifest says, and takes the right ones later", () => {
    const sender = sendingNode(5);
    const snapshot = offer(sender);
    const receiver = new StoreHarness(new Prng(6));
    receiver.start();
    const installer = beginInstall(receiver, snapshot.manifest);
    const bytes = piece(sender, snapshot, 0).slice();
    bytes[9] = (bytes[9] ?? 0) ^ 1;
    const taken = receiver.call<{ readonly accepted: boolean }>((done) =>
      installer.accept(0, bytes, done),
    );
    expect(taken).toEqual({ ok: true, value: { accepted: false } });
    expect(installer.nextMissing(0)).toBe(0);
    transfer({ sender, receiver }, { snapshot, installer });
    finish(sender, receiver, installer);
  });

  test.each(["power", "process"] as const)(
    "goes on after the receiver lost its %s, with the pieces that it has",
    (kind) => {
      const sender = sendingNode(7);
      const snapshot = offer(sender);
      const receiver = new StoreHarness(new Prng(8));
      receiver.start();
      let installer = beginInstall(receiver, snapshot.manifest);
      let sent = 0;
      for (let round = 0; round < 5; round++) {
        sent += transfer({ sender, receiver }, { snapshot, installer }, 2);
        receiver.crash(kind);
        receiver.start();
        installer = beginInstall(receiver, snapshot.manifest);
      }
      // A process that ends takes nothing written with it; the host's memory keeps it.
      if (kind === "process") expect(installer.missingCount).toBe(installer.pieceCount - sent);
      transfer({ sender, receiver }, { snapshot, installer });
      finish(sender, receiver, installer);
    },
  );

  test("goes on with another snapshot and keeps the pieces that both have", () => {
    const sender = sendingNode(9);
    const first = offer(sender);
    const receiver = new StoreHarness(new Prng(10));
    receiver.start();
    const before = beginInstall(receiver, first.manifest);
    transfer({ sender, receiver }, { snapshot: first, installer: before });
    sender.append(1, { bodyBytesMax: 10, kills: 0 });
    sender.settle();
    sender.crash("process");
    sender.start();
    sender.finishCheckpoint();
    const second = offer(sender);
    expect(second.id).not.toEqual(first.id);
    const installer = beginInstall(receiver, second.manifest);
    expect(installer.missingCount).toBeLessThan(installer.pieceCount);
    transfer({ sender, receiver }, { snapshot: second, installer });
    finish(sender, receiver, installer);
  });

  test("stays readable while the sender works on, and what it held goes after it was let go", () => {
    const sender = sendingNode(11);
    const snapshot = offer(sender);
    const receiver = new StoreHarness(new Prng(12));
    receiver.start();
    const installer = beginInstall(receiver, snapshot.manifest);
    for (let round = 0; round < 12; round++) {
      transfer({ sender, receiver }, { snapshot, installer }, 1);
      sender.append(2, { bodyBytesMax: 5_000, kills: 10 });
      sender.settle();
      sender.finishCheckpoint();
      sender.run(3_000);
    }
    transfer({ sender, receiver }, { snapshot, installer });
    const held = sender.disk.files().reduce((sum, file) => sum + file.bytes, 0);
    snapshot.release();
    sender.run(70_000);
    sender.finishCheckpoint();
    sender.run(20_000);
    const left = sender.disk.files().reduce((sum, file) => sum + file.bytes, 0);
    expect(left).toBeLessThan(held);
    const gone = sender.call<Uint8Array>((done) => snapshot.readPiece(0, done));
    expect(gone.ok).toBe(false);
    finish(sender, receiver, installer);
  });

  test("is refused by a node whose log has its last entry: acknowledged entries may follow it", () => {
    const sender = sendingNode(13);
    const snapshot = offer(sender);
    sender.append(3, { bodyBytesMax: 100, kills: 0 });
    sender.settle();
    const last = sender.store.stats().lastIndex;
    const installer = beginInstall(sender, snapshot.manifest);
    transfer({ sender, receiver: sender }, { snapshot, installer });
    const installed = sender.call<CheckpointMeta>((done) => installer.install(done));
    expect(installed.ok).toBe(false);
    expect(sender.store.stats().lastIndex).toBe(last);
    sender.checkBodies();
  });

  test("a vote that the log takes while the snapshot becomes the state is answered", () => {
    const sender = sendingNode(16, 2);
    const snapshot = offer(sender);
    // After each event of the installation in turn, until it is over before the vote is asked for.
    for (let events = 0, isOver = false; !isOver; events++) {
      const receiver = new StoreHarness(new Prng(17));
      receiver.start();
      const installer = beginInstall(receiver, snapshot.manifest);
      transfer({ sender, receiver }, { snapshot, installer });
      let installed: StoreResult<CheckpointMeta> | undefined;
      installer.install((result) => {
        installed = result;
      });
      for (let event = 0; event < events && installed === undefined; event++) {
        if (!receiver.world.step()) receiver.run(10);
      }
      isOver = installed !== undefined;
      const hardState = {
        term: term(9_000),
        vote: nodeId(2),
        incarnation: incarnation(1),
        commit: logIndex(0),
      };
      const voted = receiver.call<Appended>((done) =>
        receiver.store.append({ hardState, entries: [] }, done),
      );
      expect(voted.ok, `a vote after ${events} events`).toBe(true);
      receiver.run(1_000);
      expect(installed?.ok).toBe(true);
      receiver.crash("power");
      receiver.open();
      expect(receiver.store.recovered.hardState).toMatchObject({ term: 9_000, vote: 2 });
    }
  });

  test("a log that dies before the snapshot becomes the state is told, also when nothing waited for it", () => {
    const sender = sendingNode(18, 2);
    const snapshot = offer(sender);
    const receiver = new StoreHarness(new Prng(19));
    receiver.start();
    receiver.append(1, { bodyBytesMax: 10, kills: 0 });
    receiver.settle();
    const installer = beginInstall(receiver, snapshot.manifest);
    transfer({ sender, receiver }, { snapshot, installer });
    // By itself the log writes that all of it is durable, a while after the last append.
    receiver.append(1, { bodyBytesMax: 10, kills: 0 });
    receiver.settle();
    receiver.disk.faults.writeError = { of: 1, outOf: 1 };
    receiver.run(1_000);
    receiver.disk.faults.writeError = { of: 0, outOf: 1 };
    expect(receiver.failure?.code).toBe("io");
    const installed = receiver.call<CheckpointMeta>((done) => installer.install(done));
    expect(installed).toMatchObject({ ok: false, failure: { code: "io" } });
  });

  test("a damaged body at the sender stops the preparation, not the receiver", () => {
    const sender = sendingNode(14);
    sender.crash("process");
    const path = sender.disk.files().find((file) => /bodies-/.test(file.path))?.path;
    assert(path !== undefined, "a body segment");
    sender.start();
    const bytes = sender.disk.contents(path).length;
    for (let at = 100; at < bytes; at += 100) sender.disk.flipBit(path, at, 2);
    const made = sender.call<SnapshotSender>((done) => sender.store.createSnapshot(done));
    expect(made.ok).toBe(false);
    sender.run(100);
    expect(sender.failure?.code).toBe("damaged");
  });

  test("a page that is damaged while a snapshot is made of it, or later, reaches nobody", () => {
    let isMade = false;
    for (let events = 0; !isMade; events += 3) {
      const sender = sendingNode(20, 1);
      let made: StoreResult<SnapshotSender> | undefined;
      sender.store.createSnapshot((result) => {
        made = result;
      });
      for (let event = 0; event < events && made === undefined; event++) {
        if (!sender.world.step()) sender.run(10);
      }
      isMade = made !== undefined;
      for (const { path, bytes } of sender.disk.files()) {
        if (!/pages-/.test(path)) continue;
        for (let at = 40; at < bytes; at += 40) sender.disk.flipBit(path, at, 2);
      }
      while (made === undefined) sender.run(10);
      const found = made.ok ? readAll(sender, made.value) : made.failure.code;
      expect(found, `after ${events} events`).toBe("damaged");
    }
  });

  test("garbage is no manifest", () => {
    const receiver = new StoreHarness(new Prng(15));
    receiver.start();
    for (let round = 0; round < 50; round++) {
      const bytes = new Uint8Array(receiver.random.between(0, 200));
      for (let at = 0; at < bytes.length; at++) bytes[at] = receiver.random.between(0, 255);
      const begun = receiver.call<SnapshotInstaller>((done) =>
        receiver.store.beginInstall(bytes, done),
      );
      expect(begun.ok).toBe(false);
    }
    expect(receiver.failure).toBeUndefined();
  });
});
