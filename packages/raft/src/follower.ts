/**
 * What a follower does with its leader's messages (paper §5.3). Nothing here trusts the sender beyond
 * what a leader of this term can truthfully say; whatever contradicts the log's own invariants is dropped.
 */
import { type LogIndex, logIndex, must, type Term } from "@kqueuey/base";
import { decodeMembership } from "./confchange/codec.ts";
import type { AppendRequest, Heartbeat, Readmit } from "./message.ts";
import { sendWhenDurable } from "./role.ts";
import { type Core, noteLeaderAlive } from "./state.ts";
import type { Entry, MembershipAt } from "./types.ts";

export function takeAppend(core: Core, message: AppendRequest): void {
  noteLeaderAlive(core);
  if (core.installing !== undefined || !isWellFormed(message)) return;
  const { log } = core;
  const { prevIndex, entries } = message;
  // What lies before the base is committed, so the leader has it too.
  if (prevIndex >= log.baseIndex && !log.matches(prevIndex, message.prevTerm)) {
    if (prevIndex > core.commit) reject(core, message);
    return;
  }
  if (isOverloaded(core)) return;
  const last = prevIndex + entries.length;
  const first = firstNew(core, entries);
  if (first < entries.length && !takeEntries(core, entries, first)) return;
  if (last > log.lastIndex) return;
  core.verified = Math.max(core.verified, last);
  commitTo(core, message.commit);
  acknowledge(core, false);
}

export function takeHeartbeat(core: Core, message: Heartbeat): void {
  noteLeaderAlive(core);
  if (core.installing === undefined) commitTo(core, message.commit);
  sendWhenDurable(core, {
    kind: "heartbeat-response",
    from: core.config.id,
    to: message.from,
    term: core.term,
    round: message.round,
    identity: core.identity,
  });
}

/** The group admits this process under a new incarnation; it is on disk before anything is sent under it. */
export function takeReadmit(core: Core, message: Readmit): void {
  noteLeaderAlive(core);
  if (message.boot !== core.boot || message.incarnation <= core.incarnation) return;
  core.incarnation = message.incarnation;
  core.identity = { ...core.identity, incarnation: message.incarnation };
}

/** More of the log reached the disk: tells the leader, once for each write however many appends it held. */
export function acknowledgeDurable(core: Core): void {
  if (core.role.kind !== "follower" || core.leader === 0) return;
  const match = Math.min(core.verified, core.unstable.durableTo);
  if (match > core.acknowledged) acknowledge(core, true);
}

function acknowledge(core: Core, isNews: boolean): void {
  const match = Math.min(core.verified, core.unstable.durableTo);
  // While a write is under way the answer waits for it, unless older writes have brought news.
  if (match < core.verified && !isNews) return;
  core.acknowledged = match;
  if (core.leader === 0) return;
  sendWhenDurable(core, {
    kind: "append-accepted",
    from: core.config.id,
    to: core.leader,
    term: core.term,
    match: logIndex(match),
    identity: core.identity,
  });
}

function reject(core: Core, message: AppendRequest): void {
  const hint = core.log.lastWithTermAtMost(message.prevIndex, message.prevTerm);
  sendWhenDurable(core, {
    kind: "append-rejected",
    from: core.config.id,
    to: message.from,
    term: core.term,
    rejected: message.prevIndex,
    hintIndex: hint as LogIndex,
    hintTerm: (core.log.termAt(hint) ?? 0) as Term,
    identity: core.identity,
  });
}

/** Entries that this node has neither on disk nor applied: past the bound it lets the leader wait. */
function isOverloaded(core: Core): boolean {
  return core.log.tailBytes > core.config.backlogBytesMax;
}

/** Position in `entries` of the first that the log does not hold. */
function firstNew(core: Core, entries: readonly Entry[]): number {
  let at = 0;
  for (const entry of entries) {
    if (entry.index > core.log.baseIndex && !core.log.matches(entry.index, entry.term)) break;
    at += 1;
  }
  return at;
}

/** Appends `entries` from position `first` on, in place of what conflicts; false when that can't be right. */
function takeEntries(core: Core, entries: readonly Entry[], first: number): boolean {
  const { log, unstable, memberships } = core;
  const head = must(entries[first], "the first new entry");
  const from = head.index;
  if (from <= core.commit || from > log.lastIndex + 1) return false;
  if (head.term < must(log.termAt(from - 1), "the entry before")) return false;
  const found = readMemberships(entries, first);
  if (found === undefined) return false;
  if (from <= log.lastIndex) {
    log.truncateFrom(from);
    unstable.truncatedFrom(from);
    memberships.truncateFrom(from);
  }
  for (let at = first; at < entries.length; at++) {
    const entry = entries[at];
    if (entry !== undefined) log.append(entry);
  }
  for (const membership of found) memberships.push(membership);
  return true;
}

function readMemberships(entries: readonly Entry[], first: number): MembershipAt[] | undefined {
  const found: MembershipAt[] = [];
  for (let at = first; at < entries.length; at++) {
    const entry = entries[at];
    if (entry?.kind !== "membership") continue;
    const membership = decodeMembership(entry.data);
    if (membership === undefined) return undefined;
    found.push({ index: entry.index, membership });
  }
  return found;
}

/** Commits as far as the log is known to be the leader's: an old suffix may still differ from it. */
function commitTo(core: Core, index: number): void {
  const upTo = Math.min(index, core.verified);
  if (upTo > core.commit) core.commit = upTo;
}

/** Consecutive indexes, terms that never fall and are not from the future. */
function isWellFormed(message: AppendRequest): boolean {
  let index = message.prevIndex + 1;
  let term: number = message.prevTerm;
  for (const entry of message.entries) {
    if (entry.index !== index || entry.term < term || entry.term < 1) return false;
    index += 1;
    term = entry.term;
  }
  return term <= message.term;
}
