/** Sending to a FIFO queue: messages join the end of their groups, unless their deduplication id is known. */
import { ByteWriter } from "@kqueuey/base";
import { bodyRecordLength } from "./body-record.ts";
import { type Call, queueOf, refuse } from "./call.ts";
import type { Core } from "./core.ts";
import { STEP } from "./core.ts";
import { type FifoState, joinGroup } from "./fifo.ts";
import type { Sequence } from "./ids.ts";
import { KEY_WORDS, type Key } from "./key-index.ts";
import { DEDUPLICATION_BYTES_MAX, FIFO_GROUPS_MAX } from "./limits.ts";
import { appendMessage, openPage, putDelayed, putReady } from "./places.ts";
import type { QueueState } from "./queue.ts";
import { sizeClassOf } from "./size-class.ts";

const groupKey: Key = new Uint32Array(KEY_WORDS);
const deduplicationKey: Key = new Uint32Array(KEY_WORDS);
const remembered = new ByteWriter(16);

export function applySendFifo(core: Core, call: Call): void {
  const queue = queueOf(core, call);
  if (queue === undefined) return;
  const { fifo } = queue;
  if (fifo === undefined) {
    refuse(core, call, "wrong-kind");
    return;
  }
  const count = call.u16();
  const full =
    fifo.groups.count + count > FIFO_GROUPS_MAX ||
    fifo.deduplications.bytes > DEDUPLICATION_BYTES_MAX;
  if (full) {
    refuse(core, call, "limit-reached");
    return;
  }
  core.touch(queue);
  const first = queue.nextSequence;
  const sequences = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    sequences[i] = sendOne(core, call, { queue, fifo, expected: count - i });
  }
  const stored = queue.nextSequence - first;
  if (stored > 0) core.births.add(call.index, stored);
  core.chain.mix(STEP.send);
  core.chain.number(queue.id);
  core.chain.number(first);
  core.chain.mix(stored);
  answer(call, queue, sequences);
}

/** Gives the sequence of the message, or of the one that it repeats. */
function sendOne(
  core: Core,
  call: Call,
  to: { readonly queue: QueueState; readonly fifo: FifoState; readonly expected: number },
): number {
  const { queue, fifo } = to;
  call.key(groupKey);
  call.key(deduplicationKey);
  const offset = call.at;
  const length = bodyRecordLength(call.data, offset) ?? 0;
  call.at = offset + length;
  if (queue.attributes.fifo?.deduplicationScope === "messageGroup") narrowToGroup();
  const known = fifo.deduplications.find(deduplicationKey, core.now);
  if (known !== undefined) return known.u48();
  const page = openPage(core, queue, to.expected, Math.floor(core.now / 1_000));
  const body = { entry: call.index, offset, sizeClass: sizeClassOf(length) };
  const slot = appendMessage(core, page, body);
  const sequence = page.firstSequence + slot;
  joinGroup(core.pool, page, slot, groupKey);
  const { delayMs } = queue.attributes;
  if (delayMs > 0) {
    putDelayed(core, page, slot, core.now + delayMs);
    core.chain.mix(delayMs);
  } else {
    putReady(core, page, slot);
  }
  core.chain.mix(groupKey[0] ?? 0);
  remembered.truncate(0);
  remembered.u48(sequence);
  fifo.deduplications.record(deduplicationKey, core.now, remembered.view());
  return sequence;
}

/** Makes the deduplication key one of the group: both are pieces of hashes. */
function narrowToGroup(): void {
  for (let word = 0; word < KEY_WORDS; word++) {
    const other = groupKey[(word + 1) % KEY_WORDS] ?? 0;
    deduplicationKey[word] = (deduplicationKey[word] ?? 0) ^ ((other << 7) | (other >>> 25));
  }
}

function answer(call: Call, queue: QueueState, sequences: Float64Array): void {
  const count = sequences.length;
  const first = sequences[0] ?? 0;
  const isRun = sequences.every((sequence, i) => sequence === first + i);
  const record = call.remember();
  record?.u48(first);
  record?.u16(count);
  if (!isRun) for (const sequence of sequences) record?.u48(sequence);
  if (!call.wanted) return;
  call.outcome = {
    kind: "sent",
    queueId: queue.id,
    firstSequence: first as Sequence,
    count,
    ...(isRun ? {} : { sequences }),
    replayed: false,
  };
}
