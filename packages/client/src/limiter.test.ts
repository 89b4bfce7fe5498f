import { expect, test } from "vitest";
import { Limiter } from "./limiter.ts";

test("turns are handed out up to the limit, then in order as they come back", () => {
  const limiter = new Limiter(2);
  const ran: number[] = [];
  for (let i = 0; i < 5; i++) limiter.acquire(() => ran.push(i));
  expect(ran).toEqual([0, 1]);
  limiter.release();
  expect(ran).toEqual([0, 1, 2]);
  limiter.release();
  limiter.release();
  expect(ran).toEqual([0, 1, 2, 3, 4]);
  limiter.release();
  limiter.release();
  expect(limiter.taken).toBe(0);
});

test("one that waits no more is passed over", () => {
  const limiter = new Limiter(1);
  const ran: string[] = [];
  limiter.acquire(() => ran.push("first"));
  const cancel = limiter.acquire(() => ran.push("cancelled"));
  limiter.acquire(() => ran.push("last"));
  cancel();
  limiter.release();
  expect(ran).toEqual(["first", "last"]);
  cancel();
  limiter.release();
  expect(limiter.taken).toBe(0);
});

test("many waiters are served in order, and past the bound refused", () => {
  const limiter = new Limiter(1);
  const served: number[] = [];
  limiter.acquire(() => {});
  for (let i = 0; i < 65_536; i++) limiter.acquire(() => served.push(i));
  expect(() => limiter.acquire(() => {})).toThrow("calls wait in this client already");
  for (let i = 0; i < 65_536; i++) limiter.release();
  expect(served.length).toBe(65_536);
  expect(served.every((value, place) => value === place)).toBe(true);
});
