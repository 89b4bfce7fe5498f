/** Digests against those recorded from the service. */
import { encodeUtf8 } from "@kqueuey/base";
import { describe, expect, test } from "vitest";
import type { MessageAttribute } from "../../broker.ts";
import { nodeDigests } from "../../node/digests.ts";
import { attributesDigest, digestOf, hexOf } from "./message-digest.ts";

function attribute(name: string, type: string, value: string): MessageAttribute {
  return { name, type, value: encodeUtf8(value) };
}

const general = attribute("General", "String", "Kenobi");
const hello = attribute("Hello", "String", "There");
const helpMe = attribute("Help.Me", "String", "Me");
const traceparent = "traceparent\u001e00-774062d6c37081a5a0b9b5b88e30627c-2d2482211f6489da-01";
const trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";

describe("MD5 of message attributes", () => {
  test.each<[string, MessageAttribute[]]>([
    ["a45daa70926828a2f0a1db3418e6feb4", [attribute("k", "String", "x")]],
    ["235c5c510d26fb653d073faed50ae77c", [attribute("timestamp", "Number", "1493147359900")]],
    ["adb59cd4678ea5a855436b949cd07ab6", [attribute("MyAttribute", "String", "foobar")]],
    ["ae7155c6026991b6d54b11589678bf9c", [attribute("Foo", "String", "Bar")]],
    ["a311262e065454b75da111d535b8dacd", [hello]],
    ["fca026605781cb4126a1e9044df24232", [general, hello]],
    ["fca026605781cb4126a1e9044df24232", [hello, general]],
    ["4c360f3fdafd970e05fae2f149d997f5", [helpMe, hello, general]],
    ["8cbe4db156db8a94db8b801b7addb984", [attribute("attr1", "Binary", traceparent)]],
    ["5ae4d5d7636402d80f4eb6d213245a88", [attribute("AWSTraceHeader", "String", trace)]],
  ])("%s", (digest, attributes) => {
    expect(attributesDigest(nodeDigests, attributes)).toBe(digest);
  });

  test("a label is part of the type, and a labelled Binary travels as bytes", () => {
    const plain = attributesDigest(nodeDigests, [attribute("a", "Binary", "x")]);
    const labelled = attributesDigest(nodeDigests, [attribute("a", "Binary.png", "x")]);
    const text = attributesDigest(nodeDigests, [attribute("a", "String.png", "x")]);
    expect(new Set([plain, labelled, text]).size).toBe(3);
  });
});

describe("MD5 of bodies", () => {
  test.each([
    ["message", "78e731027d8fd50ed642340b7c9a63b3"],
    ["test", "098f6bcd4621d373cade4e832627b4f6"],
    ["", "d41d8cd98f00b204e9800998ecf8427e"],
  ])("%s", (body, digest) => {
    expect(nodeDigests.md5(encodeUtf8(body))).toBe(digest);
  });
});

test("a digest's bytes and its hex are the same digest", () => {
  const bytes = Uint8Array.from({ length: 16 }, (_, at) => at * 17);
  expect(hexOf(bytes)).toBe("00112233445566778899aabbccddeeff");
  expect(digestOf(hexOf(bytes))).toEqual(bytes);
});
