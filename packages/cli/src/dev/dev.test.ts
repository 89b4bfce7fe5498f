import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { CliContext } from "../context.ts";
import { runCli } from "../program.ts";
import { FakeCluster, fakeClient } from "../testing/fake-client.ts";
import { logTail } from "./log-tail.ts";
import { planDev } from "./plan.ts";
import { type DevState, processStart, runningLauncher, writeState } from "./state-file.ts";
import { welcomeText } from "./welcome.ts";

let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "kqueuey-dev-"));
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

const OPTIONS = {
  nodes: 3,
  clientPortBase: 9_324,
  peerPortBase: 9_325,
  dataDir: ".kqueuey",
  logLevel: "info",
};

describe("the plan", () => {
  it("is three nodes on ports that are easy to tell", () => {
    const plan = planDev(OPTIONS, "/work/.kqueuey");
    expect(
      plan.nodes.map(({ id, clientUrl, peerAddress }) => [id, clientUrl, peerAddress]),
    ).toEqual([
      [1, "http://127.0.0.1:9324", "127.0.0.1:9325"],
      [2, "http://127.0.0.1:9334", "127.0.0.1:9335"],
      [3, "http://127.0.0.1:9344", "127.0.0.1:9345"],
    ]);
    expect(plan.nodes[1]?.args.join(" ")).toBe(
      "serve --cluster-id dev --node-id 2 --client-listen 127.0.0.1:9334 --peer-listen 127.0.0.1:9335 " +
        "--peers 1@127.0.0.1:9325=http://127.0.0.1:9324,2@127.0.0.1:9335=http://127.0.0.1:9334," +
        "3@127.0.0.1:9345=http://127.0.0.1:9344 --storage-directory /work/.kqueuey/node-2 --log-level info",
    );
  });

  it("refuses ports that clash by name", () => {
    expect(() => planDev({ ...OPTIONS, peerPortBase: 9_334 }, "/x")).toThrow(
      "127.0.0.1:9334 stands twice, for nodes 1 and 2",
    );
    expect(() => planDev({ ...OPTIONS, peerPortBase: 9_324 }, "/x")).toThrow(
      "peerListen is 127.0.0.1:9324, the same as clientListen",
    );
  });
});

describe("the state file", () => {
  const launcher = { pid: process.pid, startedAt: processStart(process.pid) };

  it("tells whether its dev still runs", () => {
    const path = join(directory, "dev.json");
    expect(runningLauncher(path)).toBeUndefined();
    writeState(path, { clusterId: "dev", launcher, nodes: [] });
    expect(runningLauncher(path)).toBe(process.pid);
    writeState(path, { clusterId: "dev", launcher: { ...launcher, startedAt: "1" }, nodes: [] });
    expect(runningLauncher(path)).toBeUndefined();
    writeState(path, { clusterId: "dev", launcher: { pid: 2 ** 30, startedAt: null }, nodes: [] });
    expect(runningLauncher(path)).toBeUndefined();
    for (const text of ["", "{", "[]", '{"launcher":1}', '{"launcher":{"pid":"x"}}']) {
      writeFileSync(path, text);
      expect(runningLauncher(path)).toBeUndefined();
    }
  });
});

describe("the end of a log", () => {
  it("is its last lines", () => {
    const path = join(directory, "node.log");
    expect(logTail(path, 3)).toBe("    (the log is empty)\n");
    writeFileSync(path, Array.from({ length: 5_000 }, (_, line) => `line ${line}\n`).join(""));
    expect(logTail(path, 2)).toBe("    line 4998\n    line 4999\n");
  });
});

describe("the welcome", () => {
  it("has the endpoints, the leader and a first message to copy", () => {
    const text = welcomeText(planDev(OPTIONS, "/x"), { leader: 2, dataDir: ".kqueuey" });
    expect(text).toContain('cluster "dev", 3 nodes, node 2 leads');
    expect(text).toContain("  node 2  http://127.0.0.1:9334  leads\n");
    expect(text).toContain("curl -s http://127.0.0.1:9324/kqueuey.v1.QueueService/Send ");
    expect(text).toContain('  npx kqueuey send hello "hi"\n');
    expect(text).toContain('new SQSClient({ endpoint: "http://127.0.0.1:9324", region');
  });

  it("names the endpoint where it is not the usual one", () => {
    const plan = planDev({ ...OPTIONS, clientPortBase: 19_324, peerPortBase: 19_325 }, "/x");
    expect(welcomeText(plan, { leader: undefined, dataDir: "d" })).toContain(
      'send hello "hi" --endpoint 127.0.0.1:19324,19334,19344\n',
    );
  });
});

let nextBase = 20_000 + (process.pid % 1_000) * 10;

/** A base of which all ports that a test uses are free now. */
async function freeBase(): Promise<number> {
  for (;;) {
    const base = nextBase;
    nextBase += 200;
    try {
      const offsets = [0, 1, 10, 11, 20, 21, 100, 101, 110, 111, 120, 121];
      const servers = await Promise.all(offsets.map((offset) => listen(base + offset)));
      await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
      return base;
    } catch {
      // Somebody has one of them: the next base.
    }
  }
}

function listen(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => resolve(server));
  });
}

function launch(base: number, ...more: string[]) {
  const stop = new AbortController();
  let out = "";
  let err = "";
  const waiting: { readonly text: string; readonly resolve: () => void }[] = [];
  const wrote = (): void => {
    for (const { text, resolve } of waiting) if (`${out}${err}`.includes(text)) resolve();
  };
  const cluster = new FakeCluster();
  cluster.status = { clusterId: "dev", leader: 3, term: 1, nodes: [] };
  const context: CliContext = {
    env: {},
    out: (text) => {
      out += text;
      wrote();
    },
    err: (text) => {
      err += text;
      wrote();
    },
    outIsTerminal: true,
    lines: undefined,
    readFile: () => new Uint8Array(0),
    connect: () => fakeClient(cluster),
    signal: stop.signal,
    nowMs: () => performance.now(),
    mainPath: fileURLToPath(new URL("../testing/stub-node.js", import.meta.url)),
  };
  const ports = ["--client-port-base", String(base), "--peer-port-base", String(base + 1)];
  const ended = runCli(["dev", "--data-dir", directory, ...ports, ...more], context);
  return {
    stop: () => stop.abort("SIGINT"),
    ended,
    /** Settles when `text` was printed. */
    printed: (text: string) =>
      new Promise<void>((resolve) => {
        waiting.push({ text, resolve });
        wrote();
      }),
    out: () => out,
    err: () => err,
  };
}

function readState(): DevState {
  return JSON.parse(readFileSync(join(directory, "dev.json"), "utf8"));
}

describe("dev", () => {
  it("starts the nodes, says so, and stops them all", { timeout: 30_000 }, async () => {
    const base = await freeBase();
    const dev = launch(base);
    await dev.printed("KQueuey is running");
    expect(dev.out()).toContain(`node 3  http://127.0.0.1:${base + 20}  leads`);
    const state = readState();
    expect(state).toMatchObject({ clusterId: "dev", launcher: { pid: process.pid } });
    expect(state.nodes.map(({ id, clientUrl }) => [id, clientUrl])).toEqual([
      [1, `http://127.0.0.1:${base}`],
      [2, `http://127.0.0.1:${base + 10}`],
      [3, `http://127.0.0.1:${base + 20}`],
    ]);
    for (const { pid } of state.nodes) expect(process.kill(pid ?? 0, 0)).toBe(true);
    expect(readFileSync(join(directory, "node-1.log"), "utf8")).toBe("node 1 starts\n");

    const second = launch(base + 100);
    expect(await second.ended).toBe(2);
    expect(second.err()).toContain(
      `the data in ${directory} is in use by kqueuey dev with pid ${process.pid}`,
    );

    dev.stop();
    expect(await dev.ended).toBe(0);
    for (const { pid } of state.nodes) expect(() => process.kill(pid ?? 0, 0)).toThrow("ESRCH");
    expect(existsSync(join(directory, "dev.json"))).toBe(false);
  });

  it("reports a node that ends, and goes on with the others", { timeout: 30_000 }, async () => {
    const dev = launch(await freeBase(), "--log-level", "warn");
    await dev.printed("the disk is on fire");
    await dev.printed("KQueuey is running");
    expect(dev.err()).toMatch(
      /node 2 \(pid \d+\) ended: exit code 1\. The end of .*node-2\.log:\n/,
    );
    expect(dev.err()).toContain("The other nodes go on.");
    expect(readState().nodes.map(({ pid }) => pid === null)).toEqual([false, true, false]);
    dev.stop();
    expect(await dev.ended).toBe(0);
  });

  it("ends when no node is left", { timeout: 30_000 }, async () => {
    const dev = launch(await freeBase(), "--log-level", "error");
    expect(await dev.ended).toBe(1);
    expect(dev.err()).toContain("    the disk is on fire\n");
    expect(dev.err()).toContain("kqueuey: no node is left\n");
  });

  it("names a port in use and the flag that moves it", async () => {
    const base = await freeBase();
    const taken = await listen(base + 11);
    try {
      const dev = launch(base);
      expect(await dev.ended).toBe(2);
      expect(dev.err()).toContain(
        `port ${base + 11} of 127.0.0.1 is in use by another process; stop that process, ` +
          "or move the cluster with --peer-port-base",
      );
      expect(existsSync(join(directory, "dev.json"))).toBe(false);
    } finally {
      taken.close();
    }
  });

  it("begins empty with --fresh, and touches nothing else", { timeout: 30_000 }, async () => {
    const base = await freeBase();
    writeFileSync(join(directory, "mine.txt"), "mine");
    writeFileSync(join(directory, "node-1.log"), "old\n");
    const dev = launch(base, "--fresh", "--nodes", "1");
    await dev.printed("KQueuey is running");
    expect(readFileSync(join(directory, "node-1.log"), "utf8")).toBe("node 1 starts\n");
    expect(readFileSync(join(directory, "mine.txt"), "utf8")).toBe("mine");
    dev.stop();
    expect(await dev.ended).toBe(0);
  });
});
