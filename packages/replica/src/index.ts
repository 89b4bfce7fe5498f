/**
 * The engine: raft, queue and storage joined. `NodeEngine` is one node, driven by `run`; a host gives
 * it ports (disk, network, randomness) and the time, and calls it for clients.
 *
 * Duties of a host, in order: construct it; `open`; feed frames and connection events; call `run` soon
 * after every `wake` and every 10 ms; on the way out `beginStop`, wait for another leader, `stop`.
 */
export type {
  EngineReply,
  EngineRequest,
  Failure,
  Granted,
} from "./engine-request.ts";
export { isFreshGrant } from "./fresh-grant.ts";
export type { NodeConfig, NodeEvents } from "./node.ts";
export { NodeEngine } from "./node.ts";
export type { NodeReport } from "./peers.ts";
export type { Channel, EnginePorts, Net } from "./ports.ts";
export type { Replica, ReplicaLimits } from "./replica.ts";
export type { RequestHandle } from "./router.ts";
export type { NodeRole } from "./wire/frame.ts";
