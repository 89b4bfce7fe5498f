/** Commands on queues as such: create, set, delete, purge; the catalogue's steps; moves between groups. */
import { ByteReader, type GroupId, groupId } from "@kqueuey/base";
import type { QueueAttributes, TextChanges } from "./attributes.ts";
import {
  changeAttributes,
  changeTexts,
  DEFAULT_ATTRIBUTES,
  decodeAttributes,
  decodeTexts,
} from "./attributes.ts";
import { bodyRecordLength } from "./body-record.ts";
import { type Call, finish, queueOf, refuse } from "./call.ts";
import type { CatalogueRecord, Creation } from "./catalogue.ts";
import type { Core } from "./core.ts";
import { STEP } from "./core.ts";
import { arrive } from "./dead-letter.ts";
import { FifoState, rejoinGroup } from "./fifo.ts";
import { changeDelays } from "./fifo-delay.ts";
import type { QueueId } from "./ids.ts";
import { KEY_WORDS, type Key } from "./key-index.ts";
import { ACCEPT_SOURCES_MAX, FIFO_GROUPS_MAX } from "./limits.ts";
import { PLACE } from "./page.ts";
import { NO_REFERENCE } from "./page-pool.ts";
import { kill, noteSecond, putReady, takeOutbox } from "./places.ts";
import { QueueState } from "./queue.ts";
import { STATES } from "./replay.ts";
import { sizeClassOf } from "./size-class.ts";

function note(core: Core, call: Call, id: number): void {
  core.chain.mix(STEP.queue);
  core.chain.mix(call.kind.length * 256 + call.kind.charCodeAt(0));
  core.chain.number(id);
}

/** Name and creation, as createQueue and reserveQueue have them. */
function readCreation(call: Call): { name: string; creation: Creation } {
  const reader = new ByteReader(call.data, call.at);
  const name = reader.text();
  const attributes: QueueAttributes = { ...DEFAULT_ATTRIBUTES, ...decodeAttributes(reader) };
  const extra = changeTexts(new Map(), decodeTexts(reader)) ?? new Map<string, string>();
  const tags = changeTexts(new Map(), decodeTexts(reader)) ?? new Map<string, string>();
  return { name, creation: { attributes, extra, tags } };
}

export function applyCreate(core: Core, call: Call): void {
  const id = call.queueId as QueueId;
  if (core.queues.has(id)) {
    finish(call, false);
    return;
  }
  if (core.deletedQueues.includes(id)) {
    refuse(core, call, "queue-deleted");
    return;
  }
  const placement = call.u32();
  const { name, creation } = readCreation(call);
  const queue = new QueueState(id);
  queue.name = name;
  queue.placement = placement;
  queue.attributes = creation.attributes;
  queue.extra = creation.extra;
  queue.tags = creation.tags;
  queue.createdAtMs = core.wall;
  queue.modifiedAtMs = core.wall;
  if (queue.attributes.fifo !== undefined) queue.fifo = new FifoState(core, id);
  core.addQueue(queue);
  core.units.add(queue);
  note(core, call, id);
  finish(call, true);
}

export function applySet(core: Core, call: Call): void {
  const queue = queueOf(core, call);
  if (queue === undefined) return;
  const reader = new ByteReader(call.data, call.at);
  const changes = decodeAttributes(reader);
  const extra = changeTexts(queue.extra, decodeTexts(reader));
  const tags = changeTexts(queue.tags, decodeTexts(reader));
  call.at = reader.position;
  const expected = call.hasMore ? decodeTexts(reader) : undefined;
  if (expected !== undefined && !hasTexts(queue, expected)) {
    refuse(core, call, "not-as-expected");
    return;
  }
  if (extra === undefined || tags === undefined) {
    refuse(core, call, "limit-reached");
    return;
  }
  core.touch(queue);
  const delayBefore = queue.attributes.delayMs;
  queue.attributes = changeAttributes(queue.attributes, changes);
  if (queue.fifo !== undefined) changeDelays(core, queue, queue.attributes.delayMs - delayBefore);
  queue.extra = extra;
  queue.tags = tags;
  queue.modifiedAtMs = core.wall;
  if (queue.stored > 0) noteSecond(core, queue, queue.oldestSecond);
  note(core, call, queue.id);
  finish(call, true);
}

/** Whether the queue has these texts, and not those that are undefined. */
function hasTexts(queue: QueueState, expected: TextChanges): boolean {
  for (const [name, text] of expected) if (queue.extra.get(name) !== text) return false;
  return true;
}

export function applyDelete(core: Core, call: Call): void {
  const queue = core.queues.get(call.queueId);
  if (queue === undefined) {
    finish(call, false);
    return;
  }
  core.touch(queue);
  doom(core, queue);
  queue.deleted = true;
  core.wake(queue);
  core.removeQueue(queue);
  core.units.remove(queue);
  note(core, call, queue.id);
  finish(call, true);
}

export function applyPurge(core: Core, call: Call): void {
  const queue = queueOf(core, call);
  if (queue === undefined) return;
  const intervalMs = call.hasMore ? call.u32() : undefined;
  const { purgedAtMs = Number.NEGATIVE_INFINITY } = queue;
  if (intervalMs !== undefined && core.now - purgedAtMs < intervalMs) {
    refuse(core, call, "purged-recently");
    return;
  }
  const had = queue.stored > 0;
  core.touch(queue);
  if (intervalMs !== undefined) queue.purgedAtMs = core.now;
  doom(core, queue);
  core.chain.mix(STEP.purge);
  core.chain.number(queue.id);
  finish(call, had);
}

/** The queue has no messages any more, at once; their memory is freed by and by. */
function doom(core: Core, queue: QueueState): void {
  for (const page of queue.pages.takeAll()) {
    page.doomed = true;
    core.units.remove(page);
    core.doomed.push(page);
  }
  if (queue.fifo !== undefined) {
    const { nextTurn } = queue.fifo;
    queue.fifo.drop();
    // What was sent or received before is forgotten, too: the same deduplication id is taken again.
    queue.fifo = new FifoState(core, queue.id);
    queue.fifo.nextTurn = nextTurn;
  }
  queue.fair?.tenants.drop();
  queue.fair = undefined;
  core.stored -= queue.stored;
  queue.outboxFirst += queue.outbox;
  queue.outboxSequences = [];
  queue.outboxHead = 0;
  queue.available = 0;
  queue.inFlight = 0;
  queue.delayed = 0;
  queue.outbox = 0;
  queue.recent = undefined;
  queue.oldestSecond = Number.POSITIVE_INFINITY;
}

export function applyReserve(core: Core, call: Call): void {
  if (core.group !== 0) {
    refuse(core, call, "wrong-group");
    return;
  }
  const group = groupId(call.u16());
  const { name, creation } = readCreation(call);
  const existing = core.catalogue.byName(name);
  const record = existing ?? core.catalogue.reserve({ name, group, creation });
  note(core, call, record.queueId);
  answerReserve(call, record, existing === undefined);
}

function answerReserve(call: Call, record: CatalogueRecord, created: boolean): void {
  const kept = call.remember();
  kept?.u48(record.queueId);
  kept?.u16(record.group);
  kept?.u32(record.placement);
  kept?.u8(STATES.indexOf(record.state));
  kept?.u8(created ? 1 : 0);
  if (!call.wanted) return;
  call.outcome = {
    kind: "reserved",
    queueId: record.queueId,
    group: record.group as GroupId,
    placement: record.placement,
    state: record.state,
    created,
    replayed: false,
  };
}

/** confirmQueue, markDeleting and forgetQueue: each is done once, and said again does no harm. */
export function applyCatalogueStep(core: Core, call: Call): void {
  if (core.group !== 0) {
    refuse(core, call, "wrong-group");
    return;
  }
  const record = core.catalogue.byId(call.queueId as QueueId);
  if (record === undefined) {
    if (call.kind === "forgetQueue") {
      finish(call, false);
      return;
    }
    refuse(core, call, "queue-not-found");
    return;
  }
  note(core, call, record.queueId);
  if (call.kind === "confirmQueue") {
    if (record.state === "deleting") {
      refuse(core, call, "wrong-state");
      return;
    }
    const changed = record.state === "reserved";
    if (changed) core.catalogue.setState(record, "active");
    finish(call, changed);
    return;
  }
  if (call.kind === "markDeleting") {
    const changed = record.state !== "deleting";
    if (changed) core.catalogue.setState(record, "deleting");
    finish(call, changed);
    return;
  }
  if (record.state !== "deleting") {
    refuse(core, call, "wrong-state");
    return;
  }
  core.catalogue.remove(record);
  finish(call, true);
}

export function applyOpenSession(core: Core, call: Call): void {
  const sessionId = core.requests.openSession(call.index);
  core.chain.mix(STEP.session);
  core.chain.number(sessionId);
  call.remember()?.u48(sessionId);
  if (call.wanted) call.outcome = { kind: "session", sessionId, replayed: false };
}

export function applyInit(core: Core, call: Call): void {
  if (core.secret !== undefined) {
    finish(call, false);
    return;
  }
  core.secret = call.data.slice(call.at, call.at + 32);
  note(core, call, 0);
  finish(call, true);
}

export function applyAccept(core: Core, call: Call): void {
  const queue = queueOf(core, call);
  if (queue === undefined) return;
  const source = call.u48();
  const outboxSequence = call.u53();
  const through = queue.acceptedThrough.get(source) ?? 0;
  const duplicate = outboxSequence <= through;
  if (!duplicate && (queue.fifo?.groups.count ?? 0) >= FIFO_GROUPS_MAX) {
    refuse(core, call, "limit-reached");
    return;
  }
  if (!duplicate && through === 0 && queue.acceptedThrough.size >= ACCEPT_SOURCES_MAX) {
    refuse(core, call, "limit-reached");
    return;
  }
  core.chain.mix(STEP.accept);
  core.chain.number(queue.id);
  core.chain.number(outboxSequence);
  if (!duplicate) {
    core.touch(queue);
    queue.acceptedThrough.set(source, outboxSequence);
    acceptMessage(core, call, queue, source);
  }
  if (call.wanted) call.outcome = { kind: "accepted", duplicate };
}

function acceptMessage(core: Core, call: Call, queue: QueueState, source: number): void {
  const originQueue = call.u48();
  const originSequence = call.u48();
  const countOnArrival = call.u32();
  const firstReceived = call.u48();
  const enqueuedSecond = Math.floor((core.now - call.u48()) / 1_000);
  const offset = call.at;
  const length = bodyRecordLength(call.data, offset) ?? 0;
  call.at = offset + length;
  const groupKey: Key = new Uint32Array(KEY_WORDS);
  const hasGroup = call.key(groupKey);
  const origin = {
    queue: originQueue,
    sequence: originSequence,
    source,
    // The origin plane counts seconds from 2^40 before this group's time began: 34,000 years.
    enqueuedSecond: Math.max(enqueuedSecond, -0xff_ffff_ffff),
    countOnArrival,
    groupKey: hasGroup ? groupKey : undefined,
  };
  const body = { entry: call.index, offset, sizeClass: sizeClassOf(length) };
  arrive(core, queue, body, { origin, firstReceived });
  core.births.add(call.index, 1);
}

export function applyDropOutbox(core: Core, call: Call): void {
  const queue = queueOf(core, call);
  if (queue === undefined) return;
  const through = call.u53();
  const returned = call.u8() === 1;
  const changed = queue.outbox > 0 && queue.outboxFirst <= through;
  if (changed) core.touch(queue);
  let hint = NO_REFERENCE;
  while (queue.outbox > 0 && queue.outboxFirst <= through) {
    hint = dropOne(core, queue, { returned, hint });
  }
  finish(call, changed);
}

/** Gives a reference to the message, if it was returned. */
function dropOne(
  core: Core,
  queue: QueueState,
  how: { readonly returned: boolean; readonly hint: number },
): number {
  const sequence = takeOutbox(queue);
  const page = queue.find(sequence);
  if (page === undefined) return how.hint;
  const slot = sequence - page.firstSequence;
  core.touch(page);
  core.chain.mix(STEP.drop);
  core.chain.number(queue.id);
  core.chain.number(sequence);
  if (!how.returned) {
    kill(core, page, slot);
    return how.hint;
  }
  // The target is gone: a policy that still names it would only send the message there again.
  if (queue.attributes.deadLetter?.queueId === page.targetQueue(slot)) {
    queue.attributes = { ...queue.attributes, deadLetter: undefined };
  }
  page.setLease(slot, {
    token: 0,
    leaseMs: 0,
    firstReceived: page.firstReceived(slot),
    count: page.receiveCount(slot),
  });
  page.setPlace(slot, PLACE.dead);
  const reference = rejoinGroup(core, page, slot, how.hint);
  putReady(core, page, slot);
  return reference;
}
