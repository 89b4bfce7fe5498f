/**
 * A trace for people: virtual time in seconds, the node, what happened. Strikes, what became of them, and
 * broken promises have a mark at the edge.
 */
import type { Strike } from "../nemesis/strike.ts";

/** How a checker's finding is written into a trace, and found again. */
export const BROKEN: string = "broken: ";
/** How the nemesis writes into a trace that it strikes. */
export const STRIKE: string = "strike ";

const LINE = /^(\d+(?:\.\d+)?) (\S+) (.*)$/s;
const WIDTH_MAX = 200;

/** One line for each of the trace's. */
export function renderTimeline(trace: readonly string[]): string[] {
  return trace.map(renderLine);
}

/** The lines up to the first broken promise, or up to the end when nothing in the trace says which it was. */
export function untilBroken(trace: readonly string[], linesMax: number): readonly string[] {
  const at = trace.findIndex((line) => line.includes(` ${BROKEN}`));
  const end = at < 0 ? trace.length : at + 1;
  return trace.slice(Math.max(0, end - linesMax), end);
}

function renderLine(line: string): string {
  const [, ms, node, what] = LINE.exec(line) ?? [];
  if (ms === undefined || node === undefined || what === undefined) return `   ${line}`;
  const seconds = (Number(ms) / 1_000).toFixed(3).padStart(9);
  const who = node === "-" ? "      " : `node ${node}`;
  return `${markOf(what)} ${seconds} s  ${who}  ${shortened(what)}`;
}

function markOf(what: string): string {
  if (what.startsWith(BROKEN)) return "!!";
  if (what.startsWith(STRIKE)) return ">>";
  return "  ";
}

function shortened(text: string): string {
  return text.length <= WIDTH_MAX ? text : `${text.slice(0, WIDTH_MAX)} …`;
}

/** A strike in one line: when, what, and its parameters by name. */
export function describeStrike(strike: Strike): string {
  const { kind, atMs, ...parameters } = strike;
  const words = Object.entries(parameters).map(([key, value]) => `${key} ${JSON.stringify(value)}`);
  return `at ${(atMs / 1_000).toFixed(3)} s ${kind}: ${words.join(", ")}`;
}
