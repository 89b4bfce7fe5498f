/**
 * Everything that one node keeps: its identity, the log that all groups share, each group's store.
 * Opening it says whether this directory may be used at all.
 */
import type { GroupId, MonotonicMs, NodeId } from "@kqueuey/base";
import type { GroupStoreLimits } from "./group-ports.ts";
import type { GroupStore } from "./group-store.ts";
import type { BodyFraming, StoragePorts, StoreDone, StoreFailure } from "./store-types.ts";
import type { WalConfig } from "./wal/types.ts";

export interface NodeStorageConfig {
  /** 16 bytes. */
  readonly clusterId: Uint8Array;
  readonly nodeId: NodeId;
  /** Groups hosted at start; others are opened later with `openGroup`. */
  readonly groups: readonly GroupId[];
  readonly framing: BodyFraming;
  readonly limits?: Partial<GroupStoreLimits>;
  readonly wal?: Partial<WalConfig>;
  /** Told once when the store can't go on: the process must stop. Also told about `no-space`, each time it begins. */
  readonly onFailure: (failure: StoreFailure) => void;
}

/** Why a directory is refused. Nothing in it was changed. */
export type OpenRefusal =
  | { readonly kind: "other-cluster"; readonly found: Uint8Array; readonly expected: Uint8Array }
  | { readonly kind: "other-node"; readonly found: NodeId; readonly expected: NodeId }
  | { readonly kind: "newer-format"; readonly found: number; readonly supported: number }
  | { readonly kind: "damaged-identity"; readonly message: string }
  | { readonly kind: "disk"; readonly failure: StoreFailure };

export type OpenNodeResult =
  | { readonly ok: true; readonly storage: NodeStorage }
  | { readonly ok: false; readonly refusal: OpenRefusal };

export interface NodeStorage {
  /** Nothing was ever appended in this directory: the node has no memory of any cluster. */
  readonly fresh: boolean;
  /**
   * Raised at every open by a random step of 1 … 2^32, 1 … 2^53 - 1; durable before the open
   * completes. Random, so that two starts from one copied directory differ.
   */
  readonly boot: number;
  /** Damage anywhere in what all groups share: the node starts in probation. */
  readonly damage: StoreFailure | undefined;
  group(id: GroupId): GroupStore;
  /** Drives everything that waits for time: call every 10 to 50 ms. */
  tick(nowMs: MonotonicMs): void;
  /** Finishes what is in flight; completions after it come with `closed`. */
  close(done: StoreDone<undefined>): void;
}

/** Opens or makes the directory's store. */
export type OpenNodeStorage = (
  config: NodeStorageConfig,
  ports: StoragePorts,
  done: (result: OpenNodeResult) => void,
) => void;
