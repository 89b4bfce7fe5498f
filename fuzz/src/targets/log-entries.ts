/**
 * Data of log entries: what a leader of another version, or a liar, may have put into the log. Applying never
 * throws but for an unknown version, which stops the machine on purpose.
 */
import { groupId, logIndex } from "@kqueuey/base";
import { QueueMachine, readEntryHeader, readMatchVector } from "@kqueuey/queue";
import { encodeEntry } from "../../../packages/queue/test/driver.ts";
import { Decisions } from "../decisions.ts";
import { numberBytes } from "../mutate.ts";
import { joined } from "../samples.ts";
import { promise, type Target } from "../target.ts";

const ENTRIES_MAX = 30;
/** Entries of a newer version stop the machine on purpose. */
const VERSION_MAX = 2;

export const logEntries: Target = {
  name: "log-entries",
  promise:
    "An entry of a known version is applied whatever is in it, alike everywhere, and invariants hold.",
  smokeInputs: 400,
  open: () => ({ samples: samples(), run }),
};

function run(input: Uint8Array): void {
  const leader = new QueueMachine({ group: groupId(0) });
  const follower = new QueueMachine({ group: groupId(0) });
  const decisions = new Decisions(input);
  const sink = { outcome: () => undefined };
  for (let count = 0; count < ENTRIES_MAX && !decisions.empty; count++) {
    const data = decisions.take(decisions.byte() + decisions.byte() * 0x100);
    const header = readEntryHeader(data);
    if (header === undefined || !isKnown(header.version)) continue;
    readMatchVector(data);
    const index = logIndex(leader.appliedIndex + 1);
    leader.apply(index, data, sink);
    follower.apply(index, data, undefined);
  }
  const wrong = leader.checkInvariants();
  promise(wrong === undefined, `an invariant is broken: ${wrong}`);
  promise(leader.chainHash === follower.chainHash, "two replicas differ");
}

function isKnown(version: number): boolean {
  return version >= 1 && version <= VERSION_MAX;
}

function samples(): readonly Uint8Array[] {
  const one = { size: 30 } as const;
  const story = [
    encodeEntry(
      [
        { op: "init", secret: 3 },
        { op: "create", queue: 1, attributes: {} },
      ],
      1_000,
    ),
    encodeEntry([{ op: "send", queue: 1, messages: [one, one, one], id: "a" }], 1_500),
    encodeEntry(
      [
        { op: "receive", queue: 1, limit: 2 },
        { op: "receive", queue: 1, limit: 5, visibilityMs: 100, id: "b" },
      ],
      2_000,
    ),
    encodeEntry(
      [
        {
          op: "tombstone",
          queue: 1,
          leases: [
            [1, 1],
            [2, 2],
          ],
        },
      ],
      3_000,
    ),
    encodeEntry(
      [
        { op: "create", queue: 2, attributes: { fifo: FIFO, visibilityTimeoutMs: 500 } },
        { op: "sendFifo", queue: 2, messages: [grouped("x"), grouped("y"), grouped("x")] },
        { op: "receive", queue: 2, limit: 1, attempt: "try" },
      ],
      3_100,
    ),
    encodeEntry([{ op: "receive", queue: 2, limit: 5, attempt: "try", inFlightMax: 9 }], 3_200),
    encodeEntry([{ op: "startMove", queue: 2, task: 1, destination: 1 }], 3_300),
    encodeEntry([], 40_000),
    encodeEntry([{ op: "delete", queue: 1 }], 50_000),
  ].map(framed);
  return [joined(story), ...story.map((entry) => joined([...story.slice(0, 2), entry]))];
}

const FIFO = { deduplicationScope: "messageGroup", contentBasedDeduplication: false } as const;

function grouped(group: string): {
  readonly size: number;
  readonly group: string;
  readonly deduplicationId: string;
} {
  return { size: 20, group, deduplicationId: `${group}-id` };
}

function framed(data: Uint8Array): Uint8Array {
  return joined([numberBytes(data.length, 2, "little"), data]);
}
