/**
 * Each attribute of a queue is a register. Where every value is written once, reads tell which write they saw,
 * and a history is linearizable exactly if its zones do not conflict (Gibbons and Korach, "Testing Shared
 * Memories", 1997): of a write and its reads, from the first end to the last beginning.
 */
import type { AttributeValues } from "../history/event.ts";
import type { History } from "../history/history.ts";
import type { HistoryJudge } from "./history-checker.ts";

interface Zone {
  readonly value: number;
  /** Of the write. */
  writtenFrom: number;
  /** The earliest end and the latest beginning of the write and its reads. */
  firstEnd: number;
  lastBegin: number;
  isRead: boolean;
  /** Whether the write certainly took effect. */
  isCertain: boolean;
}

interface Register {
  readonly zones: Map<number, Zone>;
  isAmbiguous: boolean;
  complaint: string | undefined;
}

export const attributeLinearizability: HistoryJudge = {
  name: "attribute-linearizability",
  promise: "reads of attributes are linearizable",
  judge: (history, broken) => {
    for (const [name, register] of registersOf(history)) {
      if (register.isAmbiguous) continue;
      const what = register.complaint ?? conflictOf([...register.zones.values()]);
      if (what !== undefined) broken(`${name}: ${what}`);
    }
  },
};

function registersOf(history: History): Map<string, Register> {
  const registers = new Map<string, Register>();
  const of = (queue: string, attribute: string): Register => {
    const name = `${queue}.${attribute}`;
    let register = registers.get(name);
    if (register === undefined) {
      register = { zones: new Map(), isAmbiguous: false, complaint: undefined };
      registers.set(name, register);
    }
    return register;
  };
  const calls = history.calls();
  for (const { invoked, answered } of calls) {
    const { operation } = invoked;
    if (operation.kind !== "set" && operation.kind !== "create") continue;
    if (answered?.answer.kind === "refused" || invoked.repeats !== undefined) continue;
    const certain = answered?.answer.kind === "done";
    const end = certain ? answered.atMs : Number.POSITIVE_INFINITY;
    // A queue is made in several steps: the first takes effect, or the last.
    const write = { begin: invoked.atMs, end, certain, again: operation.kind === "create" };
    for (const [attribute, value] of numbersOf(operation.attributes)) {
      noteWrite(of(operation.queue, attribute), value, write);
    }
  }
  for (const { invoked, answered } of calls) {
    const { operation } = invoked;
    if (operation.kind !== "describe" || answered?.answer.kind !== "described") continue;
    for (const [attribute, value] of numbersOf(answered.answer.attributes)) {
      noteRead(of(operation.queue, attribute), value, { begin: invoked.atMs, end: answered.atMs });
    }
  }
  return registers;
}

function numbersOf(values: AttributeValues): [string, number][] {
  return Object.entries(values);
}

function noteWrite(
  register: Register,
  value: number,
  write: { begin: number; end: number; certain: boolean; again: boolean },
): void {
  const known = register.zones.get(value);
  if (known !== undefined) {
    // One queue is created by several calls with the same values; anything else can't be told apart.
    if (!write.again) register.isAmbiguous = true;
    known.writtenFrom = Math.min(known.writtenFrom, write.begin);
    return;
  }
  register.zones.set(value, {
    value,
    writtenFrom: write.begin,
    firstEnd: write.end,
    lastBegin: write.begin,
    isRead: false,
    isCertain: write.certain,
  });
}

function noteRead(register: Register, value: number, read: { begin: number; end: number }): void {
  const zone = register.zones.get(value);
  if (zone === undefined) {
    // Who never wrote an attribute can't know what it is.
    if (register.zones.size === 0) return;
    register.complaint ??= `${value} was read at ${read.begin}, never written`;
    return;
  }
  if (read.end < zone.writtenFrom) {
    register.complaint ??= `${value} was read by ${read.end}, written from ${zone.writtenFrom}`;
  }
  zone.isRead = true;
  zone.firstEnd = Math.min(zone.firstEnd, read.end);
  zone.lastBegin = Math.max(zone.lastBegin, read.begin);
}

/** Zones that go forward must not overlap, and none that goes backward may lie within one of them. */
function conflictOf(zones: readonly Zone[]): string | undefined {
  const placed = zones.filter((zone) => zone.isCertain || zone.isRead);
  const forward = placed
    .filter((zone) => zone.firstEnd < zone.lastBegin)
    .sort((a, b) => a.firstEnd - b.firstEnd);
  for (let i = 1; i < forward.length; i++) {
    const [before, after] = [forward[i - 1], forward[i]];
    if (before === undefined || after === undefined || after.firstEnd >= before.lastBegin) continue;
    return `${before.value} was the value until ${before.lastBegin}, ${after.value} from ${after.firstEnd}`;
  }
  const backward = placed
    .filter((zone) => zone.firstEnd >= zone.lastBegin)
    .sort((a, b) => a.lastBegin - b.lastBegin);
  let at = -1;
  for (const zone of backward) {
    // Forward zones do not overlap here: only the last that begins before this one can contain it.
    while ((forward[at + 1]?.firstEnd ?? Number.POSITIVE_INFINITY) < zone.lastBegin) at += 1;
    const around = forward[at];
    if (around === undefined || zone.firstEnd >= around.lastBegin) continue;
    return `${zone.value} was written and overwritten while ${around.value} was the value`;
  }
  return undefined;
}
