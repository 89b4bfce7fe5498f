import type { ClusterTimeMs, GroupId, LogIndex } from "@kqueuey/base";
import type { QueueAttributes, Texts } from "./attributes.ts";
import type { MatchVector } from "./entry.ts";
import type { QueueId, Sequence } from "./ids.ts";
import type { CatalogueState, OutcomeSink } from "./outcome.ts";

/** A queue as its group sees it. */
export interface QueueView {
  readonly id: QueueId;
  readonly name: string;
  readonly placement: number;
  readonly attributes: QueueAttributes;
  readonly extra: Texts;
  readonly tags: Texts;
  /** Wall clock, ms. */
  readonly createdAtMs: number;
  readonly modifiedAtMs: number;
  /** Ready to be received. */
  readonly available: number;
  /** Leased. */
  readonly inFlight: number;
  /** Waiting for a delay to end. */
  readonly delayed: number;
  /** On their way to a queue of another group. */
  readonly outbox: number;
}

/** A catalogue entry. */
export interface CatalogueEntry {
  readonly name: string;
  readonly queueId: QueueId;
  readonly group: GroupId;
  readonly placement: number;
  readonly state: CatalogueState;
  /** What to create; there until confirmed. */
  readonly creation:
    | { readonly attributes: QueueAttributes; readonly extra: Texts; readonly tags: Texts }
    | undefined;
}

/** A message on its way to another group. */
export interface OutboxMessage {
  readonly outboxSequence: number;
  readonly targetQueue: QueueId;
  readonly targetGroup: GroupId;
  readonly sequence: Sequence;
  readonly originQueue: QueueId;
  readonly originSequence: Sequence;
  readonly receiveCount: number;
  readonly firstReceivedMs: number;
  readonly ageMs: number;
  /** Where its body record is. */
  readonly entry: LogIndex;
  readonly offset: number;
}

/** A checkpoint's unit: a part of the state under a stable number. */
export interface CheckpointUnit {
  readonly key: number;
  readonly bytes: Uint8Array;
}

export interface CheckpointPart {
  readonly units: readonly CheckpointUnit[];
  /** Keys of units that are no more. */
  readonly removed: readonly number[];
  readonly done: boolean;
}

/** The replicated state machine of one Raft group. */
export declare class QueueMachine {
  constructor(options: { readonly group: GroupId });
  /** Applies the next entry; `index` is above `appliedIndex`. Noop and membership entries: `skip`. */
  apply(index: LogIndex, data: Uint8Array, sink: OutcomeSink | undefined): void;
  /** Passes over an entry that is not for this machine. */
  skip(index: LogIndex): void;
  get appliedIndex(): LogIndex;
  get now(): ClusterTimeMs;
  /** A lower bound of the next cluster time at which an entry would change something by time alone. */
  nextDue(): ClusterTimeMs | undefined;
  /** True while housekeeping that is due was left for the next entry. */
  pending(): boolean;
  /** The 32 secret bytes of the cluster, once `initCluster` was applied. */
  get secret(): Uint8Array | undefined;
  /** The last match vector applied. */
  get matchVector(): MatchVector | undefined;
  /** ms for which request ids are remembered at least, now. */
  get idempotencyWindowMs(): number;
  get chainHash(): string;
  stateHash(): string;
  findQueue(name: string): CatalogueEntry | undefined;
  list(options: {
    readonly prefix: string;
    readonly after: string;
    readonly limit: number;
  }): readonly CatalogueEntry[];
  unfinished(limit: number): readonly CatalogueEntry[];
  catalogueEntry(queueId: QueueId): CatalogueEntry | undefined;
  describe(queueId: QueueId): QueueView | undefined;
  queueIds(): readonly QueueId[];
  /** Messages ready in the queue; 0 when there is none. */
  available(queueId: QueueId): number;
  outbox(queueId: QueueId, limit: number): readonly OutboxMessage[];
  queuesWithOutbox(): readonly QueueId[];
  /** Queues that gained available messages, or went, since the last drain. */
  drainWoken(): QueueId[];
  drainBodyBirths(each: (entry: LogIndex, count: number) => void): void;
  drainBodyDeaths(each: (entry: LogIndex, count: number) => void): void;
  forEachLiveBody(each: (entry: LogIndex, count: number) => void): void;
  /** Frees the memory of purged messages, at most `pages` pages; true while there is more. Not replicated. */
  sweep(pages: number): boolean;
  beginCheckpoint(mode: "changed" | "full"): void;
  nextCheckpointUnits(bytesMax: number): CheckpointPart;
  endCheckpoint(ok: boolean): void;
  /** Into a fresh machine only. An error text for what is no unit. */
  loadUnit(key: number, bytes: Uint8Array): string | undefined;
  /** After the last unit: an error text when they do not make one state. */
  finishLoad(): string | undefined;
}
