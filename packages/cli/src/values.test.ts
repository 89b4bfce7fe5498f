import { describe, expect, it } from "vitest";
import { Latencies } from "./latencies.ts";
import { formatBytes, formatDuration, visible } from "./render/table.ts";
import { collectPair, countParser, parseDuration, parseEndpoints, parseSize } from "./values.ts";

describe("lengths of time", () => {
  it.each([
    ["0", 0],
    ["500ms", 500],
    ["30s", 30_000],
    ["1.5s", 1_500],
    ["5m", 300_000],
    ["2h", 7_200_000],
    ["4d", 345_600_000],
  ])("%s is %i ms", (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it.each(["5", "s", "-1s", "1 s", "1.2345s", "", "9999999999999d"])("%s is none", (text) => {
    expect(() => parseDuration(text)).toThrow(/must/);
  });

  it("are shown in their largest whole unit", () => {
    expect([0, 1_500, 90_000, 345_600_000, 3_600_000].map(formatDuration)).toEqual([
      "0s",
      "1500ms",
      "90s",
      "4d",
      "1h",
    ]);
  });
});

describe("sizes and counts", () => {
  it("have units of 1,024", () => {
    expect([parseSize("1024"), parseSize("256KiB"), parseSize("1MiB")]).toEqual([
      1_024, 262_144, 1_048_576,
    ]);
    for (const text of ["1MB", "-1", "x", ""]) expect(() => parseSize(text)).toThrow(/must/);
    expect([formatBytes(1_000), formatBytes(2_048), formatBytes(1_048_576)]).toEqual([
      "1000B",
      "2KiB",
      "1MiB",
    ]);
  });

  it("have ranges", () => {
    const parse = countParser(1, 10);
    expect(parse("10")).toBe(10);
    for (const text of ["0", "11", "1.5", "x", ""])
      expect(() => parse(text)).toThrow("from 1 to 10");
  });

  it("come in pairs with the first equals sign between", () => {
    expect(collectPair("a=b=c", { x: "y" })).toEqual({ x: "y", a: "b=c" });
    expect(() => collectPair("=b", undefined)).toThrow("name=value");
  });
});

describe("endpoints", () => {
  it("may leave out a host that stands before", () => {
    expect(parseEndpoints("127.0.0.1:9324,9334, 9344")).toEqual([
      "127.0.0.1:9324",
      "127.0.0.1:9334",
      "127.0.0.1:9344",
    ]);
    expect(parseEndpoints("http://[::1]:1,2")).toEqual(["http://[::1]:1", "http://[::1]:2"]);
    expect(parseEndpoints("https://a.example:443/")).toEqual(["https://a.example:443/"]);
  });

  it.each(["", ",", "9324", "host", "host:", "ftp://h:1", "h:1/path"])("%s is none", (text) => {
    expect(() => parseEndpoints(text)).toThrow(/must/);
  });
});

describe("text of others", () => {
  it("can't steer the terminal", () => {
    expect(visible("a\n\t\u001b[2J\u0085é")).toBe("a\\n\\t\\u001b[2J\\u0085é");
  });
});

describe("latencies", () => {
  it("are read by nearest rank", () => {
    const latencies = new Latencies();
    expect(latencies.percentile(50)).toBe(0);
    for (let ms = 3_000; ms >= 1; ms--) latencies.record(ms);
    expect([50, 99, 100].map((percent) => latencies.percentile(percent))).toEqual([
      1_500, 2_970, 3_000,
    ]);
  });
});
