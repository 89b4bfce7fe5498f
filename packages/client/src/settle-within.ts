/** A caller's own signal and time for something that goes on in a batch with others. */
import { KQueueyError } from "@kqueuey/contract";
import { cancelled } from "./caller.ts";
import type { Timers } from "./transport.ts";
import type { CallOptions } from "./types.ts";

/**
 * A promise of what `start` settles, or of CANCELLED or DEADLINE_EXCEEDED when the caller's signal or time ends
 * first: the batch goes on without the caller. `onGiveUp` is told then.
 */
export function settleWithin<T>(
  timers: Timers,
  options: CallOptions,
  start: (resolve: (value: T) => void, reject: (error: unknown) => void) => void,
  onGiveUp?: () => void,
): Promise<T> {
  const { signal, timeoutMs } = options;
  if (signal === undefined && timeoutMs === undefined) return new Promise(start);
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(cancelled(signal));
      return;
    }
    const giveUp = (error: KQueueyError): void => {
      cleanUp();
      onGiveUp?.();
      reject(error);
    };
    const onAbort = (): void => {
      if (signal !== undefined) giveUp(cancelled(signal));
    };
    const cancelTimer =
      timeoutMs === undefined
        ? undefined
        : timers.schedule(timeoutMs, () => {
            const details = { timeoutMs, mayHaveHappened: true };
            const message = `no answer within ${timeoutMs} ms`;
            giveUp(new KQueueyError("DEADLINE_EXCEEDED", message, { details }));
          });
    const cleanUp = (): void => {
      cancelTimer?.();
      signal?.removeEventListener("abort", onAbort);
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    start(
      (value) => {
        cleanUp();
        resolve(value);
      },
      (error) => {
        cleanUp();
        reject(error);
      },
    );
  });
}
