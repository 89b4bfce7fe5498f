/** What every directed scenario needs: who is who, and waiting until something is so. */
import { ByteWriter, type NodeId, wallTime } from "@kqueuey/base";
import { encodeSend, type QueueId } from "@kqueuey/queue";
import type { RaftStatus } from "@kqueuey/raft";
import { GROUP, type SimCluster } from "../../src/cluster.ts";
import { crc32, digest16 } from "../../src/digests.ts";

export const NOTHING_SEEN: readonly never[] = [];

export function followersOf(cluster: SimCluster, leader: NodeId): NodeId[] {
  return cluster.ids.filter((id) => id !== leader);
}

export function statusOf(cluster: SimCluster, id: NodeId): RaftStatus | undefined {
  return cluster.replica(id)?.raft.status();
}

export function leads(cluster: SimCluster, id: NodeId): boolean {
  return statusOf(cluster, id)?.role === "leader";
}

/** Cuts both ways between everybody on one side and everybody on the other; the result mends it. */
export function part(
  cluster: SimCluster,
  one: readonly NodeId[],
  other: readonly NodeId[],
): () => void {
  const mends = one.map((id) => cluster.network.isolate(id, other));
  return () => {
    for (const mend of mends) mend();
  };
}

/** An entry of about `bytes` in the node's log, if it leads: a send to a queue that is not there. */
export function proposeBallast(cluster: SimCluster, id: NodeId, bytes: number): void {
  const body = new Uint8Array(bytes);
  const message = {
    sentAtMs: wallTime(1),
    bodyMd5: digest16(body),
    sender: "ballast",
    traceHeader: undefined,
    attributes: [],
    body,
  };
  const hash = Uint8Array.from({ length: 16 }, () => cluster.random.nextU32() & 0xff);
  const writer = new ByteWriter();
  const queueId = NO_QUEUE as QueueId;
  encodeSend(writer, { requestId: { kind: "hash", hash }, queueId, messages: [message] }, crc32);
  const command = writer.take();
  cluster.engine(id)?.call(GROUP, { kind: "command", command }, () => undefined);
}

const NO_QUEUE = 4_000_000_000;
