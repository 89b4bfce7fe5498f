/**
 * A failing input made smaller while it keeps failing: pieces are cut out, large ones first, then what is left
 * is made plain byte by byte.
 */

/** How often the failing code may be run. */
const ATTEMPTS_MAX = 3_000;

/** `fails` says whether an input still fails in the same way. */
export async function minimise(
  input: Uint8Array,
  fails: (input: Uint8Array) => Promise<boolean>,
): Promise<Uint8Array> {
  let best = input;
  let attempts = 0;
  const take = async (candidate: Uint8Array): Promise<boolean> => {
    attempts += 1;
    if (attempts > ATTEMPTS_MAX || !(await fails(candidate))) return false;
    best = candidate;
    return true;
  };
  for (let size = Math.ceil(best.length / 2); size >= 1; size = Math.floor(size / 2)) {
    let at = 0;
    while (at < best.length && attempts <= ATTEMPTS_MAX) {
      const shorter = new Uint8Array(best.length - Math.min(size, best.length - at));
      shorter.set(best.subarray(0, at));
      shorter.set(best.subarray(at + size), at);
      if (!(await take(shorter))) at += size;
    }
  }
  for (let at = 0; at < best.length && attempts <= ATTEMPTS_MAX; at++) {
    if (best[at] === 0) continue;
    const plainer = best.slice();
    plainer[at] = 0;
    await take(plainer);
  }
  return best;
}
