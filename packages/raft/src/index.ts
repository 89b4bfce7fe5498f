/** The Raft protocol as a pure state machine. */
export type { RaftConfig } from "./config.ts";
export { raftConfig } from "./config.ts";
export type * from "./message.ts";
export { Raft } from "./raft.ts";
export type * from "./ready.ts";
export type * from "./results.ts";
export type * from "./types.ts";
export { ENTRY_KIND_CODES, entryKindOf } from "./types.ts";
