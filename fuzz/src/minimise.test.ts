import { Prng } from "@kqueuey/base";
import { describe, expect, test } from "vitest";
import { minimise } from "./minimise.ts";
import { Mutator, replaced, varintBytes } from "./mutate.ts";

describe("a failing input", () => {
  test("loses everything that it does not need to fail", async () => {
    const input = Uint8Array.from({ length: 500 }, (_, i) => i % 251);
    const fails = async (bytes: Uint8Array): Promise<boolean> =>
      bytes.includes(7) && bytes.includes(200);
    expect(await minimise(input, fails)).toEqual(Uint8Array.of(7, 200));
  });

  test("stays as it is when every byte counts", async () => {
    const input = Uint8Array.of(1, 2, 3);
    const fails = async (bytes: Uint8Array): Promise<boolean> => bytes.join() === "1,2,3";
    expect(await minimise(input, fails)).toEqual(input);
  });
});

describe("mutations", () => {
  test("are the same for the same seed, and leave the input alone", () => {
    const input = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
    const run = (): string[] => {
      const mutator = new Mutator(new Prng(5), () => [input, Uint8Array.of(9, 9)]);
      return Array.from({ length: 300 }, () => mutator.bytes(input).join());
    };
    expect(run()).toEqual(run());
    expect(new Set(run()).size).toBeGreaterThan(200);
    expect(input.join()).toBe("1,2,3,4,5,6,7,8");
  });

  test("replace, insert and cut", () => {
    const bytes = Uint8Array.of(1, 2, 3);
    expect(replaced(bytes, 1, 1, Uint8Array.of(8, 9)).join()).toBe("1,8,9,3");
    expect(replaced(bytes, 3, 0, Uint8Array.of(4)).join()).toBe("1,2,3,4");
    expect(varintBytes(300).join()).toBe("172,2");
  });
});
