/** Receipt handles: what a client makes up is never taken for one that the cluster gave. */
import { clusterTime, decodeUtf8, duration, encodeUtf8, groupId } from "@kqueuey/base";
import { parseReceiptHandle } from "@kqueuey/contract";
import { type GrantedOutcome, queueId, type Receipt } from "@kqueuey/queue";
import { Receipts } from "../../../packages/server/src/engine/receipts.ts";
import { promise, type Session, type Target } from "../target.ts";

const QUEUE = queueId(5);
const COUNT = 20;
const GROUP = groupId(0);
/** First tokens of the grants that were made. */
const FIRSTS = [100, 2 ** 47] as const;

export const receipts: Target = {
  name: "receipts",
  promise: "A receipt that passes is of a grant that the cluster made, and only for its queue.",
  smokeInputs: 5_000,
  open(random): Session {
    const secret = Uint8Array.from({ length: 32 }, () => random.nextU32() & 0xff);
    const ours = new Receipts(secret);
    const other = new Receipts(new Uint8Array(32));
    const handles = FIRSTS.flatMap((first) => ours.make(GROUP, grantOf(first)));
    const foreign = other.make(GROUP, grantOf(FIRSTS[0]));
    const made = new Set(handles);
    return {
      samples: [...handles, ...foreign].map(encodeUtf8),
      run(input) {
        // As over HTTP, where bytes that are no UTF-8 come in as replacement characters.
        const text = decodeUtf8(input) ?? new TextDecoder().decode(input);
        parseReceiptHandle(text);
        const read = ours.read(text, QUEUE);
        const taken = !(read instanceof Error);
        promise(taken || !made.has(text), "a receipt was refused");
        if (taken) promise(isGranted(read), "a receipt of a grant that nobody made was taken");
        const elsewhere = ours.read(text, queueId(6));
        promise(elsewhere instanceof Error, "a receipt was taken for another queue");
      },
    };
  },
};

/**
 * One MAC serves all receipts of a grant, so its holder can name any message under one of its tokens. The state
 * machine refuses what is not the pair that it gave; tokens of other grants can't be named at all.
 */
function isGranted({ group, queueId: queue, token, grantFirst, grantCount }: Receipt): boolean {
  const made = FIRSTS.some((first) => first === grantFirst) && grantCount === COUNT;
  const inside = token >= grantFirst && token < grantFirst + grantCount;
  return made && inside && group === GROUP && queue === QUEUE;
}

function grantOf(first: number): GrantedOutcome {
  const column = (from: number): Float64Array =>
    Float64Array.from({ length: COUNT }, (_, i) => from + i);
  return {
    kind: "granted",
    queueId: QUEUE,
    replayed: false,
    grantFirst: first,
    grantCount: COUNT,
    count: COUNT,
    leaseMs: duration(30_000),
    nowMs: clusterTime(1_234),
    sequences: column(first),
    entries: new Float64Array(COUNT),
    offsets: new Uint32Array(COUNT),
    tokens: column(first),
    deadlines: column(31_234),
    receiveCounts: new Uint32Array(COUNT).fill(1),
    firstReceived: column(1_700_000_000_000),
    originQueues: undefined,
    originSequences: undefined,
    sourceQueues: undefined,
  };
}
