/**
 * A grant with its bodies as bytes:
 *
 *     u48 queue · u8 flags (1 replayed, 2 origins) · u48 first token · u16 messages of the whole grant
 *     u16 count · u32 lease ms · u48 now
 *     per message: u48 sequence · u48 token · u48 deadline · u32 receive count · u48 first received
 *                  [u48 origin queue · u48 origin sequence · u48 source queue]
 *     then the body records, one after another; each begins with its length
 */
import type { ByteReader, ByteWriter } from "@kqueuey/base";
import { clusterTime, duration } from "@kqueuey/base";
import type { GrantedOutcome } from "@kqueuey/queue";
import { bodyRecordLength, queueId } from "@kqueuey/queue";
import type { Granted } from "../engine-request.ts";

const REPLAYED = 1;
const ORIGINS = 2;
const MESSAGES_MAX = 1_000;

export function encodeGranted(writer: ByteWriter, { grant, records }: Granted): void {
  let bytes = 64 + grant.count * 50;
  for (const record of records) bytes += record.length;
  writer.reserve(bytes);
  const { originQueues, originSequences, sourceQueues } = grant;
  const origins = originQueues !== undefined;
  writer.u48(grant.queueId);
  writer.u8((grant.replayed ? REPLAYED : 0) | (origins ? ORIGINS : 0));
  writer.u48(grant.grantFirst);
  writer.u16(grant.grantCount);
  writer.u16(grant.count);
  writer.u32(grant.leaseMs);
  writer.u48(grant.nowMs);
  for (let i = 0; i < grant.count; i++) {
    writer.u48(grant.sequences[i] ?? 0);
    writer.u48(grant.tokens[i] ?? 0);
    writer.u48(grant.deadlines[i] ?? 0);
    writer.u32(grant.receiveCounts[i] ?? 0);
    writer.u48(grant.firstReceived[i] ?? 0);
    if (!origins) continue;
    writer.u48(originQueues[i] ?? 0);
    writer.u48(originSequences?.[i] ?? 0);
    writer.u48(sourceQueues?.[i] ?? 0);
  }
  for (const record of records) writer.raw(record);
}

/** Undefined when the bytes are none. */
export function decodeGranted(reader: ByteReader): Granted | undefined {
  const id = reader.u48();
  const flags = reader.u8();
  const grantFirst = reader.u48();
  const grantCount = reader.u16();
  const count = reader.u16();
  const leaseMs = reader.u32();
  const nowMs = reader.u48();
  if (!reader.ok || id === 0 || count > MESSAGES_MAX) return undefined;
  const origins = (flags & ORIGINS) !== 0;
  const column = (): Float64Array => new Float64Array(count);
  const grant: GrantedOutcome = {
    kind: "granted",
    queueId: queueId(id),
    replayed: (flags & REPLAYED) !== 0,
    grantFirst,
    grantCount,
    count,
    leaseMs: duration(leaseMs),
    nowMs: clusterTime(nowMs),
    sequences: column(),
    entries: new Float64Array(0),
    offsets: new Uint32Array(0),
    tokens: column(),
    deadlines: column(),
    receiveCounts: new Uint32Array(count),
    firstReceived: column(),
    originQueues: origins ? column() : undefined,
    originSequences: origins ? column() : undefined,
    sourceQueues: origins ? column() : undefined,
  };
  for (let i = 0; i < count; i++) readMessage(reader, grant, i);
  const records = readRecords(reader, count);
  return records === undefined ? undefined : { kind: "granted", grant, records };
}

function readMessage(reader: ByteReader, grant: GrantedOutcome, i: number): void {
  grant.sequences[i] = reader.u48();
  grant.tokens[i] = reader.u48();
  grant.deadlines[i] = reader.u48();
  grant.receiveCounts[i] = reader.u32();
  grant.firstReceived[i] = reader.u48();
  if (grant.originQueues === undefined) return;
  grant.originQueues[i] = reader.u48();
  if (grant.originSequences !== undefined) grant.originSequences[i] = reader.u48();
  if (grant.sourceQueues !== undefined) grant.sourceQueues[i] = reader.u48();
}

function readRecords(reader: ByteReader, count: number): Uint8Array[] | undefined {
  const records: Uint8Array[] = [];
  for (let i = 0; i < count; i++) {
    const length = bodyRecordLength(reader.bytes, reader.position);
    if (length === undefined) return undefined;
    records.push(reader.raw(length));
  }
  return reader.ok && reader.remaining === 0 ? records : undefined;
}
