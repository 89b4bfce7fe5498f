/** The hand-written codecs of the stream beside the schema's own: both take the same bytes for the same message. */

import { isDeepStrictEqual } from "node:util";
import { type DescMessage, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  decodeErrorPayload,
  decodeExtendRequest,
  decodeFrame,
  decodeReceiptResponse,
  decodeReceiveRequest,
  decodeReceiveResponse,
  decodeReleaseRequest,
  decodeSendRequest,
  decodeSendResponse,
  decodeTombstoneRequest,
  ExtendRequestSchema,
  KQueueyError,
  ReceiveRequestSchema,
  ReleaseRequestSchema,
  SendRequestSchema,
  TombstoneRequestSchema,
} from "@kqueuey/contract";
import { rpcSamples } from "../rpc-samples.ts";
import { promise, type Target } from "../target.ts";

interface Codec {
  readonly what: string;
  readonly schema: DescMessage | undefined;
  decode(bytes: Uint8Array): unknown;
}

const CODECS: readonly Codec[] = [
  { what: "send", schema: SendRequestSchema, decode: decodeSendRequest },
  { what: "receive", schema: ReceiveRequestSchema, decode: decodeReceiveRequest },
  { what: "tombstone", schema: TombstoneRequestSchema, decode: decodeTombstoneRequest },
  { what: "extend", schema: ExtendRequestSchema, decode: decodeExtendRequest },
  { what: "release", schema: ReleaseRequestSchema, decode: decodeReleaseRequest },
  { what: "send's answer", schema: undefined, decode: decodeSendResponse },
  { what: "receive's answer", schema: undefined, decode: decodeReceiveResponse },
  { what: "receipts' answer", schema: undefined, decode: decodeReceiptResponse },
  { what: "error", schema: undefined, decode: decodeErrorPayload },
  { what: "frame", schema: undefined, decode: decodeFrame },
];

export const clientCodecs: Target = {
  name: "client-codecs",
  promise:
    "Hand-written codecs take any bytes, throw nothing but refusals, and agree with the schema.",
  smokeInputs: 2_000,
  open: () => ({
    samples: rpcSamples("orders", ["receipt-1", "receipt-2"]).map(({ binary }) => binary),
    run: (input) => {
      for (const codec of CODECS) check(codec, input);
    },
  }),
};

function check({ what, schema, decode }: Codec, input: Uint8Array): void {
  const ours = attempt(() => decode(input));
  if (schema === undefined || ours.error !== undefined) return;
  // What we take, the schema takes too, and its own writing of it means the same to us.
  const theirs = attempt(() => toBinary(schema, fromBinary(schema, input)));
  promise(
    theirs.error === undefined,
    `a ${what} that the schema refuses: ${theirs.error?.message}`,
  );
  const again = attempt(() => decode(theirs.value ?? input));
  promise(isDeepStrictEqual(again.value, ours.value), `a ${what} that means something else`);
}

/** A refusal is an answer; anything else that is thrown goes through. */
function attempt<T>(work: () => T): { readonly value?: T; readonly error?: Error } {
  try {
    return { value: work() };
  } catch (error) {
    if (error instanceof KQueueyError && error.code === "MALFORMED_REQUEST") return { error };
    if (error instanceof Error && !(error instanceof KQueueyError)) {
      // The schema's own reader throws plain errors; ours never does.
      if (/bufbuild/.test(error.stack ?? "") && !/\/contract\/src\/wire\//.test(error.stack ?? ""))
        return { error };
    }
    throw error;
  }
}
