/** Everything outside the engine. Shells and the simulator implement these. */
import type { NodeId, Random } from "@kqueuey/base";
import type { StoragePorts } from "@kqueuey/storage";

/** Which connection carries a frame: `bulk` is the one for snapshots, so that they delay nobody. */
export type Channel = "main" | "bulk";

/** Frames to peers: best effort, in order per peer and channel, lost when the connection breaks. */
export interface Net {
  /**
   * Queues one frame (the chunks one after another, without length prefix). The bytes stay unchanged
   * afterwards. False when there is no connection or its send buffer is full: the frame is dropped,
   * and raft's own retransmission makes up for it.
   */
  send(to: NodeId, channel: Channel, frame: readonly Uint8Array[]): boolean;
}

/** The whole outside of a node's engine. */
export interface EnginePorts extends StoragePorts {
  readonly net: Net;
  readonly random: Random;
  /** Unpredictable bytes, for secrets. */
  randomBytes(count: number): Uint8Array;
  /** Something is in line: call `run` soon. May be called many times. */
  wake(): void;
}
