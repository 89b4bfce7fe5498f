/**
 * What the queue's state machine costs a message, without consensus, disk or network: entries of 100-message sends,
 * receives and tombstones, applied one after another. Run: npx tsx --conditions=dev bench/micro/queue.bench.ts
 */

import { crc32 } from "node:zlib";
import { ByteWriter, clusterTime, groupId, logIndex, wallTime } from "@kqueuey/base";
import {
  DEFAULT_ATTRIBUTES,
  EntryBuilder,
  encodeCreateQueue,
  encodeReceive,
  encodeSend,
  encodeTombstone,
  type FencingToken,
  type GrantedOutcome,
  type LeaseReference,
  NO_REQUEST_ID,
  type Outcome,
  QueueMachine,
  queueId,
  type RequestId,
  type Sequence,
  validateCommand,
} from "@kqueuey/queue";

const BATCH = 100;
const ROUNDS = 10_000;
const QUEUE = queueId(1);
const writer = new ByteWriter(64 * 1024);
const builder = new EntryBuilder();
const machine = new QueueMachine({ group: groupId(0) });
let index = 0;
let now = 1_000;
let hashes = 0;

const message = {
  sentAtMs: wallTime(1_700_000_000_000),
  bodyMd5: new Uint8Array(16),
  sender: "anonymous",
  traceHeader: undefined,
  attributes: [],
  body: new Uint8Array(128).fill(65),
};
const batch = Array.from({ length: BATCH }, () => message);

function requestId(): RequestId {
  const hash = new Uint8Array(16);
  new DataView(hash.buffer).setUint32(0, Math.imul(hashes, 0x9e3779b1));
  new DataView(hash.buffer).setUint32(4, hashes++);
  return { kind: "hash", hash };
}

function entry(write: () => void): Uint8Array {
  write();
  const command = writer.take();
  const valid = validateCommand(command);
  if (!valid.ok) throw new Error(valid.error);
  builder.append(command, valid.operations);
  now += 1;
  return builder.finish({ clusterTimeMs: clusterTime(now), wallTimeMs: wallTime(now) });
}

function apply(data: Uint8Array, want: boolean): Outcome | undefined {
  let last: Outcome | undefined;
  index += 1;
  const sink = {
    outcome: (_ordinal: number, outcome: Outcome): void => {
      last = outcome;
    },
  };
  machine.apply(logIndex(index), data, want ? sink : undefined);
  machine.drainBodyBirths(() => {});
  machine.drainBodyDeaths(() => {});
  machine.drainWoken();
  return last;
}

function leasesOf(grant: GrantedOutcome): LeaseReference[] {
  return Array.from(grant.sequences, (sequence, i) => ({
    sequence: sequence as Sequence,
    token: (grant.tokens[i] ?? 0) as FencingToken,
  }));
}

function report(what: string, seconds: number): void {
  const messages = BATCH * ROUNDS;
  const perSecond = Math.round(messages / seconds).toLocaleString("en");
  console.log(
    `${what.padEnd(28)} ${perSecond.padStart(12)} messages/s  ${((seconds * 1e9) / messages).toFixed(0)} ns each`,
  );
}

const clock = (): number => Number(process.hrtime.bigint()) / 1e9;

apply(
  entry(() =>
    encodeCreateQueue(writer, {
      requestId: NO_REQUEST_ID,
      queueId: QUEUE,
      name: "bench",
      placement: 1,
      attributes: DEFAULT_ATTRIBUTES,
      extra: new Map(),
      tags: new Map(),
    }),
  ),
  true,
);

for (const pass of ["warm-up", "measured"]) {
  console.log(pass);
  const sends = Array.from({ length: ROUNDS }, () =>
    entry(() =>
      encodeSend(writer, { requestId: requestId(), queueId: QUEUE, messages: batch }, crc32),
    ),
  );
  let start = clock();
  for (const data of sends) apply(data, true);
  report("send", clock() - start);

  const receives = Array.from({ length: ROUNDS }, () =>
    entry(() =>
      encodeReceive(writer, {
        requestId: requestId(),
        queueId: QUEUE,
        limit: BATCH,
        maxBytes: 4_194_304,
      }),
    ),
  );
  start = clock();
  const grants = receives.map((data) => apply(data, true));
  report("receive (with outcomes)", clock() - start);

  const tombstones = grants.map((grant) => {
    if (grant?.kind !== "granted" || grant.count !== BATCH) throw new Error("a short grant");
    return entry(() =>
      encodeTombstone(writer, { requestId: requestId(), queueId: QUEUE, leases: leasesOf(grant) }),
    );
  });
  start = clock();
  for (const data of tombstones) apply(data, true);
  report("tombstone", clock() - start);
  const problem = machine.checkInvariants();
  if (problem !== undefined) throw new Error(problem);
}
