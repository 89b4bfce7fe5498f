import { expect, test } from "vitest";
import { HangUp } from "./call-signal.ts";

test("listeners are told of the end once, those that were taken away are not", () => {
  const hangUp = new HangUp();
  const told: string[] = [];
  const stays = (): void => {
    told.push("stays");
  };
  const goes = (): void => {
    told.push("goes");
  };
  hangUp.addEventListener("abort", stays);
  hangUp.addEventListener("abort", goes);
  hangUp.removeEventListener("abort", goes);
  hangUp.removeEventListener("abort", goes);
  expect(hangUp.aborted).toBe(false);
  hangUp.abort();
  hangUp.abort();
  expect(hangUp.aborted).toBe(true);
  expect(told).toEqual(["stays"]);
});

test("a listener may take itself away while it is told", () => {
  const hangUp = new HangUp();
  let told = 0;
  const once = (): void => {
    told += 1;
    hangUp.removeEventListener("abort", once);
  };
  hangUp.addEventListener("abort", once);
  hangUp.addEventListener("abort", () => {
    told += 1;
  });
  hangUp.abort();
  expect(told).toBe(2);
});
