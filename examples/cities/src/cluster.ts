/** Three nodes on this machine, in a folder of their own, each a process that can be killed and started again. */
import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const CLI = fileURLToPath(new URL("../../../packages/cli/dist/main.js", import.meta.url));
const NODES = [1, 2, 3] as const;
const READY_TIMEOUT_MS = 60_000;

/** Which node leads, by its own word; `leader` is 0 while there is none. */
interface Status {
  readonly leader: number;
}

export class DemoCluster {
  readonly #folder: string;
  readonly #ports: readonly number[];
  readonly #nodes = new Map<number, ChildProcess>();

  constructor(folder: string, ports: readonly number[]) {
    this.#folder = folder;
    this.#ports = ports;
  }

  /** Starts three nodes and waits until they have a leader. */
  static async start(): Promise<DemoCluster> {
    const folder = mkdtempSync(join(tmpdir(), "kqueuey-cities-"));
    const cluster = new DemoCluster(folder, await freePorts(2 * NODES.length));
    for (const id of NODES) cluster.startNode(id);
    try {
      await cluster.leader();
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  get endpoints(): string[] {
    return NODES.map((id) => `http://127.0.0.1:${this.#clientPort(id)}`);
  }

  startNode(id: number): void {
    const peers = NODES.map(
      (one) => `${one}@127.0.0.1:${this.#peerPort(one)}=http://127.0.0.1:${this.#clientPort(one)}`,
    );
    const flags = [
      ...["--cluster-id", "cities", "--node-id", String(id), "--peers", peers.join(",")],
      ...["--client-listen", `127.0.0.1:${this.#clientPort(id)}`],
      ...["--peer-listen", `127.0.0.1:${this.#peerPort(id)}`],
      ...["--storage-directory", join(this.#folder, `node-${id}`)],
    ];
    const log = createWriteStream(join(this.#folder, `node-${id}.log`), { flags: "a" });
    const child = spawn(process.execPath, [CLI, "serve", ...flags], {
      // Enough threads for the log never to wait for other file work, as kqueuey dev does it.
      env: { UV_THREADPOOL_SIZE: "12", ...process.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    child.stdout.pipe(log);
    child.stderr.pipe(log);
    this.#nodes.set(id, child);
  }

  /** kill -9: the node gets no chance to say goodbye. */
  killNode(id: number): number {
    const child = this.#nodes.get(id);
    child?.kill("SIGKILL");
    return child?.pid ?? 0;
  }

  /** The node that leads, by the word of any that answers. */
  async leader(): Promise<number> {
    const deadlineMs = performance.now() + READY_TIMEOUT_MS;
    while (performance.now() < deadlineMs) {
      for (const endpoint of this.endpoints) {
        const status = await askStatus(endpoint);
        if (status !== undefined && status.leader !== 0) return status.leader;
      }
      await pause(100);
    }
    throw new Error(`the cluster found no leader; its logs are in ${this.#folder}`);
  }

  /** Waits until node `id` says that it is ready for requests. */
  async ready(id: number): Promise<void> {
    const url = `http://127.0.0.1:${this.#clientPort(id)}/readyz`;
    const deadlineMs = performance.now() + READY_TIMEOUT_MS;
    while (performance.now() < deadlineMs) {
      const response = await fetch(url, { signal: AbortSignal.timeout(1_000) }).catch(
        () => undefined,
      );
      await response?.text();
      if (response?.status === 200) return;
      await pause(100);
    }
    throw new Error(`node ${id} did not come back; its log is in ${this.#folder}`);
  }

  /** Ends every node and removes the folder. */
  async stop(): Promise<void> {
    const ends = [...this.#nodes.values()].map(async (child) => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), 5_000);
      await ended;
      clearTimeout(timer);
    });
    await Promise.all(ends);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** For the end of the process, when nothing can be awaited any more. */
  killAll(): void {
    for (const child of this.#nodes.values()) child.kill("SIGKILL");
  }

  #clientPort(id: number): number {
    return this.#ports[2 * (id - 1)] ?? 0;
  }

  #peerPort(id: number): number {
    return this.#ports[2 * (id - 1) + 1] ?? 0;
  }
}

/** `POST /kqueuey.v1.ClusterService/Status`, as curl would. */
async function askStatus(endpoint: string): Promise<Status | undefined> {
  try {
    const response = await fetch(`${endpoint}/kqueuey.v1.ClusterService/Status`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: "{}",
      signal: AbortSignal.timeout(1_000),
    });
    const status: unknown = await response.json();
    if (typeof status !== "object" || status === null) return undefined;
    const leader = "leader" in status && typeof status.leader === "number" ? status.leader : 0;
    return { leader };
  } catch {
    return undefined;
  }
}

/** Ports below those that outgoing connections take, so that a killed node gets its own back. */
async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    const port = 15_000 + Math.floor(Math.random() * 16_000);
    if (!ports.includes(port) && (await isFree(port))) ports.push(port);
  }
  return ports;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
