import { KQueueyError } from "@kqueuey/contract";
import { describe, expect, test } from "vitest";
import { parseAccessKeys, readAccessKeys } from "./access-keys.ts";
import { loadConfig } from "./load.ts";
import { printConfig } from "./print.ts";

describe("access keys", () => {
  test("are one a line; a secret of digits is a text", () => {
    const parsed = parseAccessKeys("# ours\nAKIDEXAMPLE: wJal/K7+bPx\nAKID2: 007\n");
    expect(parsed).toEqual({
      ok: true,
      value: new Map([
        ["AKIDEXAMPLE", "wJal/K7+bPx"],
        ["AKID2", "007"],
      ]),
    });
  });

  test.each([
    ["", "must hold keys"],
    ["- a", "must hold keys"],
    ["just words", "must hold keys"],
    ["a: b: c", "is not YAML"],
    ["AKID: x\nAKID: y", "is not YAML"],
    ["ab: secret", 'has the id "ab"'],
    [`${"x".repeat(129)}: secret`, "has the id"],
    ["AK ID: secret", 'has the id "AK ID"'],
    ["AKID:", "lacks a secret of 1 to 256 visible characters for AKID"],
    ["AKID: with space", "lacks a secret"],
    [`AKID: ${"x".repeat(257)}`, "lacks a secret"],
    ["AKID: [a]", "lacks a secret"],
  ])("%j %s", (text, problem) => {
    expect(parseAccessKeys(text)).toEqual({
      ok: false,
      problem: expect.stringContaining(problem),
    });
  });

  test("a wrong secret is not shown", () => {
    expect(JSON.stringify(parseAccessKeys("AKID: hush hush"))).not.toContain("hush");
  });

  test("the ends of the ranges are fine", () => {
    const text = `${"x".repeat(128)}: ${"y".repeat(256)}\nabc: z\n`;
    expect(parseAccessKeys(text)).toMatchObject({ ok: true });
  });

  test("a thousand are the most", () => {
    const lines = (count: number): string =>
      Array.from({ length: count }, (_, at) => `AKID${at}: s`).join("\n");
    expect(parseAccessKeys(lines(1_000)).ok).toBe(true);
    expect(parseAccessKeys(lines(1_001)).ok).toBe(false);
  });

  test("a file that is not there or wrong is told by its path", () => {
    const read = (text: string) => () => readAccessKeys("keys.yaml", () => text);
    expect(() => readAccessKeys("no/such/keys.yaml")).toThrow(KQueueyError);
    expect(read("7")).toThrow("accessKeysFile keys.yaml must hold keys");
    expect(read("AKID: s")()).toEqual(new Map([["AKID", "s"]]));
  });

  test("a printed configuration names the file and shows no key", () => {
    const flags = { auth: "keys", accessKeysFile: "keys.yaml", sqsAccount: "012345678901" };
    const readFile = (path: string): string =>
      path === "keys.yaml" ? "AKID: hush" : printConfig(loaded);
    const loaded = loadConfig({ flags, env: {}, readFile });
    const text = printConfig(loaded);
    expect(text).toContain("accessKeysFile: keys.yaml");
    expect(text).not.toContain("hush");
    const again = loadConfig({ flags: { config: "k.yaml" }, env: {}, readFile });
    expect(again.config).toEqual(loaded.config);
  });
});
