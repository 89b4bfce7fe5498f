/** Three NATS servers with JetStream, by default or with a sync before every answer. */
import { mkdirSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { freePorts } from "../../../system-test/harness/ports.ts";
import type { Reach, Running, System, Tuning } from "./system.ts";
import { eventually, findProgram, startServer, stopServer } from "./system.ts";

const TUNINGS: readonly Tuning[] = [
  { batch: 100, senders: 8, receivers: 2 },
  { batch: 250, senders: 4, receivers: 1 },
  { batch: 500, senders: 8, receivers: 2 },
];

export const natsSystems: readonly System[] = [
  natsSystem("R3, no sync, own Node client", { driver: "nats", always: false }),
  natsSystem("R3, no sync, minimal client", { driver: "nats-minimal", always: false }),
  natsSystem("R3, sync always, minimal client", { driver: "nats-minimal", always: true }),
];

function natsSystem(
  variant: string,
  how: { readonly driver: "nats" | "nats-minimal"; readonly always: boolean },
): System {
  const program = findProgram("nats-server", join(homedir(), "go", "bin"));
  return {
    name: "nats",
    variant,
    tunings: TUNINGS,
    missing: () => (program === undefined ? "nats-server is not installed" : undefined),
    start: (folder) => start(program ?? "nats-server", folder, how),
  };
}

async function start(
  program: string,
  folder: string,
  how: { readonly driver: Reach["driver"]; readonly always: boolean },
): Promise<Running> {
  const ports = await freePorts(9);
  const routes = [1, 4, 7].map((place) => `nats-route://127.0.0.1:${ports[place]}`).join(",");
  const nodes = [0, 1, 2].map((i) => {
    const [client, route, monitor] = ports.slice(3 * i, 3 * i + 3);
    const store = join(folder, `nats-${i}`);
    mkdirSync(store, { recursive: true });
    const config = join(folder, `nats-${i}.conf`);
    const sync = how.always ? "sync_interval: always" : "";
    writeFileSync(
      config,
      `server_name: n${i}\nlisten: 127.0.0.1:${client}\nhttp: 127.0.0.1:${monitor}\n` +
        `jetstream { store_dir: "${store}", max_file: 50GB, max_mem: 1GB\n${sync} }\n` +
        `cluster { name: bench, listen: 127.0.0.1:${route}, routes: [${routes}] }\n`,
    );
    const begin = (): ReturnType<typeof startServer> =>
      startServer(program, ["-c", config], { log: join(folder, `nats-${i}.log`) });
    return { client, monitor, begin, process: begin() };
  });
  const ready = async (): Promise<true | undefined> => {
    for (const { monitor } of nodes) {
      const health = await fetch(`http://127.0.0.1:${monitor}/healthz`);
      if (health.status !== 200) return undefined;
      await health.text();
    }
    const jsz = JSON.parse(await (await fetch(`http://127.0.0.1:${nodes[0]?.monitor}/jsz`)).text());
    return jsz.meta_cluster?.leader ? true : undefined;
  };
  await eventually("JetStream cluster", ready);
  return {
    reach: {
      driver: how.driver,
      addresses: nodes.map(({ client }) => `127.0.0.1:${client}`),
      replicas: 3,
    },
    get pids() {
      return nodes.map((node) => node.process.pid ?? 0);
    },
    folder,
    killLeader: async (queue) => {
      const url = `http://127.0.0.1:${nodes[0]?.monitor}/jsz?streams=true&accounts=true`;
      const text = await (await fetch(url)).text();
      const leader = leaderOf(JSON.parse(text), queue) ?? "n0";
      const node = nodes[Number(leader.slice(1))];
      if (node !== undefined) await stopServer(node.process, "SIGKILL");
      return leader;
    },
    restart: async () => {
      await Promise.all(nodes.map((node) => stopServer(node.process, "SIGKILL")));
      const startedMs = performance.now();
      for (const node of nodes) node.process = node.begin();
      await eventually("JetStream cluster", ready);
      return performance.now() - startedMs;
    },
    stop: async () => {
      await Promise.all(nodes.map((node) => stopServer(node.process, "SIGKILL")));
    },
  };
}

interface StreamDetail {
  readonly name?: string;
  readonly cluster?: { readonly leader?: string };
}

function leaderOf(
  jsz: { account_details?: readonly { stream_detail?: readonly StreamDetail[] }[] },
  queue: string,
): string | undefined {
  for (const account of jsz.account_details ?? []) {
    for (const stream of account.stream_detail ?? []) {
      if (stream.name === queue) return stream.cluster?.leader;
    }
  }
  return undefined;
}
