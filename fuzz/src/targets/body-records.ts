/** Bodies as they are stored: a damaged one is told from a whole one, and a forged one is still only a body. */
import { isDeepStrictEqual } from "node:util";
import { ByteWriter } from "@kqueuey/base";
import { bodyRecordLength, decodeBodyRecord, encodeBodyRecord } from "@kqueuey/queue";
import { nodeCrc32 } from "../../../packages/server/src/node/crc32.ts";
import { numberBytes } from "../mutate.ts";
import { BODY_RECORDS, bodyRecordBytes } from "../samples.ts";
import { promise, type Target } from "../target.ts";

const PREFIX_BYTES = 8;

export const bodyRecords: Target = {
  name: "body-records",
  promise: "A body record is read whole or not at all; a changed byte never passes its checksum.",
  smokeInputs: 5_000,
  open: () => {
    const samples = BODY_RECORDS.map(bodyRecordBytes);
    const known = new Set(samples.map((bytes) => Buffer.from(bytes).toString("hex")));
    return {
      samples,
      run(input) {
        const read = decodeBodyRecord(input, nodeCrc32);
        if (read !== undefined && !known.has(Buffer.from(input).toString("hex"))) {
          promise(sumsUp(input), "a damaged body was taken for a whole one");
        }
        const length = bodyRecordLength(input, 0);
        promise(
          length === undefined || length >= PREFIX_BYTES,
          "a record is shorter than its prefix",
        );
        runForged(forge(input));
      },
    };
  },
};

/** Whatever has a right length and checksum: it is a record that an edge wrote, or none. */
function runForged(bytes: Uint8Array): void {
  const read = decodeBodyRecord(bytes, nodeCrc32);
  if (read === undefined) return;
  const writer = new ByteWriter(bytes.length);
  encodeBodyRecord(writer, read, nodeCrc32);
  const again = decodeBodyRecord(writer.view(), nodeCrc32);
  promise(isDeepStrictEqual(read, again), "a body record was read, and written as another");
}

function sumsUp(bytes: Uint8Array): boolean {
  const sum = new DataView(bytes.buffer, bytes.byteOffset).getUint32(4, true);
  return sum === nodeCrc32(bytes.subarray(PREFIX_BYTES));
}

/** The same bytes under the length and the checksum that they should have. */
function forge(bytes: Uint8Array): Uint8Array {
  if (bytes.length < PREFIX_BYTES) return bytes;
  const forged = bytes.slice();
  const rest = forged.subarray(PREFIX_BYTES);
  forged.set(numberBytes(rest.length, 4, "little"), 0);
  forged.set(numberBytes(nodeCrc32(rest), 4, "little"), 4);
  return forged;
}
