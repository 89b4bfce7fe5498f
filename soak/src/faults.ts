/**
 * The faults of a soak, one at a time, drawn from the seed. In the first half any node may be hit, and all at
 * once. In the second half the processes of two nodes live on (they are paused at most), so that a leak has the
 * time to show; the third goes on being killed and wiped, so that they keep meeting a peer that comes and goes.
 */
import { rmSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import type { Cluster } from "../../system-test/harness/cluster.ts";
import { Random } from "../../system-test/nemesis/random.ts";

export type FaultKind = "kill" | "pause" | "wipe" | "restart all";

/** One fault that was done, for the record. Seconds since the load began. */
export interface FaultRecord {
  readonly kind: FaultKind;
  /** 0 for all nodes. */
  readonly node: number;
  readonly atS: number;
  /** When all nodes agreed on a leader again, and the hit one had caught up. */
  readonly healedAtS: number;
}

/** From the healing of one to the next, ms. */
const REST_MS = { from: 8_000, to: 20_000 } as const;
const DOWN_MS = { from: 500, to: 4_000 } as const;
const PAUSED_MS = { from: 300, to: 5_000 } as const;
const HEALED_LIMIT_MS = 120_000;

export class Faults {
  readonly done: FaultRecord[] = [];
  readonly #cluster: Cluster;
  readonly #random: Random;
  readonly #nowS: () => number;
  /** The node that may be hit for as long as the soak lasts. */
  readonly victim: number;
  #calm = false;

  constructor(cluster: Cluster, seed: number, nowS: () => number) {
    this.#cluster = cluster;
    this.#random = new Random(seed);
    this.#nowS = nowS;
    this.victim = this.#random.pick(cluster.places).id;
  }

  /** Does faults until the signal; each one heals before the next, and before this ends. */
  async run(calmFromS: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await pause(this.#random.between(REST_MS.from, REST_MS.to), undefined, { signal }).catch(
        () => undefined,
      );
      if (signal.aborted) return;
      this.#calm = this.#nowS() > calmFromS;
      await this.#next();
    }
  }

  async #next(): Promise<void> {
    const kinds: readonly FaultKind[] = this.#calm
      ? ["kill", "kill", "pause", "pause", "wipe"]
      : ["kill", "kill", "pause", "pause", "wipe", "restart all"];
    const kind = this.#random.pick(kinds);
    const any = this.#random.pick(this.#cluster.places).id;
    const node = this.#calm && kind !== "pause" ? this.victim : any;
    const atS = this.#nowS();
    console.log(
      `${atS.toFixed(0).padStart(6)} s  ${kind}${kind === "restart all" ? "" : ` ${node}`}`,
    );
    await this.#strike(kind, node);
    await this.#healed();
    const hit = kind === "restart all" ? 0 : node;
    this.done.push({ kind, node: hit, atS, healedAtS: this.#nowS() });
  }

  async #strike(kind: FaultKind, node: number): Promise<void> {
    const cluster = this.#cluster;
    const downMs = this.#random.between(DOWN_MS.from, DOWN_MS.to);
    switch (kind) {
      case "kill":
        await cluster.kill(node);
        await pause(downMs);
        cluster.start(node);
        return;
      case "wipe":
        await cluster.kill(node);
        rmSync(cluster.place(node).directory, { recursive: true, force: true });
        await pause(downMs);
        cluster.start(node);
        return;
      case "pause":
        cluster.pause(node);
        await pause(this.#random.between(PAUSED_MS.from, PAUSED_MS.to));
        cluster.resume(node);
        return;
      case "restart all":
        await Promise.all(cluster.places.map(({ id }) => cluster.kill(id)));
        await pause(downMs);
        cluster.startAll();
        return;
    }
  }

  /** All nodes agree on a leader, are voters again and not far behind: the next fault is then the only one. */
  async #healed(): Promise<void> {
    const cluster = this.#cluster;
    const ids = cluster.places.map(({ id }) => id);
    const endMs = performance.now() + HEALED_LIMIT_MS;
    while (performance.now() < endMs) {
      const leader = await cluster.leader({ ids, timeoutMs: HEALED_LIMIT_MS });
      const { nodes } = await cluster.status(leader).catch(() => ({ nodes: [] }));
      const most = Math.max(0, ...nodes.map((node) => node.appliedIndex));
      const well = nodes.every(
        ({ role, appliedIndex }) =>
          (role === "leader" || role === "follower") && appliedIndex > most - 5_000,
      );
      if (nodes.length === ids.length && well) return;
      await pause(250);
    }
    throw new Error("the cluster did not heal");
  }
}
