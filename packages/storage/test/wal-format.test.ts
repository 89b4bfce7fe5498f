/**
 * The format on disk is final: these bytes were written by the first version and must be read by every
 * later one. A change that makes another version adds a file and keeps this one.
 */
import fs from "node:fs";
import path from "node:path";
import { ByteWriter, groupId, incarnation, logIndex, nodeId, term, toHex } from "@kqueuey/base";
import { describe, expect, test } from "vitest";
import { decodeDirectory, encodeEntry, encodeTruncate } from "../src/wal/records.ts";
import { entries, GROUP, WalFixture } from "./wal-fixture.ts";

const FIXTURE = path.join(import.meta.dirname, "../testdata/wal-format-1.txt");
const LINE_BYTES = 32;

/** Every kind of record, in two segments. */
function writeEverything(): WalFixture {
  const fixture = new WalFixture();
  fixture.opened();
  const hardState = {
    term: term(5),
    vote: nodeId(3),
    incarnation: incarnation(2),
    commit: logIndex(1),
  };
  fixture.append({ hardState, entries: entries(1, 3, 20) });
  fixture.append({ entries: entries(3, 1, 5) });
  const point = { index: logIndex(1_000), term: term(4) };
  fixture.append({ snapshotMarker: { ...point, directory: "groups/7/snapshot" } }, groupId(7));
  fixture.fill(4, 11);
  fixture.cover(10);
  for (const segment of fixture.wal.coveredSegments()) fixture.wal.reclaim(segment);
  fixture.disk.run();
  return fixture;
}

/** Offsets and hex of the lines that are not all zeroes. */
function dump(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += LINE_BYTES) {
    const line = bytes.subarray(at, at + LINE_BYTES);
    if (line.some((byte) => byte !== 0))
      text += `${at.toString(16).padStart(6, "0")} ${toHex(line)}\n`;
  }
  return text;
}

function undump(text: string, into: Uint8Array): void {
  into.fill(0);
  for (const line of text.split("\n").filter((candidate) => candidate !== "")) {
    const [at, hex] = line.split(" ");
    into.set(Buffer.from(hex ?? "", "hex"), Number.parseInt(at ?? "", 16));
  }
}

describe("format version 1", () => {
  test("writes the bytes of the fixture", () => {
    const fixture = writeEverything();
    const written = dump(fixture.disk.contents("wal/0000000002.seg"));
    if (process.env["REWRITE"] === "1") fs.writeFileSync(FIXTURE, written);
    expect(written).toBe(fs.readFileSync(FIXTURE, "utf8"));
  });

  test("reads the bytes of the fixture", () => {
    const fixture = writeEverything();
    fixture.disk.crash();
    undump(fs.readFileSync(FIXTURE, "utf8"), fixture.disk.contents("wal/0000000002.seg"));
    const { groups } = fixture.opened().recovered;
    expect(groups.get(GROUP)).toMatchObject({
      hardState: { term: 5, vote: 3, incarnation: 2, commit: 1 },
      compacted: { index: 9, term: 1 },
      last: { index: 11, term: 1 },
    });
    expect(groups.get(groupId(7))).toMatchObject({
      snapshotMarker: { index: 1_000, term: 4, directory: "groups/7/snapshot" },
      last: { index: 1_000, term: 4 },
    });
  });
});

describe("a directory", () => {
  const entry = {
    group: groupId(1),
    entryKind: "commands",
    index: logIndex(2 ** 40),
    term: term(9),
    dataBytes: 77,
    dataCrc: 0xffff_ffff,
  } as const;

  function directory(): Uint8Array {
    const writer = new ByteWriter();
    encodeTruncate(writer, groupId(1), logIndex(8));
    encodeEntry(writer, entry);
    return writer.take();
  }

  test("is read as it was written", () => {
    expect(decodeDirectory(directory(), 2)).toEqual({
      kind: "records",
      records: [
        { kind: "truncate", group: 1, from: 8 },
        { kind: "entry", ...entry },
      ],
    });
  });

  test("cut anywhere, or with another count, is malformed and never throws", () => {
    const whole = directory();
    for (let length = 0; length < whole.length; length++) {
      expect(decodeDirectory(whole.subarray(0, length), 2).kind).toBe("malformed");
    }
    expect(decodeDirectory(whole, 1).kind).toBe("malformed");
    expect(decodeDirectory(whole, 3).kind).toBe("malformed");
  });

  test("with any byte changed never throws", () => {
    const whole = directory();
    for (let at = 0; at < whole.length; at++) {
      for (const value of [0, 1, 127, 255]) {
        const changed = whole.slice();
        changed[at] = value;
        expect(decodeDirectory(changed, 2).kind).toMatch(/records|newer|malformed/);
      }
    }
  });
});
