/** Waiting for what must become true, instead of for time to pass. */
import { setTimeout as pause } from "node:timers/promises";

const POLL_MS = 25;

export interface WaitOptions {
  /** Completes "waited for …" in the error; asked for then, if it is a function. */
  readonly what: string | (() => string);
  /** 30 s unless told. */
  readonly timeoutMs?: number;
}

/**
 * The first answer of `probe` that is neither undefined nor false. A probe that throws is asked again;
 * its last error is the cause of the failure.
 */
export async function until<T>(
  probe: () => Promise<T | undefined | false> | T | undefined | false,
  options: WaitOptions,
): Promise<T> {
  const timeoutMs = options.timeoutMs ?? 30_000;
  const deadlineMs = performance.now() + timeoutMs;
  let cause: unknown;
  for (;;) {
    try {
      const answer = await probe();
      if (answer !== undefined && answer !== false) return answer;
    } catch (error) {
      cause = error;
    }
    if (performance.now() > deadlineMs) {
      const what = typeof options.what === "string" ? options.what : options.what();
      throw new Error(`waited ${timeoutMs} ms for ${what}`, { cause });
    }
    await pause(POLL_MS);
  }
}
