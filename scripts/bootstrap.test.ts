import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { isInstalled } from "./bootstrap.mjs";

describe("whether to install", () => {
  let root = "";
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "kqueuey-bootstrap-"));
    mkdirSync(join(root, "node_modules"));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  function write(path: string, packages: Readonly<Record<string, unknown>>): void {
    writeFileSync(join(root, path), JSON.stringify({ packages }));
  }
  const ws = { "node_modules/ws": { version: "8.23.0" } };

  test("nothing was installed", () => {
    write("package-lock.json", ws);
    expect(isInstalled(root)).toBe(false);
  });

  test("everything is there, but for what belongs to other platforms", () => {
    const other = { "node_modules/other-platform": { version: "1.0.0", optional: true } };
    write("package-lock.json", { "": { name: "root" }, ...ws, ...other });
    write("node_modules/.package-lock.json", ws);
    expect(isInstalled(root)).toBe(true);
  });

  test("a version changed since", () => {
    write("package-lock.json", { "node_modules/ws": { version: "8.24.0" } });
    write("node_modules/.package-lock.json", ws);
    expect(isInstalled(root)).toBe(false);
  });
});
