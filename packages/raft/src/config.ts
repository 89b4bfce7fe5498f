/** Limits and timeouts of one Raft group, each with its unit, its default and the relations between them. */
import { assert, type NodeId } from "@kqueuey/base";

export interface RaftConfig {
  /** This node. */
  readonly id: NodeId;
  /** A follower that heard nothing for a random time between these two starts a pre-vote. */
  readonly electionTimeoutMinMs: number;
  readonly electionTimeoutMaxMs: number;
  /** An idle leader's interval between signs of life. */
  readonly heartbeatMs: number;
  /** Entry bytes in one append; one entry may be larger and then travels alone. */
  readonly frameBytesMax: number;
  /** Entry bytes sent to one follower and not yet acknowledged. */
  readonly windowBytesMax: number;
  /** Entries sent to one follower and not yet acknowledged. */
  readonly windowEntriesMax: number;
  /** Entry bytes proposed and not yet committed; past it `propose` answers `full`. */
  readonly uncommittedBytesMax: number;
  /** Entry bytes kept in memory although durable and applied, for followers a little behind. */
  readonly tailBytesMax: number;
  /** Entry bytes that a follower holds not yet durable or not yet applied before it drops appends. */
  readonly backlogBytesMax: number;
  /** Entry bytes of one read for a follower that is behind the tail. */
  readonly readBytesMax: number;
  /** Entry bytes of one `committed` range. */
  readonly applyBytesMax: number;
  /** Linearizable reads waiting for their round; past it `readIndex` answers `full`. */
  readonly readsMax: number;
  /** A `joining` member at most this many entries behind becomes a voter. */
  readonly promotionLagEntriesMax: number;
}

const MIB = 1024 * 1024;

/** The defaults for node `id`, with `overrides`. Asserts ranges and relations: a wrong one is a programmer's error. */
export function raftConfig(
  id: NodeId,
  overrides: Partial<Omit<RaftConfig, "id">> = {},
): RaftConfig {
  const config: RaftConfig = {
    id,
    electionTimeoutMinMs: 600,
    electionTimeoutMaxMs: 1_200,
    heartbeatMs: 100,
    frameBytesMax: 256 * 1024,
    windowBytesMax: 4 * MIB,
    windowEntriesMax: 1_024,
    uncommittedBytesMax: 16 * MIB,
    tailBytesMax: 8 * MIB,
    backlogBytesMax: 64 * MIB,
    readBytesMax: MIB,
    applyBytesMax: 4 * MIB,
    readsMax: 65_536,
    promotionLagEntriesMax: 256,
    ...overrides,
  };
  for (const value of Object.values(config)) {
    assert(Number.isSafeInteger(value) && value >= 0, "raft limits are whole numbers");
  }
  assert(config.heartbeatMs > 0, "heartbeatMs must be positive");
  assert(
    config.electionTimeoutMinMs >= 2 * config.heartbeatMs,
    "electionTimeoutMinMs must be at least two heartbeats",
  );
  assert(
    config.electionTimeoutMaxMs > config.electionTimeoutMinMs,
    "electionTimeoutMaxMs must be above electionTimeoutMinMs",
  );
  assert(
    config.frameBytesMax > 0 && config.windowEntriesMax > 0,
    "frames and windows hold something",
  );
  assert(config.windowBytesMax >= config.frameBytesMax, "a window holds at least one frame");
  assert(config.readsMax > 0, "readsMax must be positive");
  return config;
}
