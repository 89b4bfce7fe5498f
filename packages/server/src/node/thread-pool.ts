/**
 * The threads on which Node does file work (libuv's pool): four unless the environment says otherwise,
 * shared with name look-ups and compression. The log must always find one free.
 */

const DEFAULT_THREADS = 4;
const WANTED_THREADS = 12;

/** Threads in the pool. */
export function threadPoolSize(): number {
  const size = Number(process.env["UV_THREADPOOL_SIZE"]);
  return Number.isInteger(size) && size > 0 ? Math.min(size, 1_024) : DEFAULT_THREADS;
}

/**
 * Makes the pool larger unless the operator chose its size. Only counts before the pool's first use:
 * `main` calls it first.
 */
export function enlargeThreadPool(): void {
  process.env["UV_THREADPOOL_SIZE"] ??= String(WANTED_THREADS);
}
