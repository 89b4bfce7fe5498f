/**
 * A cluster on hosts, links and disks that can be broken, as far as this machine allows it, and what is
 * known of it: who leads, who is whole, which process ended that nobody had ended.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createClient } from "@kqueuey/client";
import { type Cluster, layOut, type Status } from "../harness/cluster.ts";
import { until } from "../harness/condition.ts";
import type { Program } from "../harness/node-process.ts";
import { HostNetwork } from "../lab/host-network.ts";
import type { Links } from "../lab/links.ts";
import { RelayNetwork } from "../lab/relay-network.ts";
import { diskReason, networkReason, powerReason, throttleReason } from "../lab/rights.ts";
import { SmallDisks } from "../lab/small-disks.ts";
import { filesOf } from "./damage.ts";
import type { FileKind, Victim } from "./strike.ts";

export interface ArenaOptions {
  /** 3 unless told. */
  readonly nodes?: number;
  readonly flags?: readonly string[];
  /** Of each node's disk, where it has one of its own; 1 GiB unless told, of which only what is used is taken. */
  readonly diskBytes?: number;
}

const MIB = 1_048_576;
const BULK_QUEUE = "bulk";
/** Messages of 1 MiB sent between two looks for checkpoints. */
const BULK_PART = 20;
const WALL_CLOCK = fileURLToPath(new URL("../lab/wall-clock.mjs", import.meta.url));

export class Arena {
  readonly cluster: Cluster;
  readonly links: Links;
  /** Undefined where no disk image may be mounted. */
  readonly disks: SmallDisks | undefined;
  /** What this machine does not let us do, with the reasons. */
  readonly leftOut: readonly string[];
  /** Processes that we ended, or that may end for what was done to their disk. */
  readonly #excused = new Set<Program>();
  readonly #started = new Map<number, Program[]>();
  #closed = false;

  private constructor(cluster: Cluster, links: Links, disks: SmallDisks | undefined) {
    this.cluster = cluster;
    this.links = links;
    this.disks = disks;
    const reasons = [diskReason(), powerReason(), throttleReason()];
    this.leftOut = [...links.leftOut, ...reasons.filter((reason) => reason !== undefined)];
  }

  /** Everything laid out, and nothing running. */
  static async create(options: ArenaOptions = {}): Promise<Arena> {
    const nodes = options.nodes ?? 3;
    const ids = Array.from({ length: nodes }, (_, index) => index + 1);
    const disks =
      diskReason() === undefined
        ? await SmallDisks.create(ids, options.diskBytes ?? 1_024 * MIB)
        : undefined;
    try {
      const made: Links[] = [];
      const cluster = await layOut({
        nodes,
        flags: options.flags ?? [],
        env: (folder) => ({ NODE_OPTIONS: `--import ${WALL_CLOCK}`, SYSTEM_TEST_FOLDER: folder }),
        links: async (peers) => {
          const links = await breakableLinks(peers);
          made.push(links);
          return links;
        },
        ...(disks === undefined ? {} : { directory: (id) => join(disks.mountOf(id), "data") }),
      });
      const [links] = made;
      if (links === undefined) throw new Error("the cluster did not ask for its links");
      return new Arena(cluster, links, disks);
    } catch (error) {
      disks?.closeNow();
      throw error;
    }
  }

  get ids(): number[] {
    return this.cluster.places.map((place) => place.id);
  }

  get majority(): number {
    return Math.floor(this.ids.length / 2) + 1;
  }

  /** Starts all nodes and waits until they are a cluster. */
  async begin(): Promise<void> {
    for (const id of this.ids) this.start(id);
    await this.whole();
  }

  start(id: number): Program {
    // A strike that goes on after its test was given up must not leave a process behind.
    if (this.#closed) throw new Error("the arena is closed");
    const program = this.cluster.start(id, { SYSTEM_TEST_CLOCK_FILE: this.#clockFile(id) });
    this.#started.set(id, [...(this.#started.get(id) ?? []), program]);
    return program;
  }

  /** Nobody is to wonder why the process of node `id` ends. */
  excuse(id: number): void {
    this.#excused.add(this.cluster.program(id));
  }

  async kill(ids: readonly number[]): Promise<void> {
    for (const id of ids) this.excuse(id);
    await Promise.all(ids.map((id) => this.cluster.kill(id)));
  }

  /** The machines of `ids` lose their power and get it back: what was not synced is gone. */
  async losePower(ids: readonly number[]): Promise<void> {
    const { disks } = this;
    if (disks === undefined) throw new Error(diskReason() ?? "no disks of their own");
    for (const id of ids) this.excuse(id);
    await disks.cutPower(ids);
    await this.kill(ids);
    await disks.restorePower(ids);
    for (const id of ids) this.start(id);
  }

  /** From now on node `id`'s wall clock is off by so much. */
  setClock(id: number, offsetMs: number): void {
    mkdirSync(this.cluster.folder, { recursive: true });
    writeFileSync(this.#clockFile(id), String(offsetMs));
  }

  /** The node that the most answer to be the leader, of the newest term that is known. */
  async findLeader(): Promise<number> {
    return await until(
      async () => {
        const statuses = await Promise.all(
          this.cluster.running.map((id) => this.cluster.status(id).catch(() => undefined)),
        );
        const led = statuses.filter((status) => status !== undefined && status.leader !== 0);
        const newest = led.reduce<Status | undefined>(
          (best, one) => (best === undefined || (one?.term ?? 0) > best.term ? one : best),
          undefined,
        );
        return newest?.leader;
      },
      { what: "a leader" },
    );
  }

  async resolve(victim: Victim): Promise<number> {
    if (typeof victim === "number") return victim;
    const leader = await this.findLeader();
    return victim === "leader" ? leader : this.cluster.otherThan(leader);
  }

  /** Waits until every node runs, votes, and has applied what the leader had when it was asked. */
  async whole(timeoutMs = 60_000): Promise<number> {
    let last = "nothing";
    const outcome = await until(
      async () => {
        // A process that ended by itself does not come back: waiting for it would only hide why.
        const ended = this.unexpectedEnds();
        if (ended.length > 0) return { ended };
        const leader = await this.cluster.leader({ ids: this.ids, timeoutMs: 1_000 });
        const { nodes } = await this.cluster.status(leader);
        last = nodes.map((node) => `${node.id} ${node.role} ${node.appliedIndex}`).join(", ");
        const goal = nodes.find((node) => node.id === leader)?.appliedIndex ?? 0;
        const well = await Promise.all(this.ids.map((id) => this.#votesAt(id, goal)));
        return well.every(Boolean) ? { leader } : undefined;
      },
      { what: () => `all nodes to be whole again (${last})`, timeoutMs },
    );
    if (outcome.leader === undefined) throw new Error(outcome.ended.join("\n"));
    return outcome.leader;
  }

  /** Whether a node says of itself that it votes, and has applied the entry `index`. */
  async #votesAt(id: number, index: number): Promise<boolean> {
    const { nodes } = await this.cluster.status(id);
    const own = nodes.find((node) => node.id === id);
    const isVoter = own?.role === "leader" || own?.role === "follower";
    return isVoter && own.appliedIndex >= index;
  }

  /**
   * Sends as much as it takes for every node to write a checkpoint, and deletes it again: from then on
   * there are files of every kind to damage.
   */
  async checkpointAll(): Promise<void> {
    const client = createClient({ endpoints: this.cluster.endpoints, timeoutMs: 60_000 });
    try {
      await client.createQueue(BULK_QUEUE);
      const part = Array.from({ length: BULK_PART }, () => new Uint8Array(MIB - 1_024));
      // How much makes a checkpoint due differs from node to node, and is more for the leader.
      await until(
        async () => {
          if (this.#allHold("manifest") && this.#allHold("pages")) return true;
          await client.queue(BULK_QUEUE).sendBatch(part);
          return false;
        },
        { what: "a checkpoint on every node", timeoutMs: 60_000 },
      );
      await client.purgeQueue(BULK_QUEUE);
    } finally {
      await client.close();
    }
  }

  #allHold(kind: FileKind): boolean {
    return this.cluster.places.every(({ directory }) => filesOf(directory, kind).length > 0);
  }

  /** Processes that ended though nobody had ended them. */
  unexpectedEnds(): string[] {
    return [...this.#started].flatMap(([id, programs]) =>
      programs
        .filter((program) => !program.running && !this.#excused.has(program))
        .map((program) => `node ${id} ended by itself: ${program.output.slice(-2_000)}`),
    );
  }

  /** Everything that was started or made is gone when this is done. */
  async close(): Promise<void> {
    this.#closed = true;
    const disks = this.disks;
    if (disks !== undefined)
      await Promise.all(this.ids.map((id) => disks.thaw(id).catch(() => undefined)));
    try {
      await this.cluster.stop();
    } finally {
      disks?.closeNow();
    }
  }

  #clockFile(id: number): string {
    return join(this.cluster.folder, `clock-${id}`);
  }
}

/** Hosts of the nodes' own where namespaces are allowed; relays between them where they are not. */
async function breakableLinks(
  peers: readonly { readonly id: number; readonly port: number }[],
): Promise<Links> {
  const reason = networkReason();
  if (reason !== undefined) return await RelayNetwork.create(peers, reason);
  return await HostNetwork.create(peers.map((peer) => peer.id));
}
