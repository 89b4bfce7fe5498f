/** Systems that have no replication by consensus, one server each: Redis and beanstalkd, syncing every write. */
import { mkdirSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { freePorts } from "../../../system-test/harness/ports.ts";
import type { Reach, System, Tuning } from "./system.ts";
import { eventually, findProgram, startServer, stopServer } from "./system.ts";

const TUNINGS: readonly Tuning[] = [
  { batch: 100, senders: 8, receivers: 4 },
  { batch: 500, senders: 8, receivers: 4 },
];

export const singleSystems: readonly System[] = [
  single("redis-streams", "1 node, appendfsync always", {
    program: "redis-server",
    driver: "redis-streams",
    address: (port) => `redis://127.0.0.1:${port}`,
    args: redisArgs,
  }),
  single("bullmq", "1 node, appendfsync always", {
    program: "redis-server",
    driver: "bullmq",
    address: (port) => `redis://127.0.0.1:${port}`,
    args: redisArgs,
  }),
  single("beanstalkd", "1 node, -f0", {
    program: "beanstalkd",
    driver: "beanstalkd",
    address: String,
    args: (port, folder) => ["-l", "127.0.0.1", "-p", String(port), "-b", folder, "-f0"],
  }),
];

interface Single {
  readonly program: string;
  readonly driver: Reach["driver"];
  address(port: number): string;
  args(port: number, folder: string): readonly string[];
}

function redisArgs(port: number, folder: string): readonly string[] {
  return [
    ...["--port", String(port), "--bind", "127.0.0.1", "--dir", folder, "--save", ""],
    ...["--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction"],
  ];
}

function single(name: string, variant: string, how: Single): System {
  const program = findProgram(how.program, "/usr/bin", "/usr/sbin");
  return {
    name,
    variant,
    tunings: TUNINGS,
    missing: () => (program === undefined ? `${how.program} is not installed` : undefined),
    start: async (folder) => {
      const [port = 0] = await freePorts(1);
      const data = join(folder, "data");
      mkdirSync(data, { recursive: true });
      const begin = (): ReturnType<typeof startServer> =>
        startServer(program ?? how.program, how.args(port, data), { log: join(folder, "log") });
      let child = begin();
      await eventually(how.program, () => answers(port));
      return {
        reach: { driver: how.driver, addresses: [how.address(port)], replicas: 1 },
        get pids() {
          return [child.pid ?? 0];
        },
        folder,
        killLeader: async () => {
          await stopServer(child, "SIGKILL");
          return how.program;
        },
        restart: async () => {
          await stopServer(child, "SIGKILL");
          const startedMs = performance.now();
          child = begin();
          await eventually(how.program, () => answers(port));
          return performance.now() - startedMs;
        },
        stop: () => stopServer(child, "SIGKILL"),
      };
    },
  };
}

function answers(port: number): Promise<true | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    const end = (ok: true | undefined): void => {
      socket.destroy();
      resolve(ok);
    };
    socket.once("connect", () => end(true));
    socket.once("error", () => end(undefined));
  });
}
