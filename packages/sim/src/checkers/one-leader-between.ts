/** For bounds on what a leader must have noticed: whether there was one and the same all the time. */
import type { Auditor } from "../auditor/auditor.ts";

/** Whether the entry that told the time before `from` and the first at `to` or later are of one term. */
export function oneLeaderBetween(auditor: Auditor, from: number, to: number): boolean {
  // Entries without a time, such as those that open a term, keep that of the one before them.
  const told = auditor.at(lastBefore(auditor, from))?.now ?? 0;
  const before = auditor.at(lastBefore(auditor, told) + 1);
  const after = auditor.at(lastBefore(auditor, to) + 1);
  return before !== undefined && after !== undefined && before.term === after.term;
}

/** The last index whose cluster time is before `time`; they never go back. */
function lastBefore(auditor: Auditor, time: number): number {
  let [low, high] = [0, auditor.index];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((auditor.at(middle)?.now ?? 0) < time) low = middle;
    else high = middle - 1;
  }
  return low;
}
