/**
 * Delta debugging: the fewest of a list's items with which a failure still comes (A. Zeller and
 * R. Hildebrandt, "Simplifying and isolating failure-inducing input", 2002, figure 5).
 */

/** Which of the candidates is the first that still fails; undefined: none, or there is no time left to say. */
export type FirstFailing<T> = (candidates: readonly T[]) => Promise<number | undefined>;

/** `items` fails; what comes back fails too, and without any one more of its items it does not. */
export async function minimise<T>(
  items: readonly T[],
  firstFailing: FirstFailing<readonly T[]>,
): Promise<readonly T[]> {
  if (items.length === 0) return items;
  if ((await firstFailing([[]])) !== undefined) return [];
  let best = items;
  let parts = Math.min(2, best.length);
  while (best.length > 1) {
    const chunks = split(best, parts);
    const rests = parts === 2 ? [] : chunks.map((chunk) => without(best, chunk));
    const candidates = [...chunks, ...rests];
    const at = await firstFailing(candidates);
    const found = at === undefined ? undefined : candidates[at];
    if (at !== undefined && found !== undefined) {
      best = found;
      parts = at < chunks.length ? 2 : Math.max(2, parts - 1);
    } else if (parts < best.length) {
      parts = Math.min(best.length, 2 * parts);
    } else {
      break;
    }
  }
  return best;
}

/** `parts` pieces of nearly equal length, in order, none of them empty. */
function split<T>(items: readonly T[], parts: number): (readonly T[])[] {
  return Array.from({ length: parts }, (_, i) =>
    items.slice(
      Math.floor((i * items.length) / parts),
      Math.floor(((i + 1) * items.length) / parts),
    ),
  );
}

function without<T>(items: readonly T[], left: readonly T[]): readonly T[] {
  const gone = new Set(left);
  return items.filter((item) => !gone.has(item));
}
