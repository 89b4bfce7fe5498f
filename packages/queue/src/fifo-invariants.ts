/** What must hold of a FIFO queue at every index, by walking over its chains and its round. */
import type { ByteReader } from "@kqueuey/base";
import type { Core } from "./core.ts";
import type { FifoState } from "./fifo.ts";
import { PLACE } from "./page.ts";
import { NO_REFERENCE, slotOf } from "./page-pool.ts";
import type { QueueState } from "./queue.ts";
import { checkAttempt } from "./receive-fifo.ts";

export function checkFifo(core: Core, queue: QueueState, fifo: FifoState): string | undefined {
  let held = 0;
  let chained = 0;
  for (const group of fifo.groups.all()) {
    held += fifo.groups.held(group);
    const found = checkGroup(core, fifo, group);
    if (typeof found === "string") return `group ${group} ${found}`;
    chained += found;
  }
  if (held !== queue.stored) return `its groups hold ${held} messages of ${queue.stored}`;
  if (chained !== queue.stored - queue.outbox) return "not every message is in its group's chain";
  return checkRound(fifo) ?? checkMemory(core, queue, fifo);
}

/** Gives the messages of the chain, or what is wrong with it. */
function checkGroup(core: Core, fifo: FifoState, group: number): number | string {
  const { groups } = fifo;
  const first = groups.first(group);
  let previous = NO_REFERENCE;
  let sequence = 0;
  let count = 0;
  for (let reference = first; reference !== NO_REFERENCE; ) {
    const page = core.pool.pageOf(reference);
    const slot = slotOf(reference);
    const place = page.place(slot);
    if (place === PLACE.dead || place === PLACE.outbox) return "has one that is not there";
    if (page.group(slot) !== group) return "has a message of another";
    if (page.previous(slot) !== previous) return "has a torn chain";
    if (page.firstSequence + slot <= sequence) return "is out of order";
    sequence = page.firstSequence + slot;
    previous = reference;
    reference = page.next(slot);
    count += 1;
  }
  if (groups.last(group) !== previous) return "has another last message";
  if (groups.held(group) === 0) return "has no messages";
  if (groups.held(group) < count) return "holds fewer messages than its chain";
  const page = first === NO_REFERENCE ? undefined : core.pool.pageOf(first);
  const place = page?.place(slotOf(first));
  const isReady = place === PLACE.fresh || place === PLACE.redelivered;
  if (isReady !== groups.turn(group) > 0) return isReady ? "has no turn" : "has a turn";
  return groups.turn(group) >= fifo.nextTurn ? "has a turn of the future" : count;
}

function checkRound(fifo: FifoState): string | undefined {
  const { groups } = fifo;
  let turn = 0;
  let count = 0;
  for (let group = groups.roundFirst; group !== 0; group = groups.nextInRound(group)) {
    if (groups.turn(group) <= turn) return "the round is out of order";
    turn = groups.turn(group);
    count += 1;
  }
  if (count !== groups.inRound) return `${groups.inRound} groups in the round, counted ${count}`;
  for (const group of groups.all()) if (groups.turn(group) > 0) count -= 1;
  return count === 0 ? undefined : "a group with a turn is not in the round";
}

function checkMemory(core: Core, queue: QueueState, fifo: FifoState): string | undefined {
  const checkSent = (reader: ByteReader): string | undefined => {
    const sequence = reader.u48();
    const known = reader.ok && reader.remaining === 0 && sequence > 0;
    return known && sequence < queue.nextSequence ? undefined : "remembers a message of the future";
  };
  return (
    fifo.deduplications.check(core.now, checkSent) ??
    fifo.attempts.check(core.now, (reader) => checkAttempt(queue, reader))
  );
}
