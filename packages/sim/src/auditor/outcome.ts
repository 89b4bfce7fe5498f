/** What the auditor says a command came to. */
import type { MessageId, Settled } from "../history/event.ts";
import type { Grant } from "./account.ts";

export type AuditedOutcome =
  | { readonly kind: "sent"; readonly messageIds: readonly MessageId[] }
  | { readonly kind: "granted"; readonly grants: readonly Grant[] }
  | { readonly kind: "settled"; readonly results: readonly Settled[] }
  | { readonly kind: "done"; readonly changed: boolean }
  | { readonly kind: "task"; readonly moved: number }
  | { readonly kind: "refused"; readonly reason: string };

export const done = (changed: boolean): AuditedOutcome => ({ kind: "done", changed });
export const refused = (reason: string): AuditedOutcome => ({ kind: "refused", reason });
