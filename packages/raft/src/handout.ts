/** Turning what accumulated in the state into the parts of one `Ready`. */
import { logIndex } from "@kqueuey/base";
import type { CommittedRange, Ready } from "./ready.ts";
import { type Core, hardStateOf } from "./state.ts";
import type { Entry } from "./types.ts";
import { sameHardState } from "./unstable.ts";

const NO_ENTRIES: readonly Entry[] = [];
const NOTHING_TO_WRITE = { writeId: undefined, hardState: undefined, entries: NO_ENTRIES } as const;

export function mustWrite(core: Core): boolean {
  return (
    hasEntriesToWrite(core) || !sameHardState(hardStateOf(core), core.unstable.handedHardState)
  );
}

/** The next write, if there is anything to write. */
export function takeWrite(core: Core): Pick<Ready, "writeId" | "hardState" | "entries"> {
  if (!mustWrite(core)) return NOTHING_TO_WRITE;
  const { unstable, log } = core;
  const entries = hasEntriesToWrite(core)
    ? log.slice(unstable.handedTo + 1, log.lastIndex, Number.POSITIVE_INFINITY)
    : NO_ENTRIES;
  const current = hardStateOf(core);
  const before = unstable.handedHardState;
  // The commit hint rides along with writes that happen anyway.
  const hasNews = !sameHardState(current, before) || current.commit > before.commit;
  const hardState = hasNews ? current : undefined;
  const upTo = unstable.handedTo + entries.length;
  const writeId = unstable.handOut(upTo, hardState ?? before, core.nowMs);
  return { writeId, hardState, entries };
}

export function mayApply(core: Core): boolean {
  return core.installing === undefined && core.handedToApply < core.commit;
}

/** The next committed range, if there is one: from memory, or for the driver to read. */
export function takeCommitted(core: Core): CommittedRange | undefined {
  if (!mayApply(core)) return undefined;
  const { log, config } = core;
  const from = logIndex(core.handedToApply + 1);
  if (from < log.tailFirst) {
    const upTo = logIndex(Math.min(core.commit, log.tailFirst - 1));
    core.handedToApply = upTo;
    return { from, upTo, entries: NO_ENTRIES };
  }
  const entries = log.slice(from, core.commit, config.applyBytesMax);
  const upTo = logIndex(from + entries.length - 1);
  core.handedToApply = upTo;
  return { from, upTo, entries };
}

/** Keeps in memory what is not durable or not applied yet, and a bounded rest. */
export function trimLog(core: Core): void {
  core.log.trim(Math.min(core.unstable.durableTo, core.applied), core.config.tailBytesMax);
}

/** While a snapshot is being installed the log is about to be replaced: nothing is added to it. */
function hasEntriesToWrite(core: Core): boolean {
  return core.installing === undefined && core.unstable.handedTo < core.log.lastIndex;
}
