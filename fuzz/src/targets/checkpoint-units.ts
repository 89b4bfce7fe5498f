/** Units of a checkpoint, as a snapshot of a liar may have them: they make one state, or a text says why not. */
import { groupId, logIndex } from "@kqueuey/base";
import { QueueMachine } from "@kqueuey/queue";
import {
  checkpoint,
  Driver,
  encodeEntry,
  type UnitStore,
} from "../../../packages/queue/test/driver.ts";
import { Decisions } from "../decisions.ts";
import { numberBytes } from "../mutate.ts";
import { joined } from "../samples.ts";
import { promise, type Target } from "../target.ts";

export const checkpointUnits: Target = {
  name: "checkpoint-units",
  promise: "Units make one whole state, or the machine says why they do not; it never throws.",
  smokeInputs: 400,
  open: () => ({ samples: samples(), run }),
};

/** The input: units of a key, a length and bytes. */
function run(input: Uint8Array): void {
  const machine = new QueueMachine({ group: groupId(0) });
  const decisions = new Decisions(input);
  while (!decisions.empty) {
    const key = decisions.word() + decisions.word() * 2 ** 32;
    const bytes = decisions.take(decisions.byte() + decisions.byte() * 0x100);
    // Storage hands over keys that it wrote: never one beyond what numbers hold.
    if (!Number.isSafeInteger(key)) continue;
    if (machine.loadUnit(key, bytes) !== undefined) return;
  }
  if (machine.finishLoad() !== undefined) return;
  const wrong = machine.checkInvariants();
  promise(wrong === undefined, `units were taken for a state that has none: ${wrong}`);
  const next = logIndex(machine.appliedIndex + 1);
  machine.apply(next, encodeEntry([{ op: "receive", queue: 1, limit: 10 }], 2_000), undefined);
  const after = machine.checkInvariants();
  promise(after === undefined, `a loaded state breaks at its next entry: ${after}`);
}

function samples(): readonly Uint8Array[] {
  const empty = new Driver();
  empty.run([{ op: "init", secret: 1 }], 1_000);
  const full = new Driver();
  const one = { size: 10 } as const;
  full.run([{ op: "init", secret: 1 }], 1_000);
  full.run([{ op: "create", queue: 1, attributes: {} }]);
  full.run([{ op: "reserve", name: "orders" }, { op: "openSession" }]);
  full.run([{ op: "send", queue: 1, messages: Array.from({ length: 8 }, () => one), id: "a" }]);
  full.run([{ op: "receive", queue: 1, limit: 3, id: "b" }]);
  full.run([{ op: "tombstone", queue: 1, leases: [[1, 1]] }]);
  return [unitsOf(empty), unitsOf(full), unitsOf(inOrder())];
}

/** A FIFO queue with messages in flight, an attempt and a repetition. */
function inOrder(): Driver {
  const driver = new Driver();
  const fifo = { deduplicationScope: "queue", contentBasedDeduplication: false } as const;
  const [a, b, c] = ["x", "y", "x"].map((group, i) => ({
    size: 10,
    group,
    deduplicationId: `${i}`,
  }));
  const messages = [a, b, c, a].flatMap((message) => message ?? []);
  driver.run([{ op: "init", secret: 1 }], 1_000);
  driver.run([{ op: "create", queue: 1, attributes: { fifo } }]);
  driver.run([{ op: "sendFifo", queue: 1, messages }]);
  driver.run([{ op: "receive", queue: 1, limit: 2, attempt: "try" }]);
  return driver;
}

function unitsOf(driver: Driver): Uint8Array {
  const units: UnitStore = new Map();
  checkpoint(driver.machine, units, { mode: "full" });
  return joined(
    [...units].map(([key, bytes]) =>
      joined([numberBytes(key, 8, "little"), numberBytes(bytes.length, 2, "little"), bytes]),
    ),
  );
}
