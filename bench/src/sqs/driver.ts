/** What the SQS workload calls: the four actions of a busy program, ten messages a batch. */

export const BATCH = 10;

export interface SqsDriver {
  send(body: string): Promise<void>;
  sendBatch(bodies: readonly string[]): Promise<void>;
  /** Up to ten messages: their receipt handles. */
  receive(): Promise<readonly string[]>;
  deleteBatch(handles: readonly string[]): Promise<void>;
  close(): void;
}
