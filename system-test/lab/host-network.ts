/**
 * A host of its own for each node: a network namespace with an address, tied to a bridge that stands
 * for the switch. The test's own processes are on the bridge too and reach every node, whatever is cut
 * between the nodes. Faults are on the switch's side, so that no node can tell them from a real network's.
 */
import { run, runNow, succeeds } from "./command.ts";
import { ownerName, removeLeftovers } from "./leftovers.ts";
import type { Direction, LinkFault, Links, Slowness } from "./links.ts";
import { packetFilter } from "./packet-filter.ts";
import { netemReason } from "./rights.ts";

const NETWORKS_MAX = 250;
const open = new Set<HostNetwork>();
process.on("exit", () => {
  for (const network of open) network.closeNow();
});

export class HostNetwork implements Links {
  readonly kind = "namespaces";
  readonly leftOut: readonly string[];
  readonly #number: number;
  readonly #ids: readonly number[];
  readonly #faults = new Map<number, Map<number, LinkFault>>();

  private constructor(number: number, ids: readonly number[]) {
    this.#number = number;
    this.#ids = ids;
    const reason = netemReason();
    this.leftOut =
      reason === undefined ? [] : [`delays of a fixed length (a narrow link instead): ${reason}`];
    open.add(this);
  }

  /** Makes the hosts of nodes `ids`, after what earlier runs left behind was removed. */
  static async create(ids: readonly number[]): Promise<HostNetwork> {
    removeLeftovers();
    const network = new HostNetwork(claimNumber(), ids);
    try {
      await network.#build();
      return network;
    } catch (error) {
      await network.close();
      throw error;
    }
  }

  hostOf(id: number): string {
    return `10.77.${this.#number}.${id}`;
  }

  enter(id: number): readonly string[] {
    return ["nsenter", `--net=/run/netns/${this.#space(id)}`, "--"];
  }

  peerAddress(direction: Direction, port: number): string {
    return `${this.hostOf(direction.to)}:${port}`;
  }

  async setLink({ from, to }: Direction, fault: LinkFault): Promise<void> {
    const faults = this.#faults.get(from) ?? new Map<number, LinkFault>();
    faults.set(to, fault);
    this.#faults.set(from, faults);
    const fates = [...faults].map(([id, { cut, lost }]) => ({
      to: this.hostOf(id),
      lost: cut === true ? 1 : (lost ?? 0),
    }));
    const where = ["dev", this.#port(from), "ingress", "prio", "1", "handle", "1"];
    await run("tc", "filter", "replace", ...where, "bpf", "da", "bytecode", packetFilter(fates));
  }

  async setSlowness(id: number, slowness: Slowness | undefined): Promise<void> {
    const root = ["dev", this.#port(id), "root"];
    if (slowness === undefined) {
      // It fails when there is nothing to remove, and then all is well.
      await run("tc", "qdisc", "del", ...root).catch(() => undefined);
      return;
    }
    const rate = `${slowness.kilobitsPerSecond}kbit`;
    const delay = `${slowness.delayMs}ms`;
    const discipline =
      netemReason() === undefined
        ? ["netem", "delay", delay, "rate", rate]
        : ["tbf", "rate", rate, "burst", "8kb", "latency", delay];
    await run("tc", "qdisc", "replace", ...root, ...discipline);
  }

  async heal(): Promise<void> {
    for (const [from, faults] of this.#faults) {
      for (const to of faults.keys()) await this.setLink({ from, to }, {});
    }
    for (const id of this.#ids) await this.setSlowness(id, undefined);
  }

  async close(): Promise<void> {
    this.closeNow();
    await Promise.resolve();
  }

  /** Cables first: with its namespace a cable goes too, but not before the command has ended. */
  closeNow(): void {
    if (!open.delete(this)) return;
    for (const id of this.#ids) {
      succeeds("ip", "link", "del", this.#port(id));
      succeeds("ip", "netns", "del", this.#space(id));
    }
    succeeds("ip", "link", "del", bridgeName(this.#number));
  }

  async #build(): Promise<void> {
    const bridge = bridgeName(this.#number);
    await run("ip", "addr", "add", `10.77.${this.#number}.254/24`, "dev", bridge);
    await run("ip", "link", "set", bridge, "up");
    for (const id of this.#ids) await this.#plug(id, bridge);
  }

  async #plug(id: number, bridge: string): Promise<void> {
    const space = this.#space(id);
    const port = this.#port(id);
    const inside = ["netns", "exec", space, "ip"];
    await run("ip", "netns", "add", space);
    await run("ip", "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", space);
    await run("ip", "link", "set", port, "master", bridge, "up");
    await run("tc", "qdisc", "add", "dev", port, "clsact");
    await run("ip", ...inside, "addr", "add", `${this.hostOf(id)}/24`, "dev", "eth0");
    await run("ip", ...inside, "link", "set", "lo", "up");
    await run("ip", ...inside, "link", "set", "eth0", "up");
  }

  #space(id: number): string {
    return `kqueuey-${this.#number}-${id}`;
  }

  /** The switch's end of a node's cable. */
  #port(id: number): string {
    return `kqp${this.#number}-${id}`;
  }
}

/** The bridge's name is the claim: making a second one of that name fails, in whatever process. */
function claimNumber(): number {
  for (let number = 0; number < NETWORKS_MAX; number += 1) {
    const bridge = bridgeName(number);
    if (!succeeds("ip", "link", "add", bridge, "type", "bridge")) continue;
    runNow("ip", "link", "set", bridge, "alias", ownerName());
    return number;
  }
  throw new Error("no free 10.77.*.0/24 network: what other runs left behind is in `ip link`");
}

function bridgeName(number: number): string {
  return `kqbridge${number}`;
}
