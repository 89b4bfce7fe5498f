/**
 * The promises about single messages, each checked on its own history in linear time. Runs after the
 * cluster was drained: by then whatever was not tombstoned has been delivered once more.
 */
import type { History, MessageHistory } from "../history.ts";

/** A promise that did not hold, in words. */
export interface Violation {
  readonly promise: string;
  readonly what: string;
}

/** All violations; empty when every promise held. */
export function checkDelivery(history: History): Violation[] {
  const violations: Violation[] = [];
  for (const message of history.messages.values()) {
    for (const check of CHECKS) {
      const what = check.find(message);
      if (what !== undefined) {
        violations.push({ promise: check.promise, what: `${message.body}: ${what}` });
      }
    }
  }
  return violations;
}

interface Check {
  readonly promise: string;
  /** What is wrong with the message's history, if anything. */
  find(message: MessageHistory): string | undefined;
}

const CHECKS: readonly Check[] = [
  {
    promise: "an acknowledged send is never lost",
    find: (message) => {
      if (message.sendsAcknowledged === 0) return undefined;
      const seen = message.tombstoned.length > 0 || message.deliveries.length > 0;
      return seen ? undefined : "acknowledged, never delivered, not tombstoned";
    },
  },
  {
    promise: "nothing is delivered that nobody sent",
    find: (message) =>
      message.deliveries.length > 0 && message.sendsAcknowledged + message.sendsUnknown === 0
        ? "delivered without having been sent"
        : undefined,
  },
  {
    promise: "a send is stored once, however often it is retried",
    find: (message) =>
      message.sequences.size > 1
        ? `stored under sequences ${[...message.sequences].join(", ")}`
        : undefined,
  },
  {
    promise: "a tombstone reported effective is final",
    find: (message) => {
      for (const token of message.tombstoned) {
        const later = message.deliveries.find((delivery) => delivery.token > token);
        if (later !== undefined)
          return `tombstoned under ${token}, granted again as ${later.token}`;
      }
      return undefined;
    },
  },
  {
    promise: "no two leases of a message at a time",
    find: (message) => {
      const grants = [...message.deliveries].sort((a, b) => a.token - b.token);
      for (let i = 1; i < grants.length; i++) {
        const [before, after] = [grants[i - 1], grants[i]];
        if (before === undefined || after === undefined || before.token === after.token) continue;
        if (message.changed.has(before.token) || after.grantedAt >= before.deadline) continue;
        return `lease ${before.token} until ${before.deadline}, lease ${after.token} at ${after.grantedAt}`;
      }
      return undefined;
    },
  },
  {
    promise: "the receive count is the number of grants",
    find: (message) => {
      const grants = [...message.deliveries].sort((a, b) => a.token - b.token);
      let count = 0;
      let token = -1;
      for (const grant of grants) {
        if (grant.token === token) continue;
        if (grant.receiveCount <= count) return `grant ${grant.token} counts ${grant.receiveCount}`;
        count = grant.receiveCount;
        token = grant.token;
      }
      return undefined;
    },
  },
];
