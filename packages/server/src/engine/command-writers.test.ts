import { expect, test } from "vitest";
import { CommandWriters } from "./command-writers.ts";

test("a large writer is used again once it was given back, and is empty then", () => {
  const writers = new CommandWriters();
  const [first, second] = [writers.take(100_000), writers.take(100_000)];
  expect(second).not.toBe(first);
  first.u32(7);
  writers.giveBack(first);
  expect(writers.take(200_000)).not.toBe(first);
  const again = writers.take(50_000);
  expect(again).toBe(first);
  expect(again.length).toBe(0);
  expect(writers.take(50_000)).not.toBe(first);
});

test("small writers and more than a few megabytes are not kept", () => {
  const writers = new CommandWriters();
  const small = writers.take(300);
  writers.giveBack(small);
  expect(writers.take(300)).not.toBe(small);
  const large = Array.from({ length: 5 }, () => writers.take(3_000_000));
  for (const each of large) writers.giveBack(each);
  const again = Array.from({ length: 5 }, () => writers.take(3_000_000));
  expect(again.filter((each) => large.includes(each))).toHaveLength(2);
});
