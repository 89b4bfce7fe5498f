/**
 * Assertions that stay on in production. A failed one means that the program is wrong, not its input:
 * the replica stops rather than go on from a state nobody foresaw. Never catch one and carry on.
 */

/** Thrown when an assertion fails. `main` decides what to do with it; nothing else catches it. */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

/** Stops with `message` unless `condition` holds. Keep the message constant: it is on hot paths. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}

/** The value, which must be there: for look-ups whose success an invariant promises. */
export function must<T>(value: T | undefined | null, message: string): T {
  if (value === undefined || value === null) throw new AssertionError(message);
  return value;
}

/** The end of an exhaustive switch: a compile error when a case is missing. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable: ${String(value)}`);
}
