/** Bodies that would be far larger in memory than on the wire are refused before they are parsed. */
import { encodeUtf8 } from "@kqueuey/base";
import { describe, expect, test } from "vitest";
import { hasTooManyValues } from "./json-size.ts";

const MIB = 1_048_576;

describe("hasTooManyValues", () => {
  test.each([
    ["nested lists", "[".repeat(MIB)],
    ["nested objects", '{"a":'.repeat(MIB)],
    ["empty objects", `[${"{},".repeat(MIB)}{}]`],
    ["members", `{${'"":0,'.repeat(MIB)}"":0}`],
    ["values after a text with quotes", `["\\"\\\\"${",0".repeat(MIB)}]`],
  ])("%s", (_what, json) => {
    expect(hasTooManyValues(encodeUtf8(json))).toBe(true);
  });

  test.each([
    ["a text of commas and brackets", JSON.stringify({ MessageBody: "[{,".repeat(MIB) })],
    ["a text of quotes", JSON.stringify({ MessageBody: '"'.repeat(MIB) })],
    ["a text of backslashes", JSON.stringify({ MessageBody: "\\".repeat(MIB) })],
    ["a text that never ends", `"${"[".repeat(MIB)}`],
    ["a text that ends in an escape", `"${"[".repeat(MIB)}\\`],
    ["the most values", `[${"0,".repeat(99_998)}0]`],
  ])("not %s", (_what, json) => {
    expect(hasTooManyValues(encodeUtf8(json))).toBe(false);
  });

  test("one more than the most", () => {
    expect(hasTooManyValues(encodeUtf8(`[${"0,".repeat(100_000)}0]`))).toBe(true);
  });

  test("a small body is not looked at", () => {
    expect(hasTooManyValues(encodeUtf8("[".repeat(65_536)))).toBe(false);
  });
});
