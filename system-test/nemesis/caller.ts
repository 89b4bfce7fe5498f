/**
 * One client program as the load sees it, whatever library it is built on. A call that fails leaves
 * open whether it took effect; it is not called again here, since only its library knows how.
 */

export interface Received {
  readonly body: string;
  readonly messageId: string;
  readonly receiptHandle: string;
  readonly receiveCount: number;
  /** Orders the grants of a message. */
  readonly fencingToken: number;
  /** From the call's beginning on, the lease lasts at least this long. */
  readonly leaseMs: number;
}

/** What became of a tombstone; unknown when the library cannot say whether it was effective. */
export type Outcome = "effective" | "gone" | "stale" | "unknown";

export interface Caller {
  readonly name: string;
  /** Answers message ids in the order of the bodies. */
  send(bodies: readonly string[]): Promise<readonly (string | undefined)[]>;
  receive(count: number, waitMs: number): Promise<readonly Received[]>;
  tombstone(messages: readonly Received[]): Promise<readonly Outcome[]>;
  release(messages: readonly Received[]): Promise<void>;
  close(): Promise<void>;
}

export interface CallerOptions {
  readonly name: string;
  readonly endpoints: readonly string[];
  readonly queue: string;
  /** The queue's. */
  readonly visibilityTimeoutMs: number;
}
