/** One line of text for everything Raft says: scripts, logs and failure reports use the same words. */
import type { RaftMessage } from "./message.ts";
import type { Ready } from "./ready.ts";
import type { Entry, HardState, Identity, Member, Membership, RecordedMatch } from "./types.ts";

/** `3/7 commands 12 B`: term, index, kind, bytes. */
export function describeEntry(entry: Entry): string {
  const size = entry.data.length > 0 ? ` ${entry.data.length} B` : "";
  return `${entry.term}/${entry.index} ${entry.kind}${size}`;
}

/** `[2/5, 2/6, 3/7]`, abbreviated when long. */
export function describeEntries(entries: readonly Entry[]): string {
  const names = entries.map((entry) => `${entry.term}/${entry.index}`);
  if (names.length <= 6) return `[${names.join(", ")}]`;
  return `[${names.slice(0, 2).join(", ")}, … ${names.length} …, ${names.slice(-1).join("")}]`;
}

export function describeHardState(state: HardState): string {
  return `term ${state.term} vote ${state.vote} incarnation ${state.incarnation} commit ${state.commit}`;
}

/** `n3@1` voter, `n3@1 learner`, `n3@2 joining`. */
export function describeMember(member: Member): string {
  const role = member.role === "voter" ? "" : ` ${member.role}`;
  return `n${member.id}@${member.incarnation}${role}`;
}

/** `(n1@1, n2@1)`, and `leaving (…)` while joint. */
export function describeMembership(membership: Membership): string {
  const list = (members: readonly Member[]): string => members.map(describeMember).join(", ");
  const outgoing = membership.outgoing.length > 0 ? ` leaving (${list(membership.outgoing)})` : "";
  return `(${list(membership.members)})${outgoing}`;
}

export function describeRecord(record: RecordedMatch): string {
  return `n${record.node}@${record.incarnation} boot ${record.boot} match ${record.match}`;
}

function describeIdentity(identity: Identity): string {
  return identity.incarnation === 0 ? " probation" : "";
}

export function describeMessage(message: RaftMessage): string {
  const route = `n${message.from}->n${message.to} ${message.kind} term ${message.term}`;
  return `${route}${describeBody(message)}`;
}

function describeBody(message: RaftMessage): string {
  switch (message.kind) {
    case "pre-vote-request":
      return ` log ${message.lastTerm}/${message.lastIndex}`;
    case "vote-request": {
      const transfer = message.transfer ? " transfer" : "";
      return ` log ${message.lastTerm}/${message.lastIndex}${transfer}`;
    }
    case "pre-vote-response":
    case "vote-response":
      return `${message.granted ? " granted" : " refused"}${describeIdentity(message.identity)}`;
    case "append-request": {
      const { prevTerm, prevIndex, commit } = message;
      return ` after ${prevTerm}/${prevIndex} ${describeEntries(message.entries)} commit ${commit}`;
    }
    case "append-accepted":
      return ` match ${message.match}${describeIdentity(message.identity)}`;
    case "append-rejected": {
      const { rejected, hintTerm, hintIndex, identity } = message;
      return ` at ${rejected} hint ${hintTerm}/${hintIndex}${describeIdentity(identity)}`;
    }
    case "heartbeat":
      return ` commit ${message.commit}${message.round > 0 ? ` round ${message.round}` : ""}`;
    case "heartbeat-response": {
      const round = message.round > 0 ? ` round ${message.round}` : "";
      return `${round}${describeIdentity(message.identity)}`;
    }
    case "timeout-now":
      return "";
    case "readmit":
      return ` incarnation ${message.incarnation}`;
  }
}

/** A `Ready` in a line for each part that says something. */
export function describeReady(ready: Ready): string[] {
  const lines: string[] = [];
  if (ready.softState !== undefined) {
    const { role, leader, term } = ready.softState;
    lines.push(`${role} in term ${term}${leader === 0 ? "" : `, leader n${leader}`}`);
  }
  if (ready.hardState !== undefined) lines.push(`hard state ${describeHardState(ready.hardState)}`);
  if (ready.entries.length > 0) lines.push(`append ${describeEntries(ready.entries)}`);
  for (const message of ready.messages) lines.push(`send ${describeMessage(message)}`);
  if (ready.committed !== undefined) {
    const { from, upTo, entries } = ready.committed;
    const source = entries.length === 0 ? " from storage" : "";
    lines.push(`apply ${from === upTo ? `${from}` : `${from} to ${upTo}`}${source}`);
  }
  for (const read of ready.readStates) lines.push(`read ${read.context} at ${read.index}`);
  for (const request of ready.readEntries) {
    lines.push(`fetch ${request.from} to ${request.upTo} for n${request.to}`);
  }
  for (const request of ready.sendSnapshots) {
    lines.push(`send snapshot of ${request.indexMin} or later to n${request.to}`);
  }
  return lines;
}
