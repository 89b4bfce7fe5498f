/** Answers to retries, from what the first execution left in the request ledger. */
import type { GroupId } from "@kqueuey/base";
import { ByteReader } from "@kqueuey/base";
import { type Call, refuse, rememberedKind } from "./call.ts";
import type { Core } from "./core.ts";
import { STEP } from "./core.ts";
import { hasToken } from "./granting.ts";
import type { QueueId, Sequence, SessionId } from "./ids.ts";
import { TASK_ID_BYTES } from "./move-tasks.ts";
import { PLACE } from "./page.ts";
import { grantedOutcome } from "./receive.ts";

/** Answers the call as its first execution was answered; a receive with what is still held under its grant. */
export function replay(core: Core, call: Call, record: Uint8Array): void {
  const reader = new ByteReader(record);
  if (reader.u8() !== rememberedKind(call.kind) || reader.u48() !== call.queueId) {
    refuse(core, call, "request-id-reused");
    return;
  }
  core.chain.mix(STEP.replay);
  if (!call.wanted) return;
  const queueId = call.queueId as QueueId;
  switch (call.kind) {
    case "send":
    case "sendGrouped":
    case "sendFifo": {
      const firstSequence = reader.u48() as Sequence;
      const sent = { kind: "sent", queueId, firstSequence, count: reader.u16() } as const;
      const each = reader.remaining > 0 ? { sequences: readSequences(reader, sent.count) } : {};
      call.outcome = { ...sent, ...each, replayed: true };
      return;
    }
    case "receive":
      replayReceive(core, call, reader);
      return;
    case "tombstone":
    case "extend":
    case "release":
    case "undelivered": {
      const count = reader.u16();
      const results = reader.u8() === 1 ? new Uint8Array(count) : reader.raw(count).slice();
      call.outcome = { kind: "settled", queueId, results, replayed: true };
      return;
    }
    case "reserveQueue":
      call.outcome = {
        kind: "reserved",
        queueId: reader.u48() as QueueId,
        group: reader.u16() as GroupId,
        placement: reader.u32(),
        state: STATES[reader.u8()] ?? "reserved",
        created: reader.u8() === 1,
        replayed: true,
      };
      return;
    case "openSession":
      call.outcome = { kind: "session", sessionId: reader.u48() as SessionId, replayed: true };
      return;
    case "startMove":
    case "cancelMove": {
      const taskId = reader.raw(TASK_ID_BYTES).slice();
      call.outcome = { kind: "move", taskId, moved: reader.u48(), replayed: true };
      return;
    }
    case "accept":
      call.outcome = { kind: "accepted", duplicate: true };
      return;
    case "createQueue":
    case "setQueue":
    case "deleteQueue":
    case "purgeQueue":
    case "confirmQueue":
    case "markDeleting":
    case "forgetQueue":
    case "initCluster":
    case "dropOutbox":
      call.outcome = { kind: "done", changed: reader.u8() === 1, replayed: true };
      return;
  }
}

/** The states of a catalogue entry, as records number them. */
export const STATES = ["reserved", "active", "deleting"] as const;

function readSequences(reader: ByteReader, count: number): Float64Array {
  return Float64Array.from({ length: count }, () => reader.u48());
}

function replayReceive(core: Core, call: Call, reader: ByteReader): void {
  const queue = core.queues.get(call.queueId);
  if (queue === undefined) {
    // Only who wants the outcome comes here: the chain, which all replicas share, must not hear of it.
    call.outcome = { kind: "refused", reason: "queue-not-found" };
    return;
  }
  const grantFirst = reader.u48();
  const grantCount = reader.u16();
  const leaseMs = reader.u32();
  let token = grantFirst;
  while (reader.remaining > 0 && reader.ok) {
    const first = reader.u48();
    const end = first + reader.u16();
    for (let sequence = first; sequence < end; sequence++, token++) {
      const page = queue.find(sequence);
      if (page === undefined) continue;
      const slot = sequence - page.firstSequence;
      if (page.place(slot) !== PLACE.leased || !hasToken(page, slot, token)) continue;
      call.pages.push(page);
      call.slots.push(slot);
    }
  }
  const grant = { grantFirst, grantCount, leaseMs, replayed: true };
  call.outcome = grantedOutcome(core, call, queue, grant);
}
