/**
 * The simulated network between nodes: frames are delayed, and on demand lost, duplicated or cut off
 * one way. In order per (sender, receiver, channel) unless `reorder` is on, as over TCP connections
 * that break: a loss also breaks the connection, which both ends are told.
 */
import { type NodeId, Prng } from "@kqueuey/base";
import type { Channel } from "@kqueuey/replica";
import type { World } from "./world.ts";

export interface NetworkFaults {
  /** Delay of a frame, ms. */
  readonly delayMs: { readonly from: number; readonly to: number };
  /** Out of 10,000 frames, how many are lost. */
  readonly lossPer10k: number;
  readonly duplicatePer10k: number;
  /** Whether frames may overtake each other. */
  readonly reorder: boolean;
}

export const CALM_NETWORK: NetworkFaults = {
  delayMs: { from: 1, to: 2 },
  lossPer10k: 0,
  duplicatePer10k: 0,
  reorder: false,
};

/** Who receives frames at an address. */
export interface Receiver {
  onFrame(from: NodeId, channel: Channel, frame: Uint8Array): void;
}

export class SimNetwork {
  faults: NetworkFaults = CALM_NETWORK;
  readonly #world: World;
  readonly #random: Prng;
  readonly #receivers = new Map<NodeId, Receiver>();
  readonly #cut = new Set<string>();
  readonly #lastArrival = new Map<string, number>();

  constructor(world: World, seed: number) {
    this.#world = world;
    this.#random = new Prng(seed);
  }

  /** A node is up: frames for it go to `receiver` from now on. */
  attach(id: NodeId, receiver: Receiver): void {
    this.#receivers.set(id, receiver);
  }

  /** A node is gone: frames on their way to it are lost. */
  detach(id: NodeId): void {
    this.#receivers.delete(id);
  }

  /** True while the node is up. */
  isAttached(id: NodeId): boolean {
    return this.#receivers.has(id);
  }

  /** Cuts the way from one node to another; the other way stays. */
  cut(from: NodeId, to: NodeId): void {
    this.#cut.add(`${from}>${to}`);
  }

  /** Cuts both ways between a node and everybody in `others`. */
  isolate(id: NodeId, others: readonly NodeId[]): void {
    for (const other of others) {
      if (other === id) continue;
      this.cut(id, other);
      this.cut(other, id);
    }
  }

  /** Mends every cut. */
  heal(): void {
    this.#cut.clear();
  }

  send(from: NodeId, to: NodeId, channel: Channel, frame: readonly Uint8Array[]): boolean {
    const target = this.#receivers.get(to);
    if (target === undefined) return false;
    if (this.#cut.has(`${from}>${to}`)) return true;
    if (this.#random.chance(this.faults.lossPer10k, 10_000)) return true;
    this.#deliver(from, to, { channel, bytes: concat(frame), target });
    if (this.#random.chance(this.faults.duplicatePer10k, 10_000)) {
      this.#deliver(from, to, { channel, bytes: concat(frame), target });
    }
    return true;
  }

  #deliver(
    from: NodeId,
    to: NodeId,
    packet: { readonly channel: Channel; readonly bytes: Uint8Array; readonly target: Receiver },
  ): void {
    const { delayMs, reorder } = this.faults;
    let arrival = this.#world.nowMs + this.#random.between(delayMs.from, delayMs.to);
    const way = `${from}>${to}/${packet.channel}`;
    if (!reorder) arrival = Math.max(arrival, this.#lastArrival.get(way) ?? 0);
    this.#lastArrival.set(way, arrival);
    this.#world.schedule(arrival - this.#world.nowMs, () => {
      if (this.#receivers.get(to) !== packet.target || this.#cut.has(`${from}>${to}`)) return;
      packet.target.onFrame(from, packet.channel, packet.bytes);
    });
  }
}

function concat(chunks: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const chunk of chunks) length += chunk.length;
  const out = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    out.set(chunk, at);
    at += chunk.length;
  }
  return out;
}
