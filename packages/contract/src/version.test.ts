import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { PROTOCOL_HISTORY, PROTOCOL_VERSION, PROTOCOL_VERSION_MIN } from "./version.ts";

const protoFolder = new URL("../proto/kqueuey/v1/", import.meta.url);

/** The schemas without comments and blank space, which may change freely. */
function hashSchemas(): string {
  const hash = createHash("sha256");
  for (const file of readdirSync(protoFolder).sort()) {
    const text = readFileSync(new URL(file, protoFolder), "utf8");
    hash.update(file);
    hash.update(text.replace(/\/\/.*$/gm, "").replace(/\s+/g, " "));
  }
  return hash.digest("hex").slice(0, 16);
}

test("a changed schema forces a new protocol version and a line in the history", () => {
  const newest = PROTOCOL_HISTORY.at(-1);
  expect(
    newest?.schemas,
    "the schemas changed: raise PROTOCOL_VERSION and add a line to PROTOCOL_HISTORY in src/version.ts",
  ).toBe(hashSchemas());
});

test("the history counts up from 1 to the version, and the oldest understood version is in it", () => {
  expect(PROTOCOL_HISTORY.map((entry) => entry.version)).toEqual(
    PROTOCOL_HISTORY.map((_, index) => index + 1),
  );
  expect(PROTOCOL_HISTORY.at(-1)?.version).toBe(PROTOCOL_VERSION);
  expect(PROTOCOL_VERSION_MIN).toBeGreaterThanOrEqual(1);
  expect(PROTOCOL_VERSION_MIN).toBeLessThanOrEqual(PROTOCOL_VERSION);
});
