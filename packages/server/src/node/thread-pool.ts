/**
 * The threads on which Node does file work (libuv's pool): four unless the environment says otherwise,
 * shared with name look-ups and compression. The log must always find one free.
 */

const DEFAULT_THREADS = 4;

/** Threads in the pool. */
export function threadPoolSize(): number {
  const size = Number(process.env["UV_THREADPOOL_SIZE"]);
  return Number.isInteger(size) && size > 0 ? Math.min(size, 1_024) : DEFAULT_THREADS;
}
