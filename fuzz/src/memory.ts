/** Whether memory grows with the number of inputs. What is held after garbage collection counts, nothing else. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Generous: caches fill up, and code is compiled. A leak of one byte in an input's every byte is more. */
const GROWTH_BYTES_MAX: number = 64 * 1_048_576;

const collect = findCollector();

/** Bytes that the program holds, on the heap and outside of it. */
export function heldBytes(): number {
  collect();
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** What is wrong with the growth from `before` to now, beyond `expected` bytes that the runner itself keeps. */
export function describeGrowth(before: number, expected: number): string | undefined {
  const grown = heldBytes() - before - expected;
  if (grown <= GROWTH_BYTES_MAX) return undefined;
  return `memory grew by ${Math.round(grown / 1_048_576)} MiB and stayed`;
}

function findCollector(): () => void {
  setFlagsFromString("--expose-gc");
  const found: unknown = runInNewContext("gc");
  if (typeof found !== "function") return () => undefined;
  return () => {
    found();
  };
}
