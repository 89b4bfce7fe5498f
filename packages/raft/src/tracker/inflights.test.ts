import { Prng } from "@kqueuey/base";
import { describe, expect, test } from "vitest";
import { Inflights } from "./inflights.ts";

describe("appends in flight", () => {
  test("agree with a plain list", () => {
    const random = new Prng(11);
    const inflights = new Inflights();
    let list: { last: number; bytes: number }[] = [];
    let next = 0;
    for (let step = 0; step < 5_000; step++) {
      if (random.chance(3, 5)) {
        next += random.between(1, 5);
        const bytes = random.between(1, 100);
        inflights.add(next, bytes);
        list.push({ last: next, bytes });
      } else {
        const index = random.between(Math.max(0, next - 40), next);
        inflights.acknowledge(index);
        list = list.filter(({ last }) => last > index);
      }
      expect(inflights.count).toBe(list.length);
      expect(inflights.bytes).toBe(list.reduce((sum, { bytes }) => sum + bytes, 0));
    }
  });
});
