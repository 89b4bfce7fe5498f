/**
 * Majorities: pure arithmetic over a set of voters. The set may be empty, which agrees to everything;
 * that makes joint consensus the minimum of two of these.
 */
import type { Member } from "../types.ts";

/** What a vote stands at. */
export type VoteResult = "won" | "lost" | "pending";

/** How many of `count` voters are a majority. */
export function majoritySize(count: number): number {
  return Math.floor(count / 2) + 1;
}

/**
 * The highest index that a majority of `voters` has. Infinity when there are none. Quadratic in the
 * number of voters, which is at most a handful, and allocates nothing.
 */
export function majorityIndex(
  voters: readonly Member[],
  matchOf: (member: Member) => number,
): number {
  if (voters.length === 0) return Number.POSITIVE_INFINITY;
  const needed = majoritySize(voters.length);
  let best = 0;
  for (const voter of voters) {
    const candidate = matchOf(voter);
    if (candidate <= best) continue;
    let have = 0;
    for (const other of voters) if (matchOf(other) >= candidate) have += 1;
    if (have >= needed) best = candidate;
  }
  return best;
}

/** True when a majority of `voters` satisfies `test`; always for none. */
export function majorityHolds(
  voters: readonly Member[],
  test: (member: Member) => boolean,
): boolean {
  if (voters.length === 0) return true;
  let have = 0;
  for (const voter of voters) if (test(voter)) have += 1;
  return have >= majoritySize(voters.length);
}

/** The state of a vote, given each voter's answer so far (undefined: none). */
export function majorityVote(
  voters: readonly Member[],
  voteOf: (member: Member) => boolean | undefined,
): VoteResult {
  if (voters.length === 0) return "won";
  let granted = 0;
  let missing = 0;
  for (const voter of voters) {
    const vote = voteOf(voter);
    if (vote === undefined) missing += 1;
    else if (vote) granted += 1;
  }
  const needed = majoritySize(voters.length);
  if (granted >= needed) return "won";
  return granted + missing >= needed ? "pending" : "lost";
}

/** A picture of the voters' matches, longest bar first, the majority's index marked. */
export function drawMajority(
  voters: readonly Member[],
  matchOf: (member: Member) => number,
): string {
  if (voters.length === 0) return "(no voters: everything is agreed)";
  const agreed = majorityIndex(voters, matchOf);
  const sorted = [...voters].sort((a, b) => matchOf(b) - matchOf(a) || a.id - b.id);
  const top = Math.max(1, ...sorted.map(matchOf));
  return sorted
    .map((voter) => {
      const match = matchOf(voter);
      const bar = "x".repeat(Math.round((match / top) * 20)).padEnd(20, " ");
      return `n${voter.id} |${bar}| ${match}${match === agreed ? " <- agreed" : ""}`;
    })
    .join("\n");
}
