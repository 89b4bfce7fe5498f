/** What JavaScript lacks and every layer needs. Imports nothing. */
export { AssertionError, assert, must, unreachable } from "./assert.ts";
export type { Brand } from "./brand.ts";
export { ByteReader, ByteWriter, equalBytes, toHex } from "./bytes.ts";
export { StateHasher } from "./hash.ts";
export { Heap } from "./heap.ts";
export type {
  ClusterTimeMs,
  DurationMs,
  GroupId,
  Incarnation,
  LogIndex,
  MonotonicMs,
  NodeId,
  Term,
  WallTimeMs,
} from "./ids.ts";
export {
  clusterTime,
  duration,
  groupId,
  incarnation,
  logIndex,
  monotonic,
  nodeId,
  term,
  wallTime,
} from "./ids.ts";
export type { Clock, Crc32 } from "./ports.ts";
export type { Random } from "./prng.ts";
export { between, Prng } from "./prng.ts";
export { Ring } from "./ring.ts";
export { decodeUtf8, encodeUtf8 } from "./utf8.ts";
