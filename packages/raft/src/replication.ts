/**
 * The leader's side of the log (paper §5.3): appending, sending to each follower as its progress allows,
 * and moving the commit index. Sending happens once for a batch of events, in `ready()`, so that
 * proposals of one turn share frames; the leader's own write runs at the same time.
 */
import { assert, logIndex, must, type Term, term } from "@kqueuey/base";
import { entryBytes } from "./log.ts";
import type { AppendAccepted, AppendRejected } from "./message.ts";
import type { EntriesRequest } from "./ready.ts";
import { send } from "./role.ts";
import type { Core, Leadership } from "./state.ts";
import {
  becomeProbe,
  becomeReplicate,
  becomeSnapshot,
  type Progress,
  type Replicate,
} from "./tracker/progress.ts";
import type { Entry, EntryKind } from "./types.ts";

/** Adds an entry of this leader's term to its log. */
export function appendOwn(
  core: Core,
  lead: Leadership,
  content: { readonly kind: EntryKind; readonly data: Uint8Array },
): Entry {
  const entry: Entry = {
    term: core.term,
    index: logIndex(core.log.lastIndex + 1),
    kind: content.kind,
    data: content.data,
  };
  core.log.append(entry);
  lead.uncommittedBytes += entryBytes(entry);
  lead.appendsDue = true;
  return entry;
}

/** Sends to every follower what its window has room for. */
export function sendAppends(core: Core, lead: Leadership): void {
  lead.appendsDue = false;
  for (const progress of lead.tracker.peers) sendTo(core, progress);
}

/**
 * Moves the commit index to what a quorum has on disk, if that entry is of this term: entries of older
 * terms are committed only along with it (paper §5.4.2, figure 8). True when it moved.
 */
export function advanceCommit(core: Core, lead: Leadership): boolean {
  const index = lead.tracker.quorumIndex();
  if (index <= core.commit || core.log.termAt(index) !== core.term) return false;
  for (let at = Math.max(core.commit + 1, lead.firstIndex); at <= index; at++) {
    lead.uncommittedBytes -= entryBytes(core.log.entry(at));
  }
  core.commit = index;
  return true;
}

/** A follower has everything up to `match`. True when that was news. */
export function takeAccepted(
  lead: Leadership,
  progress: Progress,
  message: AppendAccepted,
): boolean {
  const { match } = message;
  const grew = match > progress.match;
  progress.match = Math.max(progress.match, match);
  progress.next = Math.max(progress.next, progress.match + 1);
  const { state } = progress;
  switch (state.kind) {
    case "probe":
      becomeReplicate(progress);
      break;
    case "replicate":
      state.inflights.acknowledge(match);
      break;
    case "snapshot":
      // It has what the snapshot would bring, from wherever.
      if (match >= state.indexMin) becomeReplicate(progress);
      break;
  }
  lead.appendsDue = true;
  return grew;
}

/** A follower's log does not hold what an append built on. */
export function takeRejected(
  core: Core,
  context: { readonly lead: Leadership; readonly progress: Progress },
  message: AppendRejected,
): void {
  const { lead, progress } = context;
  const { state } = progress;
  if (message.rejected <= progress.match) return; // Older than an acknowledgement: out of order.
  switch (state.kind) {
    case "snapshot":
      return;
    case "probe":
      if (message.rejected !== progress.next - 1) return; // Not the append that is out.
      break;
    case "replicate":
      if (message.rejected >= progress.next) return;
      break;
  }
  const parting = core.log.lastWithTermAtMost(message.hintIndex, message.hintTerm);
  becomeProbe(progress, Math.min(parting, message.rejected - 1) + 1);
  lead.appendsDue = true;
}

/** A sign of life: whatever was sent before it has arrived or never will. */
export function takeSignOfLife(core: Core, lead: Leadership, progress: Progress): void {
  const { state } = progress;
  if (state.kind === "probe") {
    if (state.paused) {
      state.paused = false;
      lead.appendsDue = true;
    }
    return;
  }
  if (state.kind !== "replicate") return;
  const isWaiting = state.inflights.count > 0;
  if (isWaiting && state.waitingAt === progress.match) {
    // Nothing moved since the last sign: an empty append right after the last entry tells a loss, which
    // the follower rejects, from a slow disk, which it accepts.
    sendEmpty(core, progress);
  }
  state.waitingAt = isWaiting ? progress.match : undefined;
}

/** Storage answered a read for a follower. */
export function takeEntriesRead(
  core: Core,
  context: { readonly lead: Leadership; readonly request: EntriesRequest },
  result: readonly Entry[] | "compacted",
): void {
  const { lead, request } = context;
  const progress = lead.tracker.get(request.to);
  if (progress === undefined || !progress.reading) return;
  progress.reading = false;
  lead.appendsDue = true;
  const { state } = progress;
  if (state.kind !== "replicate" || progress.next !== request.from) return;
  if (result === "compacted" || core.log.termAt(request.from - 1) === undefined) {
    requestSnapshot(core, progress);
    return;
  }
  assert(result.length > 0, "a read for a follower gave nothing");
  sendFrames(core, { progress, state }, result);
}

/** A snapshot transfer ended; `index` is what the follower installed, undefined when it failed. */
export function takeSnapshotSent(
  lead: Leadership,
  progress: Progress,
  index: number | undefined,
): void {
  if (progress.state.kind !== "snapshot") return;
  const next = index === undefined ? progress.match + 1 : index + 1;
  becomeProbe(progress, next);
  // After a failure the next try waits for a sign of life.
  if (index === undefined) progress.state = { kind: "probe", paused: true };
  lead.appendsDue = true;
}

function sendTo(core: Core, progress: Progress): void {
  const { state } = progress;
  if (state.kind === "snapshot") return;
  if (state.kind === "probe" && state.paused) return;
  if (core.log.termAt(progress.next - 1) === undefined) {
    requestSnapshot(core, progress);
    return;
  }
  if (state.kind === "probe") {
    sendProbe(core, progress);
    state.paused = true;
    return;
  }
  while (progress.next <= core.log.lastIndex && hasRoom(core, progress, state)) {
    if (progress.next < core.log.tailFirst) {
      requestEntries(core, progress, state);
      return;
    }
    sendFrame(core, progress, state);
  }
}

/** One append that asks whether the logs agree; it carries entries if they are at hand. */
function sendProbe(core: Core, progress: Progress): void {
  const { log, config } = core;
  if (progress.next > log.lastIndex || progress.next < log.tailFirst) {
    sendEmpty(core, progress);
    return;
  }
  sendAppend(core, progress, log.slice(progress.next, log.lastIndex, config.frameBytesMax));
}

function sendFrame(core: Core, progress: Progress, state: Replicate): void {
  const { log, config } = core;
  const upTo = Math.min(log.lastIndex, progress.match + config.windowEntriesMax);
  const entries = log.slice(progress.next, upTo, config.frameBytesMax);
  sendAppend(core, progress, entries);
  noteSent(progress, state, entries);
}

/** Sends entries that came from storage, in frames. */
function sendFrames(
  core: Core,
  to: { readonly progress: Progress; readonly state: Replicate },
  entries: readonly Entry[],
): void {
  let frame: Entry[] = [];
  let bytes = 0;
  const flush = (): void => {
    sendAppend(core, to.progress, frame);
    noteSent(to.progress, to.state, frame);
    frame = [];
    bytes = 0;
  };
  for (const entry of entries) {
    assert(entry.index === to.progress.next + frame.length, "a read for a follower has a gap");
    if (frame.length > 0 && bytes + entryBytes(entry) > core.config.frameBytesMax) flush();
    frame.push(entry);
    bytes += entryBytes(entry);
  }
  if (frame.length > 0) flush();
}

function noteSent(progress: Progress, state: Replicate, entries: readonly Entry[]): void {
  let bytes = 0;
  for (const entry of entries) bytes += entryBytes(entry);
  const last = must(entries.at(-1), "a frame holds entries").index;
  state.inflights.add(last, bytes);
  progress.next = last + 1;
}

function sendEmpty(core: Core, progress: Progress): void {
  if (core.log.termAt(progress.next - 1) !== undefined) sendAppend(core, progress, NO_ENTRIES);
}

const NO_ENTRIES: readonly Entry[] = [];

function sendAppend(core: Core, progress: Progress, entries: readonly Entry[]): void {
  const prevIndex = progress.next - 1;
  send(core, {
    kind: "append-request",
    from: core.config.id,
    to: progress.id,
    term: core.term,
    prevIndex: logIndex(prevIndex),
    prevTerm: termOf(core, prevIndex),
    entries,
    commit: logIndex(core.commit),
  });
}

function termOf(core: Core, index: number): Term {
  return term(must(core.log.termAt(index), "an append builds on an entry of the log"));
}

function hasRoom(core: Core, progress: Progress, state: Replicate): boolean {
  const { windowBytesMax, windowEntriesMax } = core.config;
  if (state.inflights.bytes >= windowBytesMax) return false;
  return progress.next - 1 - progress.match < windowEntriesMax;
}

function requestEntries(core: Core, progress: Progress, state: Replicate): void {
  if (progress.reading) return;
  progress.reading = true;
  const { config, log } = core;
  const upTo = Math.min(log.tailFirst - 1, progress.match + config.windowEntriesMax);
  core.outbox.readEntries.push({
    to: progress.id,
    term: core.term,
    from: logIndex(progress.next),
    upTo: logIndex(upTo),
    bytesMax: Math.min(config.readBytesMax, config.windowBytesMax - state.inflights.bytes),
  });
}

/** The log no longer reaches back far enough. Only a node that answers is worth a snapshot. */
function requestSnapshot(core: Core, progress: Progress): void {
  const heardLately = core.nowMs - progress.heardMs < core.config.electionTimeoutMaxMs;
  if (progress.boot === 0 || !heardLately) {
    progress.state = { kind: "probe", paused: true };
    return;
  }
  const indexMin = core.log.baseIndex;
  becomeSnapshot(progress, indexMin);
  core.outbox.sendSnapshots.push({ to: progress.id, indexMin: logIndex(indexMin) });
}
