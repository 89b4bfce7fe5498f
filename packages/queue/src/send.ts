/** Sending: messages join the end of their queue. */
import { bodyRecordLength } from "./body-record.ts";
import type { Call } from "./call.ts";
import { queueOf, refuse } from "./call.ts";
import { QUEUE_DEFAULT } from "./command.ts";
import type { Core } from "./core.ts";
import { STEP } from "./core.ts";
import { durationMs } from "./duration.ts";
import { joinTenant } from "./fair.ts";
import type { Sequence } from "./ids.ts";
import { KEY_WORDS, type Key } from "./key-index.ts";
import { noteSecond, openPage, putDelayed, putReady } from "./places.ts";
import { takeSequence } from "./queue.ts";
import { sizeClassOf } from "./size-class.ts";

const groupKey: Key = new Uint32Array(KEY_WORDS);

/** With message groups or without: `sendGrouped` has a key before each record, of zeroes for none. */
export function applySend(core: Core, call: Call): void {
  const queue = queueOf(core, call);
  if (queue === undefined) return;
  if (queue.fifo !== undefined) {
    refuse(core, call, "wrong-kind");
    return;
  }
  core.touch(queue);
  const count = call.u16();
  const first = queue.nextSequence;
  const second = Math.floor(core.now / 1_000);
  const index = call.index;
  for (let i = 0; i < count; i++) {
    const asked = call.u32();
    const delayMs = asked === QUEUE_DEFAULT ? queue.attributes.delayMs : durationMs(asked);
    const isOfGroup = call.kind === "sendGrouped" && call.key(groupKey) && isGroup(groupKey);
    const offset = call.at;
    const length = bodyRecordLength(call.data, offset) ?? 0;
    call.at = offset + length;
    const page = openPage(core, queue, count - i, second);
    takeSequence(queue);
    const slot = page.append(index, offset, { sizeClass: sizeClassOf(length), second });
    if (isOfGroup) {
      joinTenant(core, page, slot, groupKey);
      core.chain.mix(groupKey[0] ?? 0);
    }
    if (delayMs > 0) {
      putDelayed(core, page, slot, core.now + delayMs);
      core.chain.mix(delayMs);
    } else {
      putReady(core, page, slot);
    }
  }
  noteSecond(core, queue, second);
  core.stored += count;
  core.births.add(index, count);
  core.chain.mix(STEP.send);
  core.chain.number(queue.id);
  core.chain.number(first);
  core.chain.mix(count);
  const record = call.remember();
  record?.u48(first);
  record?.u16(count);
  if (!call.wanted) return;
  call.outcome = {
    kind: "sent",
    queueId: queue.id,
    firstSequence: first as Sequence,
    count,
    replayed: false,
  };
}

function isGroup(key: Key): boolean {
  return key.some((word) => word !== 0);
}
