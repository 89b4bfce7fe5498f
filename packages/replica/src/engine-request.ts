/** What an edge asks of a group's leader and what it is answered: the same whether the leader is here or elsewhere. */
import type { NodeId } from "@kqueuey/base";
import type { ErrorCode } from "@kqueuey/contract";
import type {
  CatalogueEntry,
  GrantedOutcome,
  MoveTaskView,
  Outcome,
  QueueId,
  QueueView,
} from "@kqueuey/queue";

export type EngineRequest =
  /** A command of any kind but receive, encoded by the queue's encoders. */
  | { readonly kind: "command"; readonly command: Uint8Array }
  /** A receive command, and how long to wait for a first message, ms. */
  | { readonly kind: "receive"; readonly command: Uint8Array; readonly waitMs: number }
  /** Linearizable reads. */
  | { readonly kind: "describe"; readonly queueId: QueueId }
  | { readonly kind: "moveTasks"; readonly queueId: QueueId }
  | { readonly kind: "find"; readonly name: string }
  | {
      readonly kind: "list";
      readonly prefix: string;
      readonly after: string;
      readonly limit: number;
    };

/** Why a request was not carried out; the code is the one that callers see. */
export interface Failure {
  readonly kind: "failed";
  readonly code: ErrorCode;
  readonly message: string;
}

/** This node does not lead the group (any more); whoever routes asks the leader. Never leaves the engine. */
export interface NotLeader {
  readonly kind: "not-leader";
  /** 0 when unknown. */
  readonly leader: NodeId | 0;
}

/** Messages of one grant with their body records, in the same order. */
export interface Granted {
  readonly kind: "granted";
  /** Without `entries` and `offsets` when it came from another node. */
  readonly grant: GrantedOutcome;
  /** Whole body records, checked; they share memory: read or copy, do not keep. */
  readonly records: readonly Uint8Array[];
}

export type EngineReply =
  | { readonly kind: "outcome"; readonly outcome: Exclude<Outcome, GrantedOutcome> }
  | Granted
  | { readonly kind: "described"; readonly view: QueueView | undefined }
  /** The queue's newest move tasks, newest first; undefined when there is no such queue. */
  | { readonly kind: "tasks"; readonly tasks: readonly MoveTaskView[] | undefined }
  | { readonly kind: "found"; readonly entry: CatalogueEntry | undefined }
  | { readonly kind: "listed"; readonly names: readonly string[] }
  | Failure
  | NotLeader;

/** A failure with the words that go with it. */
export function failure(code: ErrorCode, message: string): Failure {
  return { kind: "failed", code, message };
}
