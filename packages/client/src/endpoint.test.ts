import { describe, expect, test } from "vitest";
import { streamUrl, streamUrls } from "./endpoint.ts";

describe("endpoints", () => {
  test.each([
    ["http://127.0.0.1:9324", "ws://127.0.0.1:9324/kqueuey.v1.Stream"],
    ["http://127.0.0.1:9324/", "ws://127.0.0.1:9324/kqueuey.v1.Stream"],
    ["127.0.0.1:9324", "ws://127.0.0.1:9324/kqueuey.v1.Stream"],
    ["Queue.Example", "ws://queue.example:9324/kqueuey.v1.Stream"],
    ["queue.example:80", "ws://queue.example/kqueuey.v1.Stream"],
    ["https://queue.example", "wss://queue.example/kqueuey.v1.Stream"],
    ["https://queue.example/behind/proxy", "wss://queue.example/behind/proxy/kqueuey.v1.Stream"],
    ["ws://queue.example:1", "ws://queue.example:1/kqueuey.v1.Stream"],
    ["[::1]:9324", "ws://[::1]:9324/kqueuey.v1.Stream"],
    [" http://a:1 ", "ws://a:1/kqueuey.v1.Stream"],
  ])("%s is %s", (endpoint, url) => {
    expect(streamUrl(endpoint)).toBe(url);
  });

  test.each(["", "ftp://a", "http://", "http://a:99999", "a b"])("%j is none", (endpoint) => {
    expect(streamUrl(endpoint)).toBeUndefined();
  });

  test("equal endpoints are one", () => {
    expect(streamUrls(["http://a:1", "a:1", "ws://A:1/"])).toEqual(["ws://a:1/kqueuey.v1.Stream"]);
  });
});
