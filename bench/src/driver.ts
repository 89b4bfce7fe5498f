/**
 * What a load process needs of a queue system's client: the least that every workload can be written
 * with. A driver is tuned as a careful user of that system would, and its file says how.
 */

/** Messages handed out together. */
export interface Batch {
  readonly bodies: readonly Uint8Array[];
  /** Tells the server that they are done; resolves once the client counts them as acknowledged. */
  acknowledge(): Promise<void>;
}

export interface Driver {
  /** Creates the queue, replicated and durable as the variant says, and makes ready to send and receive. */
  open(queue: string): Promise<void>;
  /** Resolves when the server confirmed every body. */
  send(bodies: readonly Uint8Array[]): Promise<void>;
  /** At most `max` messages, or none after about `waitMs`. */
  receive(max: number, waitMs: number): Promise<Batch>;
  /** Waiting messages, by the server's account. */
  depth(): Promise<number>;
  close(): Promise<void>;
}

/** Nothing came in time. */
export const NO_MESSAGES: Batch = { bodies: [], acknowledge: () => Promise.resolve() };
