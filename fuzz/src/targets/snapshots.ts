/** A snapshot from a peer that may say anything: only what its manifest describes is installed, whole, or nothing. */
import { assert, Prng } from "@kqueuey/base";
import type { CheckpointMeta, SnapshotInstaller, SnapshotSender } from "@kqueuey/storage";
import { StoreHarness } from "../../../packages/sim/test/store-harness.ts";
import { Decisions } from "../decisions.ts";
import { Mutator, replaced } from "../mutate.ts";
import { promise, type Target } from "../target.ts";

const PIECES_CHANGED_MAX = 4;

/** What a peer sent: the manifest and its pieces. */
interface Sent {
  readonly sender: StoreHarness;
  readonly manifest: Uint8Array;
  readonly pieces: readonly Uint8Array[];
}

export const snapshots: Target = {
  name: "snapshots",
  promise:
    "A snapshot's changed manifest or piece is refused; what is installed is the sender's state.",
  smokeInputs: 25,
  open: () => {
    const sent = send();
    return {
      samples: [
        Uint8Array.of(0),
        Uint8Array.of(1, 0, 4, 1, 255),
        Uint8Array.of(2, 1, 3, 9, 1, 7),
        Uint8Array.of(3, 9, 9, 9, 9, 9, 9),
      ],
      run: (input) => receive(sent, input),
    };
  },
};

function send(): Sent {
  const sender = new StoreHarness(new Prng(5), { cacheBytesMax: 4_096 });
  sender.start();
  for (let round = 0; round < 12; round++) {
    sender.append(4, { bodyBytesMax: 8_000, kills: 1 });
    sender.settle();
  }
  sender.finishCheckpoint();
  const made = sender.call<SnapshotSender>((done) => sender.store.createSnapshot(done));
  assert(made.ok, "a snapshot is made");
  const snapshot = made.value;
  const pieces = Array.from({ length: snapshot.pieceCount }, (_, number) => {
    const read = sender.call<Uint8Array>((done) => snapshot.readPiece(number, done));
    assert(read.ok, "a piece is read");
    return read.value.slice();
  });
  return { sender, manifest: snapshot.manifest.slice(), pieces };
}

function receive(sent: Sent, input: Uint8Array): void {
  const decisions = new Decisions(input);
  const receiver = new StoreHarness(new Prng(9), { cacheBytesMax: 4_096 });
  receiver.start();
  const changesManifest = decisions.below(2) === 1;
  const manifest = changesManifest ? changed(sent.manifest, decisions) : sent.manifest;
  const same = Buffer.compare(manifest, sent.manifest) === 0;
  const begun = receiver.call<SnapshotInstaller>((done) =>
    receiver.store.beginInstall(manifest, done),
  );
  promise(begun.ok || !same, "a whole manifest is refused");
  promise(!begun.ok || same, "a changed manifest is taken");
  if (!begun.ok) return;
  const installer = begun.value;
  offerWrongPieces({ sent, receiver, installer }, decisions);
  sent.pieces.forEach((piece, number) => {
    promise(accept(receiver, installer, { number, piece }), "a whole piece is refused");
  });
  promise(installer.missingCount === 0, "pieces are missing that were taken");
  const installed = receiver.call<CheckpointMeta>((done) => installer.install(done));
  promise(installed.ok, "a whole snapshot is not installed");
  receiver.adoptModel(sent.sender, installed.value.index);
  receiver.restore();
  receiver.checkBodies();
}

function offerWrongPieces(
  at: {
    readonly sent: Sent;
    readonly receiver: StoreHarness;
    readonly installer: SnapshotInstaller;
  },
  decisions: Decisions,
): void {
  const { sent, receiver, installer } = at;
  const count = decisions.below(PIECES_CHANGED_MAX + 1);
  // Of a piece that is here already, nothing is looked at.
  const here = new Set<number>();
  for (let i = 0; i < count; i++) {
    const number = decisions.below(sent.pieces.length);
    const right = sent.pieces[number];
    if (right === undefined || here.has(number)) continue;
    const piece = changed(right, decisions);
    const same = Buffer.compare(piece, right) === 0;
    const taken = accept(receiver, installer, { number, piece });
    if (taken) here.add(number);
    promise(taken === same, taken ? "a changed piece is taken" : "a whole piece is refused");
  }
}

function accept(
  receiver: StoreHarness,
  installer: SnapshotInstaller,
  offered: { readonly number: number; readonly piece: Uint8Array },
): boolean {
  const answer = receiver.call<{ readonly accepted: boolean }>((done) =>
    installer.accept(offered.number, offered.piece, done),
  );
  return answer.ok && answer.value.accepted;
}

/** Large things are changed by a generator of their own, so that the input stays small. */
function changed(bytes: Uint8Array, decisions: Decisions): Uint8Array {
  const mutator = new Mutator(new Prng(decisions.word()), () => [bytes]);
  if (decisions.below(2) === 0) return mutator.bytes(bytes);
  const at = decisions.below(bytes.length);
  return replaced(bytes, at, Math.min(1, bytes.length - at), Uint8Array.of(decisions.byte()));
}
