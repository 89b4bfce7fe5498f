/** What `kqueuey dev` starts: nodes, their addresses, directories and flags. Pure. */
import { checkSharedHost, loadConfig, type ServerConfig } from "@kqueuey/server";

/** What the options of `dev` say. */
export interface DevOptions {
  readonly nodes: number;
  readonly clientPortBase: number;
  readonly peerPortBase: number;
  /** As given; shown to people. */
  readonly dataDir: string;
  readonly logLevel: string;
}

/** One node to start. */
export interface PlannedNode {
  readonly id: number;
  readonly clientPort: number;
  readonly peerPort: number;
  readonly clientUrl: string;
  readonly peerAddress: string;
  readonly dataDirectory: string;
  readonly logFile: string;
  /** The arguments of `kqueuey` that start it. */
  readonly args: readonly string[];
}

export interface DevPlan {
  readonly clusterId: string;
  /** Absolute. */
  readonly directory: string;
  readonly nodes: readonly PlannedNode[];
}

/** The cluster that `dev` runs. */
export const DEV_CLUSTER_ID = "dev";
export const DEV_HOST = "127.0.0.1";
/** Distance of two nodes' ports, so that they are easy to tell: 9324, 9334, 9344. */
const PORT_STEP = 10;

/**
 * The nodes that `options` ask for, in `directory` (absolute).
 * @throws KQueueyError CONFIG_INVALID when ports or directories clash.
 */
export function planDev(options: DevOptions, directory: string): DevPlan {
  const ids = Array.from({ length: options.nodes }, (_, index) => index + 1);
  const port = (base: number, id: number): number => base + (id - 1) * PORT_STEP;
  const peers = ids
    .map((id) => {
      const peer = `${DEV_HOST}:${port(options.peerPortBase, id)}`;
      return `${id}@${peer}=http://${DEV_HOST}:${port(options.clientPortBase, id)}`;
    })
    .join(",");
  const nodes = ids.map((id): PlannedNode => {
    const clientPort = port(options.clientPortBase, id);
    const peerPort = port(options.peerPortBase, id);
    const dataDirectory = `${directory}/node-${id}`;
    const peerAddress = `${DEV_HOST}:${peerPort}`;
    const flags = {
      "--cluster-id": DEV_CLUSTER_ID,
      "--node-id": String(id),
      "--client-listen": `${DEV_HOST}:${clientPort}`,
      "--peer-listen": peerAddress,
      "--peers": peers,
      "--storage-directory": dataDirectory,
      "--log-level": options.logLevel,
    };
    return {
      id,
      clientPort,
      peerPort,
      clientUrl: `http://${DEV_HOST}:${clientPort}`,
      peerAddress,
      dataDirectory,
      logFile: `${directory}/node-${id}.log`,
      args: ["serve", ...Object.entries(flags).flat()],
    };
  });
  checkSharedHost(nodes.map((node) => configOf(node.args)));
  return { clusterId: DEV_CLUSTER_ID, directory, nodes };
}

/** The configuration that a node would read from its arguments. */
function configOf(args: readonly string[]): ServerConfig {
  const flags: Record<string, string> = {};
  for (let at = 1; at < args.length; at += 2) {
    const name = (args[at] ?? "")
      .slice(2)
      .replace(/-[a-z]/g, (dash) => dash.slice(1).toUpperCase());
    flags[name] = args[at + 1] ?? "";
  }
  return loadConfig({ flags, env: {}, readFile: () => "" }).config;
}
