import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { until } from "../harness/condition.ts";
import { Program } from "../harness/node-process.ts";
import { freePortBase } from "../harness/ports.ts";
import { call, listAt, numberAt, textAt } from "../harness/rpc.ts";

let folder = "";
let port = 0;
const started: Program[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "kqueuey-dev-"));
  port = await freePortBase([0, 1, 10, 11, 20, 21]);
});

afterEach(async () => {
  const pids = nodesInState().map((node) => numberAt(node, "pid"));
  await Promise.all(started.splice(0).map((program) => program.kill()));
  // Nodes end with the launcher, however it ended.
  await until(() => pids.every((pid) => !isAlive(pid)), { what: "the nodes to be gone" });
  rmSync(folder, { recursive: true, force: true });
});

function dev(...flags: string[]): Program {
  const ports = ["--client-port-base", String(port), "--peer-port-base", String(port + 1)];
  const program = new Program(["dev", ...ports, ...flags], { cwd: folder });
  started.push(program);
  return program;
}

function nodesInState(): readonly unknown[] {
  const path = join(folder, ".kqueuey", "dev.json");
  return existsSync(path) ? listAt(JSON.parse(readFileSync(path, "utf8")), "nodes") : [];
}

/** Waits until the cluster has a leader and `dev` has said how to go on. */
async function ready(program: Program): Promise<void> {
  await until(
    () => {
      if (!program.running) throw new Error(`dev ended:\n${program.output}`);
      return program.stdout.includes("curl");
    },
    { what: "dev to print a first message to copy", timeoutMs: 60_000 },
  );
}

function queueCall(method: string, fields: Readonly<Record<string, unknown>>): Promise<unknown> {
  const body = { queue: "kept", ...fields };
  return call(`http://127.0.0.1:${port}`, `QueueService/${method}`, body);
}

describe("kqueuey dev", () => {
  test("starts three nodes, keeps data over a restart, begins empty when asked to", async () => {
    const first = dev();
    await ready(first);
    const nodes = nodesInState();
    expect(nodes.map((node) => textAt(node, "clientUrl"))).toEqual([
      `http://127.0.0.1:${port}`,
      `http://127.0.0.1:${port + 10}`,
      `http://127.0.0.1:${port + 20}`,
    ]);
    for (const node of nodes) {
      expect(first.stdout).toContain(textAt(node, "clientUrl"));
      expect(isAlive(numberAt(node, "pid"))).toBe(true);
    }
    await queueCall("CreateQueue", {});
    await queueCall("Send", { messages: [{ text: "still here" }] });

    first.signal("SIGINT");
    const { code, signal } = await first.ended();
    expect([0, 130]).toContain(code);
    expect(signal).toBe(null);
    expect(nodes.some((node) => isAlive(numberAt(node, "pid")))).toBe(false);

    const second = dev();
    await ready(second);
    expect(await queueCall("DescribeQueue", {})).toMatchObject({ available: 1 });
    second.signal("SIGTERM");
    await second.ended();

    const third = dev("--fresh");
    await ready(third);
    await expect(queueCall("DescribeQueue", {})).rejects.toMatchObject({ code: "QUEUE_NOT_FOUND" });
  });

  test("a port in use is named, with the flag that moves it, and nothing is left running", async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(port + 10, "127.0.0.1", resolve));
    try {
      const program = dev();
      expect((await program.ended()).code).toBe(2);
      expect(program.output).toContain(String(port + 10));
      expect(program.output).toContain("--client-port-base");
      expect(nodesInState()).toEqual([]);
    } finally {
      await new Promise((resolve) => taken.close(resolve));
    }
  });

  test("a second one on the same data does not start, and leaves the first alone", async () => {
    const first = dev();
    await ready(first);
    const second = new Program(["dev"], { cwd: folder });
    started.push(second);
    const { code } = await second.ended();
    expect(code).not.toBe(0);
    expect(second.output).toContain(String(first.pid));
    await queueCall("CreateQueue", {});
    expect(await queueCall("DescribeQueue", {})).toMatchObject({ queue: "kept" });
  });

  test("killed with kill -9, its nodes do not stay behind", async () => {
    const first = dev();
    await ready(first);
    const pids = nodesInState().map((node) => numberAt(node, "pid"));
    await first.kill();
    await until(() => pids.every((pid) => !isAlive(pid)), { what: "the nodes to end" });
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
