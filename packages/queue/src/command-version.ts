/** Which version of the format a command needs: an entry is of the version of its newest command. */
import { ByteReader } from "@kqueuey/base";
import { decodeAttributes, decodeTexts, hasKindAttributes } from "./attributes.ts";
import { bodyRecordLength } from "./body-record.ts";
import { COMMAND, COMMAND_HEADER_BYTES, REQUEST_HASH, REQUEST_SESSION } from "./command.ts";

/** Kinds below this are of version 1. */
const FIRST_KIND_OF_2 = 19;
/** Fields of a receive without a bound and an attempt id. */
const RECEIVE_BYTES = 10;
/** Fields of an `accept` before its record. */
const ACCEPT_HEAD_BYTES = 42;
/** In the fields of an extension: where the highest byte of the first lease's ms is. */
const LEASE_MS_HIGH_BYTE = 2 + 12 + 3;
const QUEUE_ID_BYTES = 6;

/**
 * 2 for FIFO queues, message groups and what is fair to them, move tasks, receives with a bound, extensions that
 * revive, changes on a condition and purges with an interval; else 1. The command was validated.
 */
export function commandVersion(command: Uint8Array): 1 | 2 {
  const kind = command[0] ?? 0;
  if (kind >= FIRST_KIND_OF_2) return 2;
  const tag = command[COMMAND_HEADER_BYTES];
  const requestBytes = tag === REQUEST_HASH || tag === REQUEST_SESSION ? 17 : 1;
  const fields = COMMAND_HEADER_BYTES + requestBytes + QUEUE_ID_BYTES;
  switch (kind) {
    case COMMAND.receive:
      return command.length > fields + RECEIVE_BYTES ? 2 : 1;
    // All leases of a command say alike whether those that are over come to life again.
    case COMMAND.extend:
      return (command[fields + LEASE_MS_HIGH_BYTE] ?? 0) >= 0x80 ? 2 : 1;
    case COMMAND.accept: {
      const record = fields + ACCEPT_HEAD_BYTES;
      return command.length > record + (bodyRecordLength(command, record) ?? 0) ? 2 : 1;
    }
    case COMMAND.createQueue:
    case COMMAND.reserveQueue: {
      const reader = new ByteReader(command, fields + (kind === COMMAND.createQueue ? 4 : 2));
      reader.text();
      return hasKindAttributes(reader) ? 2 : 1;
    }
    case COMMAND.setQueue:
      return hasKindAttributes(new ByteReader(command, fields)) || hasCondition(command, fields)
        ? 2
        : 1;
    case COMMAND.purgeQueue:
      return command.length > fields ? 2 : 1;
    default:
      return 1;
  }
}

/** Whether texts that must be so follow those to set. */
function hasCondition(command: Uint8Array, fields: number): boolean {
  const reader = new ByteReader(command, fields);
  decodeAttributes(reader);
  decodeTexts(reader);
  decodeTexts(reader);
  return reader.remaining > 0;
}
