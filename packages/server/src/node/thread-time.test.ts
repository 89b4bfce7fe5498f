import { expect, test } from "vitest";
import { threadTime } from "./thread-time.ts";

test.each([
  ["by the kernel's account of the thread", undefined],
  ["of the process, where there is no such account", "/no/such/file"],
])("processor time grows with work: %s", (_, file) => {
  const time = threadTime(file);
  const before = time();
  let sum = 0;
  do for (let i = 0; i < 10_000; i++) sum += i;
  while (time() === before);
  expect(sum).toBeGreaterThan(0);
  expect(time()).toBeGreaterThan(before);
});
