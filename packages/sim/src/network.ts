/**
 * The simulated network between nodes. Each way between two nodes is a link of its own that can be cut,
 * slowed, lossy. Frames of a way arrive in order unless the weather reorders them. Above the links are the
 * connections, one a pair, as over TCP: what is sent without one is refused, one that breaks loses what
 * is under way and tells both ends, and a cut way alone tells nobody, because silence looks like patience.
 */
import { must, type NodeId } from "@kqueuey/base";
import type { Channel } from "@kqueuey/replica";
import { stream } from "./streams.ts";
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

/** How long it takes to make a connection, and how often one that fails is tried again, ms. */
const CONNECT_MS = 2;
const RETRY_MS = 50;

/** Who receives frames at an address. */
export interface Receiver {
  onFrame(from: NodeId, channel: Channel, frame: Uint8Array): void;
  /** A connection with the peer was made, or broke. */
  onPeerUp?(peer: NodeId): void;
  onPeerDown?(peer: NodeId): void;
}

/** One way from a node to another. */
interface Link {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly random: ReturnType<typeof stream>;
  /** Cuts in force: it carries frames while there is none. */
  cuts: number;
  slowMs: number;
  /** When the last frame of each channel arrives. */
  mainArrivalMs: number;
  bulkArrivalMs: number;
}

/** A connection between two nodes, in both directions. */
interface Connection {
  readonly a: NodeId;
  readonly b: NodeId;
  up: boolean;
  /** Counts breaks: a frame of an earlier one is lost. */
  epoch: number;
  /** Somebody is dialling already. */
  dialling: boolean;
}

export class SimNetwork {
  faults: NetworkFaults = CALM_NETWORK;
  /** Frames that arrived, all in all. */
  delivered = 0;
  readonly #world: World;
  readonly #seed: number;
  readonly #receivers = new Map<NodeId, Receiver>();
  /** By `from * NODES_MAX + to`. */
  readonly #links = new Map<number, Link>();
  readonly #connections = new Map<number, Connection>();

  constructor(world: World, seed: number) {
    this.#world = world;
    this.#seed = seed;
  }

  /** A node is up: it connects with the others, and frames for it go to `receiver` from now on. */
  attach(id: NodeId, receiver: Receiver): void {
    const connections = [...this.#receivers.keys()].map((other) => this.#connection(id, other));
    for (const connection of connections) {
      // The peer learns only now that the process it was connected with is gone.
      if (connection.up) this.#break(connection);
      this.#dial(connection, CONNECT_MS);
    }
    this.#receivers.set(id, receiver);
  }

  /** A node is gone: frames on their way to it are lost. A machine that lost its power says no good-bye. */
  detach(id: NodeId, silently = false): void {
    this.#receivers.delete(id);
    for (const other of this.#receivers.keys()) {
      const connection = this.#connection(id, other);
      const heard = this.#link(id, other).cuts === 0;
      if (connection.up && heard && !silently) this.#break(connection);
    }
  }

  /** True while the node is up. */
  isAttached(id: NodeId): boolean {
    return this.#receivers.has(id);
  }

  /** Cuts the way from one node to another; the other way stays. The returned function mends it. */
  cut(from: NodeId, to: NodeId): () => void {
    const link = this.#link(from, to);
    link.cuts += 1;
    let cut = true;
    return () => {
      if (cut) link.cuts = Math.max(0, link.cuts - 1);
      cut = false;
    };
  }

  /** Cuts both ways between a node and everybody in `others`. */
  isolate(id: NodeId, others: readonly NodeId[]): () => void {
    const mends: (() => void)[] = [];
    for (const other of others) {
      if (other === id) continue;
      mends.push(this.cut(id, other), this.cut(other, id));
    }
    return () => {
      for (const mend of mends) mend();
    };
  }

  /** Frames from one node to another take longer until the returned function is called. */
  slow(from: NodeId, to: NodeId, byMs: number): () => void {
    const link = this.#link(from, to);
    link.slowMs += byMs;
    let slow = true;
    return () => {
      if (slow) link.slowMs = Math.max(0, link.slowMs - byMs);
      slow = false;
    };
  }

  /** Mends every cut and every slow link. */
  heal(): void {
    for (const link of this.#links.values()) {
      link.cuts = 0;
      link.slowMs = 0;
    }
  }

  /** The node's connections break: what is under way is lost, both ends are told, and both dial again. */
  breakConnections(id: NodeId): void {
    for (const other of this.#receivers.keys()) {
      if (other === id) continue;
      const connection = this.#connection(id, other);
      if (!connection.up) continue;
      this.#break(connection);
      this.#dial(connection, CONNECT_MS);
    }
  }

  send(from: NodeId, to: NodeId, channel: Channel, frame: readonly Uint8Array[]): boolean {
    const connection = this.#connection(from, to);
    if (!connection.up) return false;
    const target = this.#receivers.get(to);
    const link = this.#link(from, to);
    if (target === undefined || link.cuts > 0) return true;
    const { lossPer10k, duplicatePer10k } = this.faults;
    if (lossPer10k > 0 && link.random.chance(lossPer10k, 10_000)) return true;
    const packet = { channel, bytes: joined(frame), target, epoch: connection.epoch };
    this.#deliver(link, connection, packet);
    if (duplicatePer10k > 0 && link.random.chance(duplicatePer10k, 10_000)) {
      this.#deliver(link, connection, packet);
    }
    return true;
  }

  #deliver(
    link: Link,
    connection: Connection,
    packet: {
      readonly channel: Channel;
      readonly bytes: Uint8Array;
      readonly target: Receiver;
      readonly epoch: number;
    },
  ): void {
    const { delayMs, reorder } = this.faults;
    const { nowMs } = this.#world;
    const { channel } = packet;
    let arrivalMs = nowMs + link.random.between(delayMs.from, delayMs.to) + link.slowMs;
    if (!reorder) {
      const before = channel === "main" ? link.mainArrivalMs : link.bulkArrivalMs;
      if (before > arrivalMs) arrivalMs = before;
    }
    if (channel === "main") link.mainArrivalMs = arrivalMs;
    else link.bulkArrivalMs = arrivalMs;
    this.#world.schedule(arrivalMs - nowMs, () => {
      if (link.cuts > 0 || connection.epoch !== packet.epoch) return;
      if (this.#receivers.get(link.to) !== packet.target) return;
      this.delivered += 1;
      packet.target.onFrame(link.from, channel, packet.bytes);
    });
  }

  #break(connection: Connection): void {
    const { a, b } = connection;
    connection.up = false;
    connection.epoch += 1;
    this.#receivers.get(a)?.onPeerDown?.(b);
    this.#receivers.get(b)?.onPeerDown?.(a);
  }

  /** Makes the connection as soon as both nodes are up and hear each other. */
  #dial(connection: Connection, afterMs: number): void {
    if (connection.dialling) return;
    connection.dialling = true;
    this.#world.schedule(afterMs, () => {
      connection.dialling = false;
      const { a, b } = connection;
      const [first, second] = [this.#receivers.get(a), this.#receivers.get(b)];
      if (first === undefined || second === undefined || connection.up) return;
      if (this.#link(a, b).cuts > 0 || this.#link(b, a).cuts > 0) {
        this.#dial(connection, RETRY_MS);
        return;
      }
      connection.up = true;
      first.onPeerUp?.(b);
      second.onPeerUp?.(a);
    });
  }

  #link(from: NodeId, to: NodeId): Link {
    const at = from * NODES_MAX + to;
    let link = this.#links.get(at);
    if (link === undefined) {
      const random = stream(this.#seed, `link ${from} ${to}`);
      link = { from, to, random, cuts: 0, slowMs: 0, mainArrivalMs: 0, bulkArrivalMs: 0 };
      this.#links.set(at, link);
    }
    return link;
  }

  #connection(one: NodeId, other: NodeId): Connection {
    const [a, b] = one < other ? [one, other] : [other, one];
    const at = a * NODES_MAX + b;
    let connection = this.#connections.get(at);
    if (connection === undefined) {
      connection = { a, b, up: false, epoch: 0, dialling: false };
      this.#connections.set(at, connection);
    }
    return connection;
  }
}

/** Above every node's number. */
const NODES_MAX = 0x1_0000;

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  if (chunks.length === 1) return must(chunks[0], "the only chunk");
  let length = 0;
  for (const chunk of chunks) length += chunk.length;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
