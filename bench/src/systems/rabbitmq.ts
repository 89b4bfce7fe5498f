/** Three RabbitMQ nodes on this machine, joined to a cluster, for quorum queues. */
import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { freePorts } from "../../../system-test/harness/ports.ts";
import type { Running, System } from "./system.ts";
import { eventually, findProgram, startServer } from "./system.ts";

const run = promisify(execFile);
const SBIN = "/usr/lib/rabbitmq/bin";
const COOKIE = "KQUEUEYBENCH";

export const rabbitmq: System = {
  name: "rabbitmq",
  variant: "3 nodes, quorum queue",
  tunings: [
    { batch: 100, senders: 4, receivers: 1 },
    { batch: 250, senders: 4, receivers: 1 },
    { batch: 500, senders: 4, receivers: 1 },
  ],
  missing: () =>
    findProgram("rabbitmq-server", SBIN) === undefined
      ? "rabbitmq-server is not installed"
      : undefined,
  start,
};

interface RabbitNode {
  readonly name: string;
  readonly port: number;
  readonly env: Readonly<Record<string, string>>;
  readonly pidFile: string;
}

async function start(folder: string): Promise<Running> {
  const server = findProgram("rabbitmq-server", SBIN) ?? "rabbitmq-server";
  const ports = await freePorts(6);
  const nodes = [0, 1, 2].map((i) => layOut(folder, i, ports.slice(2 * i, 2 * i + 2)));
  const begin = (node: RabbitNode): void => {
    startServer(server, [], { log: join(folder, `${node.name}.log`), env: node.env });
  };
  for (const node of nodes) begin(node);
  for (const node of nodes) await awaitStart(node);
  const [first, ...others] = nodes;
  for (const node of others) {
    await control(node, "stop_app");
    await control(node, "join_cluster", first?.name ?? "");
    await control(node, "start_app");
  }
  return {
    reach: {
      driver: "rabbitmq",
      addresses: nodes.map(({ port }) => `amqp://guest:guest@127.0.0.1:${port}`),
      replicas: 3,
    },
    get pids() {
      return nodes.map(pidOf);
    },
    folder,
    killLeader: async (queue) => {
      const leader = await leaderOf(nodes, queue);
      if (leader !== undefined) process.kill(pidOf(leader), "SIGKILL");
      return leader?.name ?? "none";
    },
    restart: async () => {
      for (const node of nodes) process.kill(pidOf(node), "SIGKILL");
      const startedMs = performance.now();
      for (const node of nodes) begin(node);
      for (const node of nodes) await awaitStart(node);
      return performance.now() - startedMs;
    },
    stop: () => {
      for (const node of nodes) killQuietly(pidOf(node));
      return Promise.resolve();
    },
  };
}

/** A node's directories, and the environment that keeps it away from any other of the machine. */
function layOut(folder: string, place: number, [port = 0, distPort = 0]: number[]): RabbitNode {
  const home = join(folder, `rabbit-${place}`);
  mkdirSync(home, { recursive: true });
  writeFileSync(join(home, ".erlang.cookie"), COOKIE, { mode: 0o400 });
  writeFileSync(join(home, "enabled_plugins"), "[].\n");
  const pidFile = join(home, "pid");
  const name = `bench${place}-${process.pid}@localhost`;
  return {
    name,
    port,
    pidFile,
    env: {
      HOME: home,
      RABBITMQ_NODENAME: name,
      RABBITMQ_NODE_PORT: String(port),
      RABBITMQ_NODE_IP_ADDRESS: "127.0.0.1",
      RABBITMQ_DIST_PORT: String(distPort),
      RABBITMQ_MNESIA_BASE: join(home, "data"),
      RABBITMQ_LOG_BASE: join(home, "log"),
      RABBITMQ_PID_FILE: pidFile,
      RABBITMQ_ENABLED_PLUGINS_FILE: join(home, "enabled_plugins"),
      RABBITMQ_CONFIG_FILE: join(home, "none"),
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: `-setcookie ${COOKIE}`,
      RABBITMQ_CTL_ERL_ARGS: `-setcookie ${COOKIE}`,
    },
  };
}

async function control(node: RabbitNode, ...args: string[]): Promise<string> {
  const program = findProgram("rabbitmqctl", SBIN) ?? "rabbitmqctl";
  const env = { ...process.env, ...node.env };
  const { stdout } = await run(program, ["-n", node.name, ...args], { env });
  return stdout;
}

async function awaitStart(node: RabbitNode): Promise<void> {
  await eventually(`RabbitMQ node ${node.name}`, () =>
    control(node, "await_startup", "--timeout", "60"),
  );
}

async function leaderOf(
  nodes: readonly RabbitNode[],
  queue: string,
): Promise<RabbitNode | undefined> {
  const [first] = nodes;
  if (first === undefined) return undefined;
  const text = await control(first, "list_queues", "--quiet", "name", "leader");
  const line = text.split("\n").find((each) => each.startsWith(`${queue}\t`));
  const name = line?.split("\t")[1]?.trim();
  return nodes.find((each) => each.name === name) ?? first;
}

function pidOf(node: RabbitNode): number {
  return Number(readFileSync(node.pidFile, "utf8"));
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It is gone already.
  }
}
