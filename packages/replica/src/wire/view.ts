/** A queue's description as bytes. */
import type { ByteReader, ByteWriter } from "@kqueuey/base";
import { groupId } from "@kqueuey/base";
import type { FifoAttributes, QueueAttributes, QueueView, Texts } from "@kqueuey/queue";
import { queueId } from "@kqueuey/queue";

const TEXTS_MAX = 64;
/** A standard queue's first. */
const FIFO_KINDS: readonly (FifoAttributes["deduplicationScope"] | undefined)[] = [
  undefined,
  "queue",
  "messageGroup",
];

export function encodeView(writer: ByteWriter, view: QueueView): void {
  const { attributes } = view;
  writer.u48(view.id);
  writer.text(view.name);
  writer.u32(view.placement);
  writer.u32(attributes.visibilityTimeoutMs);
  writer.u32(attributes.delayMs);
  writer.u32(attributes.retentionMs);
  writer.u32(attributes.maximumMessageBytes);
  writer.u32(attributes.receiveWaitMs);
  writer.u48(attributes.deadLetter?.queueId ?? 0);
  writer.u16(attributes.deadLetter?.group ?? 0);
  writer.u16(attributes.deadLetter?.maximumReceives ?? 0);
  writer.u8(FIFO_KINDS.indexOf(attributes.fifo?.deduplicationScope));
  writer.u8(attributes.fifo?.contentBasedDeduplication === true ? 1 : 0);
  writer.u32(attributes.fairness?.inFlightMin ?? 0);
  writer.u8(attributes.fairness?.inFlightPercent ?? 0);
  encodeTexts(writer, view.extra);
  encodeTexts(writer, view.tags);
  writer.u48(view.createdAtMs);
  writer.u48(view.modifiedAtMs);
  writer.u48(view.available);
  writer.u48(view.inFlight);
  writer.u48(view.delayed);
  writer.u48(view.outbox);
  writer.u32(view.noisyGroups);
  writer.u48(view.availableQuiet);
}

/** Undefined when the bytes are none. */
export function decodeView(reader: ByteReader): QueueView | undefined {
  const id = reader.u48();
  const name = reader.text();
  const placement = reader.u32();
  const attributes = decodeAttributes(reader);
  const extra = decodeTexts(reader);
  const tags = decodeTexts(reader);
  const createdAtMs = reader.u48();
  const modifiedAtMs = reader.u48();
  const available = reader.u48();
  const inFlight = reader.u48();
  const delayed = reader.u48();
  const outbox = reader.u48();
  const noisyGroups = reader.u32();
  const availableQuiet = reader.u48();
  if (!reader.ok || id === 0) return undefined;
  return {
    id: queueId(id),
    name,
    placement,
    attributes,
    extra,
    tags,
    createdAtMs,
    modifiedAtMs,
    available,
    inFlight,
    delayed,
    outbox,
    noisyGroups,
    availableQuiet,
  };
}

function decodeAttributes(reader: ByteReader): QueueAttributes {
  const visibilityTimeoutMs = reader.u32();
  const delayMs = reader.u32();
  const retentionMs = reader.u32();
  const maximumMessageBytes = reader.u32();
  const receiveWaitMs = reader.u32();
  const target = reader.u48();
  const group = groupId(reader.u16());
  const maximumReceives = reader.u16();
  const deduplicationScope = FIFO_KINDS[reader.u8()];
  const contentBasedDeduplication = reader.u8() === 1;
  const inFlightMin = reader.u32();
  const inFlightPercent = reader.u8();
  return {
    visibilityTimeoutMs,
    delayMs,
    retentionMs,
    maximumMessageBytes,
    receiveWaitMs,
    deadLetter: target === 0 ? undefined : { queueId: queueId(target), group, maximumReceives },
    fifo:
      deduplicationScope === undefined
        ? undefined
        : { deduplicationScope, contentBasedDeduplication },
    fairness: inFlightMin === 0 ? undefined : { inFlightMin, inFlightPercent },
  };
}

function encodeTexts(writer: ByteWriter, texts: Texts): void {
  writer.u16(texts.size);
  for (const [name, value] of texts) {
    writer.text(name);
    writer.text(value);
  }
}

function decodeTexts(reader: ByteReader): Texts {
  const texts = new Map<string, string>();
  const count = reader.u16();
  if (count > TEXTS_MAX) reader.fail();
  for (let i = 0; i < count && reader.ok; i++) texts.set(reader.text(), reader.text());
  return texts;
}
