/**
 * Everything a node keeps, damaged while it was down: checkpoints, manifests, pages, bodies, identity, log. It
 * opens or refuses; damage that matters is named before anything is given out; what is given out is as written.
 */
import { assert, Prng } from "@kqueuey/base";
import type { Entry } from "@kqueuey/raft";
import type { DiskImage } from "../../../packages/sim/src/disk.ts";
import { StoreHarness } from "../../../packages/sim/test/store-harness.ts";
import { damageNext } from "../damage.ts";
import { Decisions } from "../decisions.ts";
import { promise, type Target } from "../target.ts";

const DAMAGES_MAX = 3;
const STORIES = 2;

export const store: Target = {
  name: "store",
  promise:
    "A node with damaged files refuses, or names the damage, or gives out exactly what was written.",
  smokeInputs: 25,
  open: () => {
    const stories = Array.from({ length: STORIES }, (_, i) => lived(i + 1));
    return {
      samples: stories.flatMap((_, i) => [
        Uint8Array.of(i, 0, 0, 0, 0),
        Uint8Array.of(i, 0, 3, 4, 200, 1, 0, 0, 5),
        Uint8Array.of(i, 1, 7, 5, 9, 4, 30),
      ]),
      run(input) {
        const decisions = new Decisions(input);
        const story = decisions.pick(stories);
        if (story !== undefined) runDamaged(story, decisions);
      },
    };
  },
};

/** A node that lived, and what its model knew when it went down. */
interface Story {
  readonly image: DiskImage;
  readonly entries: readonly (readonly [number, Entry])[];
  readonly everAppended: readonly (readonly [string, Entry])[];
  readonly last: number;
  readonly lastTerm: number;
}

/** A checkpoint, bodies in the log, bodies that were moved out of it, and a tail after the checkpoint. */
function lived(seed: number): Story {
  const harness = new StoreHarness(new Prng(seed), { cacheBytesMax: 0 });
  harness.start();
  for (let round = 0; round < 30; round++) {
    harness.append(5, { bodyBytesMax: 1_500, kills: 0 });
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
  harness.finishCheckpoint();
  harness.append(4, { bodyBytesMax: 1_500, kills: 0 });
  harness.settle();
  harness.run(500);
  harness.crash("process");
  return {
    image: harness.disk.image(),
    entries: [...harness.entries],
    everAppended: [...harness.everAppended],
    last: harness.last,
    lastTerm: harness.lastTerm,
  };
}

function runDamaged(story: Story, decisions: Decisions): void {
  const harness = new StoreHarness(new Prng(decisions.byte()), { cacheBytesMax: 0 });
  harness.disk.restore(story.image);
  for (const [index, entry] of story.entries) harness.entries.set(index, entry);
  for (const [key, entry] of story.everAppended) harness.everAppended.set(key, entry);
  harness.last = story.last;
  harness.durable = story.last;
  harness.lastTerm = story.lastTerm;
  const count = decisions.below(DAMAGES_MAX + 1);
  let small = true;
  for (let i = 0; i < count; i++) {
    const paths = harness.disk.files().map((file) => file.path);
    const damage = damageNext(harness.disk, paths, decisions);
    if (damage?.small === false) small = false;
  }
  const opened = harness.open();
  if (!opened.ok) {
    promise(count > 0, `an unhurt store is refused: ${JSON.stringify(opened.refusal)}`);
    return;
  }
  if (harness.store.recovered.damage !== undefined) {
    promise(count > 0, "an unhurt store is called damaged");
    promise(harness.store.recovered.last.index === 0, "a damaged store shows its log");
    return;
  }
  // Several damages, or a large one, may leave an older state of the store, which is for raft to notice.
  if (count <= 1 && small) compare(harness);
}

/** Reads everything; what is read is compared with the model, unless the damage is met and named first. */
function compare(harness: StoreHarness): void {
  promise(harness.store.recovered.last.index === harness.last, "durable entries are gone");
  try {
    harness.restore();
    harness.checkBodies();
    harness.checkEntries(1);
  } catch (error) {
    harness.run(100);
    const named = harness.failure?.code === "damaged";
    assert(named, `neither right nor named as damaged: ${String(error)}`);
  }
}
