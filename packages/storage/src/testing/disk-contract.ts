/**
 * What every `Disk` must do, as cases that any test runner can run: one suite for Node's disk, the
 * simulator's and the one in memory, so that none drifts from the others. A case throws on failure.
 */
import { assert, equalBytes, must } from "@kqueuey/base";
import type {
  DirectoryEntry,
  Disk,
  DiskDone,
  DiskResult,
  FileHandle,
  OpenOptions,
} from "../disk.ts";

/** A disk with an empty data directory, and a way to let its requests be carried out. */
export interface DiskFixture {
  readonly disk: Disk;
  /** Lets the host carry out some of what was asked. */
  turn(): Promise<void>;
}

export interface DiskContractCase {
  readonly title: string;
  run(fixture: DiskFixture): Promise<void>;
}

/** The requests one after another, as promises. */
class Calls {
  readonly disk: Disk;
  readonly #fixture: DiskFixture;

  constructor(fixture: DiskFixture) {
    this.disk = fixture.disk;
    this.#fixture = fixture;
  }

  /** Makes one request and turns until it was answered; checks that it is answered later and once. */
  async result<T>(request: (done: DiskDone<T>) => void): Promise<DiskResult<T>> {
    const answers: DiskResult<T>[] = [];
    request((result) => answers.push(result));
    assert(answers.at(0) === undefined, "a completion came from inside its request");
    for (let turns = 0; answers.at(0) === undefined; turns++) {
      assert(turns < TURNS_MAX, "a request was never answered");
      await this.#fixture.turn();
    }
    await this.#fixture.turn();
    assert(answers.at(1) === undefined, "a request was answered twice");
    return must(answers.at(0), "an answer");
  }

  async value<T>(request: (done: DiskDone<T>) => void): Promise<T> {
    const result = await this.result(request);
    assert(result.ok, `expected success, got ${result.ok ? "" : result.error.code}`);
    return result.value;
  }

  async error<T>(request: (done: DiskDone<T>) => void): Promise<string> {
    const result = await this.result(request);
    assert(!result.ok, "expected a failure, got success");
    return result.error.code;
  }

  open(path: string, mode: OpenOptions["mode"], dsync = false): Promise<FileHandle> {
    return this.value((done) => this.disk.open(path, { mode, dsync }, done));
  }

  write(file: FileHandle, position: number, text: string): Promise<undefined> {
    return this.value((done) => this.disk.write(file, position, [bytesOf(text)], done));
  }

  read(file: FileHandle, position: number, length: number): Promise<Uint8Array> {
    return this.value((done) => this.disk.read(file, position, length, done));
  }

  size(file: FileHandle): Promise<number> {
    return this.value((done) => this.disk.size(file, done));
  }

  close(file: FileHandle): Promise<undefined> {
    return this.value((done) => this.disk.close(file, done));
  }

  async make(path: string, text: string): Promise<void> {
    const file = await this.open(path, "create");
    await this.write(file, 0, text);
    await this.close(file);
  }

  async contents(path: string): Promise<string> {
    const file = await this.open(path, "read");
    const bytes = await this.read(file, 0, 1_000_000);
    await this.close(file);
    return textOf(bytes);
  }

  list(path: string): Promise<readonly DirectoryEntry[]> {
    return this.value((done) => this.disk.list(path, done));
  }
}

const TURNS_MAX = 100_000;

/** Letters only: enough to tell contents apart, and no host needed to encode them. */
function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

function textOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}

function equal(actual: unknown, expected: unknown): void {
  const a = JSON.stringify(actual);
  const b = JSON.stringify(expected);
  assert(a === b, `expected ${b}, got ${a}`);
}

function throws(action: () => void, what: string): void {
  try {
    action();
  } catch {
    return;
  }
  assert(false, `${what} was not refused`);
}

const never: DiskDone<unknown> = () => assert(false, "a refused request was answered");

function contractCase(title: string, body: (calls: Calls) => Promise<void>): DiskContractCase {
  return { title, run: (fixture) => body(new Calls(fixture)) };
}

const OPENING: readonly DiskContractCase[] = [
  contractCase("opening a missing file to read or write is not-found", async (calls) => {
    for (const mode of ["read", "write"] as const) {
      equal(await calls.error((done) => calls.disk.open("a", { mode }, done)), "not-found");
    }
  }),
  contractCase("creating a file that exists is refused and changes nothing", async (calls) => {
    await calls.make("a", "abc");
    equal(await calls.error((done) => calls.disk.open("a", { mode: "create" }, done)), "exists");
    equal(await calls.contents("a"), "abc");
  }),
  contractCase("creating a file in a missing folder is not-found", async (calls) => {
    const code = await calls.error((done) => calls.disk.open("no/a", { mode: "create" }, done));
    equal(code, "not-found");
  }),
  contractCase("a handle is never given twice", async (calls) => {
    const first = await calls.open("a", "create");
    await calls.close(first);
    const second = await calls.open("a", "write");
    assert(first !== second, "a handle was reused");
    await calls.close(second);
  }),
  contractCase("a closed handle is a programmer error", async (calls) => {
    const file = await calls.open("a", "create");
    await calls.close(file);
    throws(() => calls.disk.read(file, 0, 1, never), "reading a closed file");
    throws(() => calls.disk.close(file, never), "closing a closed file");
  }),
  contractCase("paths that leave the data directory are refused", async (calls) => {
    for (const path of ["", "/a", "../a", "a/../b", "a//b", "./a", "a/", "a\0b", "a\\b"]) {
      throws(() => calls.disk.open(path, { mode: "create" }, never), `the path ${path}`);
      throws(() => calls.disk.remove(path, never), `the path ${path}`);
      throws(() => calls.disk.rename("ok", path, never), `the path ${path}`);
    }
  }),
];

const CONTENTS: readonly DiskContractCase[] = [
  contractCase("chunks are written one after another from the position", async (calls) => {
    const file = await calls.open("a", "create");
    await calls.write(file, 0, "..........");
    const chunks = ["ab", "", "c", "def"].map(bytesOf);
    await calls.value<undefined>((done) => calls.disk.write(file, 2, chunks, done));
    equal(textOf(await calls.read(file, 0, 100)), "..abcdef..");
    await calls.close(file);
  }),
  contractCase("thousands of chunks are one write", async (calls) => {
    const file = await calls.open("a", "create", true);
    const chunks = Array.from({ length: 3_000 }, (_, i) => Uint8Array.of(i & 0xff, i >> 8));
    await calls.value<undefined>((done) => calls.disk.write(file, 0, chunks, done));
    const expected = new Uint8Array(6_000);
    for (const [i, chunk] of chunks.entries()) expected.set(chunk, i * 2);
    assert(equalBytes(await calls.read(file, 0, 10_000), expected), "chunks out of order");
    await calls.close(file);
  }),
  contractCase("a write of nothing succeeds and changes nothing", async (calls) => {
    const file = await calls.open("a", "create");
    await calls.value<undefined>((done) => calls.disk.write(file, 0, [], done));
    equal(await calls.size(file), 0);
    await calls.close(file);
  }),
  contractCase("a write past the end leaves zeroes before it", async (calls) => {
    const file = await calls.open("a", "create");
    await calls.write(file, 5, "x");
    equal([...(await calls.read(file, 0, 10))], [0, 0, 0, 0, 0, 120]);
    await calls.close(file);
  }),
  contractCase("a read gives fewer bytes at the end and none after it", async (calls) => {
    const file = await calls.open("a", "create");
    await calls.write(file, 0, "abc");
    equal(textOf(await calls.read(file, 1, 10)), "bc");
    equal((await calls.read(file, 3, 10)).length, 0);
    equal((await calls.read(file, 100, 10)).length, 0);
    equal((await calls.read(file, 0, 0)).length, 0);
    await calls.close(file);
  }),
  contractCase("what was read is the caller's", async (calls) => {
    const file = await calls.open("a", "create");
    await calls.write(file, 0, "abc");
    (await calls.read(file, 0, 3)).fill(0);
    equal(textOf(await calls.read(file, 0, 3)), "abc");
    await calls.close(file);
  }),
  contractCase("what was written may change after the completion", async (calls) => {
    const file = await calls.open("a", "create");
    const bytes = bytesOf("abc");
    await calls.value<undefined>((done) => calls.disk.write(file, 0, [bytes], done));
    bytes.fill(0);
    equal(textOf(await calls.read(file, 0, 3)), "abc");
    await calls.close(file);
  }),
  contractCase("allocate fills with zeroes and keeps the handle usable", async (calls) => {
    const file = await calls.open("a", "create");
    await calls.write(file, 10, "old");
    await calls.value<undefined>((done) => calls.disk.allocate(file, 70_000, done));
    equal(await calls.size(file), 70_000);
    assert(
      equalBytes(await calls.read(file, 0, 70_000), new Uint8Array(70_000)),
      "allocated bytes are not zero",
    );
    await calls.write(file, 69_999, "z");
    equal(await calls.size(file), 70_000);
    await calls.close(file);
  }),
  contractCase("truncate shortens, and what is written later follows zeroes", async (calls) => {
    const file = await calls.open("a", "create");
    await calls.write(file, 0, "abcdef");
    await calls.value<undefined>((done) => calls.disk.truncate(file, 2, done));
    await calls.write(file, 4, "x");
    equal([...(await calls.read(file, 0, 10))], [97, 98, 0, 0, 120]);
    await calls.close(file);
  }),
  contractCase("sync answers, on read-write and on dsync files", async (calls) => {
    const plain = await calls.open("a", "create");
    await calls.write(plain, 0, "abc");
    await calls.value<undefined>((done) => calls.disk.sync(plain, done));
    await calls.close(plain);
    const direct = await calls.open("a", "write", true);
    await calls.write(direct, 1, "X");
    await calls.value<undefined>((done) => calls.disk.sync(direct, done));
    await calls.close(direct);
    equal(await calls.contents("a"), "aXc");
  }),
  contractCase("many requests at once are all answered", async (calls) => {
    const file = await calls.open("a", "create");
    await calls.value<undefined>((done) => calls.disk.allocate(file, 64 * 100, done));
    await calls.value<undefined>((done) => {
      let left = 64;
      for (let i = 0; i < 64; i++) {
        calls.disk.write(file, i * 100, [new Uint8Array(100).fill(i)], (result) => {
          assert(result.ok, "a parallel write failed");
          left -= 1;
          if (left === 0) done({ ok: true, value: undefined });
        });
      }
    });
    for (let i = 0; i < 64; i++) equal((await calls.read(file, i * 100 + 99, 1))[0], i);
    await calls.close(file);
  }),
];

const NAMES: readonly DiskContractCase[] = [
  contractCase("rename replaces what is there, and open files stay usable", async (calls) => {
    await calls.make("a", "new");
    await calls.make("b", "old");
    const file = await calls.open("a", "write");
    await calls.value<undefined>((done) => calls.disk.rename("a", "b", done));
    await calls.write(file, 3, "er");
    await calls.close(file);
    equal(await calls.contents("b"), "newer");
    equal(await calls.error((done) => calls.disk.open("a", { mode: "read" }, done)), "not-found");
  }),
  contractCase("rename moves a folder with what is in it", async (calls) => {
    await calls.value<undefined>((done) => calls.disk.makeDirectory("from/deep", done));
    await calls.make("from/deep/a", "abc");
    await calls.value<undefined>((done) => calls.disk.rename("from", "to", done));
    equal(await calls.contents("to/deep/a"), "abc");
    equal(await calls.list("from"), []);
  }),
  contractCase("renaming what is missing is not-found", async (calls) => {
    equal(await calls.error<undefined>((done) => calls.disk.rename("a", "b", done)), "not-found");
  }),
  contractCase("remove takes files, folders and what is missing", async (calls) => {
    await calls.value<undefined>((done) => calls.disk.makeDirectory("f/g", done));
    await calls.make("f/g/a", "abc");
    await calls.make("b", "abc");
    for (const path of ["f", "b", "missing"]) {
      await calls.value<undefined>((done) => calls.disk.remove(path, done));
    }
    equal(await calls.list(""), []);
  }),
  contractCase("a removed file can be read by who has it open", async (calls) => {
    await calls.make("a", "abc");
    const file = await calls.open("a", "read");
    await calls.value<undefined>((done) => calls.disk.remove("a", done));
    equal(textOf(await calls.read(file, 0, 3)), "abc");
    await calls.close(file);
  }),
  contractCase("makeDirectory makes parents and accepts what exists", async (calls) => {
    for (const path of ["a/b/c", "a/b/c", "a", ""]) {
      await calls.value<undefined>((done) => calls.disk.makeDirectory(path, done));
    }
    equal(await calls.list("a/b"), [{ name: "c", kind: "directory", bytes: 0 }]);
  }),
  contractCase("list is sorted, tells files from folders and knows lengths", async (calls) => {
    await calls.value<undefined>((done) => calls.disk.makeDirectory("d/m", done));
    await calls.make("d/z", "abc");
    await calls.make("d/a", "");
    equal(await calls.list("d"), [
      { name: "a", kind: "file", bytes: 0 },
      { name: "m", kind: "directory", bytes: 0 },
      { name: "z", kind: "file", bytes: 3 },
    ]);
    equal(await calls.list("missing"), []);
  }),
  contractCase("free space is a whole number of bytes", async (calls) => {
    const free = await calls.value<number>((done) => calls.disk.freeBytes(done));
    assert(Number.isSafeInteger(free) && free > 0, "free bytes");
  }),
  contractCase("folders can be synced, missing ones are not-found", async (calls) => {
    await calls.value<undefined>((done) => calls.disk.makeDirectory("a", done));
    await calls.value<undefined>((done) => calls.disk.syncDirectory("", done));
    await calls.value<undefined>((done) => calls.disk.syncDirectory("a", done));
    const code = await calls.error<undefined>((done) => calls.disk.syncDirectory("b", done));
    equal(code, "not-found");
  }),
];

/** Every case of the contract. */
export const DISK_CONTRACT: readonly DiskContractCase[] = [...OPENING, ...CONTENTS, ...NAMES];
