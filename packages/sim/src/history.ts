/** What clients did and saw, for the checkers. Kept per message: every message's body is unique. */

/** One grant of a message as a client saw it. */
export interface DeliverySeen {
  readonly atMs: number;
  readonly sequence: number;
  readonly token: number;
  readonly receiveCount: number;
  /** Cluster time of the grant and of the lease's end. */
  readonly grantedAt: number;
  readonly deadline: number;
}

/** What is known of one message. */
export interface MessageHistory {
  readonly body: string;
  sendsAcknowledged: number;
  /** Sends whose answer was never seen. */
  sendsUnknown: number;
  readonly sequences: Set<number>;
  readonly deliveries: DeliverySeen[];
  /** Tokens whose tombstone was reported effective. */
  readonly tombstoned: number[];
  /**
   * Tokens given back, extended or of a tombstone whose answer was not seen: their lease's end is not the
   * deadline seen.
   */
  readonly changed: Set<number>;
}

export class History {
  readonly messages: Map<string, MessageHistory> = new Map();

  of(body: string): MessageHistory {
    let history = this.messages.get(body);
    if (history === undefined) {
      history = {
        body,
        sendsAcknowledged: 0,
        sendsUnknown: 0,
        sequences: new Set(),
        deliveries: [],
        tombstoned: [],
        changed: new Set(),
      };
      this.messages.set(body, history);
    }
    return history;
  }
}
