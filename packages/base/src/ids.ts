/** The identifiers and times that more than one layer speaks of. Plain numbers with a name each. */
import { assert } from "./assert.ts";
import type { Brand } from "./brand.ts";

/** A node of the cluster: 1 … 65,535, given by configuration, never reused for another machine's data. */
export type NodeId = Brand<number, "NodeId">;
/** How often a node was admitted: 0 in probation, else 1 or more; a wiped node comes back under a new one. */
export type Incarnation = Brand<number, "Incarnation">;
/** A Raft group of the cluster: 0 … 65,535. Group 0 holds the catalogue. */
export type GroupId = Brand<number, "GroupId">;
/** A Raft term, 0 … 2^53 - 1; 0 is before the first election. */
export type Term = Brand<number, "Term">;
/** A position in a group's log, from 1; 0 is before the first entry. */
export type LogIndex = Brand<number, "LogIndex">;
/** Cluster time: ms counted by successive leaders' monotonic clocks, carried in the log. No epoch. */
export type ClusterTimeMs = Brand<number, "ClusterTimeMs">;
/** Wall-clock time: ms since 1970 UTC. For people; never for deadlines. */
export type WallTimeMs = Brand<number, "WallTimeMs">;
/** One process's monotonic clock, in ms (whole or fractional). Means nothing on another node. */
export type MonotonicMs = Brand<number, "MonotonicMs">;
/** A span of time in ms. */
export type DurationMs = Brand<number, "DurationMs">;

function whole(value: number, from: number, to: number): boolean {
  return Number.isSafeInteger(value) && value >= from && value <= to;
}

export function nodeId(value: number): NodeId {
  assert(whole(value, 1, 0xffff), "node id must be 1 to 65535");
  return value as NodeId;
}

export function incarnation(value: number): Incarnation {
  assert(whole(value, 0, 0xffff_ffff), "incarnation must be 0 to 2^32 - 1");
  return value as Incarnation;
}

export function groupId(value: number): GroupId {
  assert(whole(value, 0, 0xffff), "group id must be 0 to 65535");
  return value as GroupId;
}

export function term(value: number): Term {
  assert(whole(value, 0, Number.MAX_SAFE_INTEGER), "term must be a safe integer");
  return value as Term;
}

export function logIndex(value: number): LogIndex {
  assert(whole(value, 0, Number.MAX_SAFE_INTEGER), "log index must be a safe integer");
  return value as LogIndex;
}

export function clusterTime(value: number): ClusterTimeMs {
  assert(whole(value, 0, Number.MAX_SAFE_INTEGER), "cluster time must be whole ms");
  return value as ClusterTimeMs;
}

export function wallTime(value: number): WallTimeMs {
  assert(whole(value, 0, Number.MAX_SAFE_INTEGER), "wall time must be whole ms");
  return value as WallTimeMs;
}

export function monotonic(value: number): MonotonicMs {
  assert(value >= 0, "monotonic time must not be negative");
  return value as MonotonicMs;
}

export function duration(value: number): DurationMs {
  assert(value >= 0, "a duration must not be negative");
  return value as DurationMs;
}
