/**
 * The nodes of the cluster and the connections to them: one each, made when first needed, kept, and made
 * again with a back-off. Which node to ask is a matter of hints: the leader of the queue if one was
 * named, else any node, which forwards.
 */
import { KQueueyError } from "@kqueuey/contract";
import { Connection } from "./connection.ts";
import { streamUrl } from "./endpoint.ts";
import type { Transport } from "./transport.ts";

/** Back-off between attempts to reach a node. */
const RECONNECT_FIRST_MS = 100;
const RECONNECT_MAX_MS = 5_000;
/** Nodes that a client knows at most, named and learned. */
const NODES_MAX = 64;
/** Queues whose leader is remembered; past it all are forgotten and learned anew. */
const LEADERS_MAX = 10_000;

export interface PoolConfig {
  /** Stream URLs. */
  readonly urls: readonly string[];
  readonly clientName: string;
  readonly clusterId: string | undefined;
  readonly discover: boolean;
}

interface Node {
  readonly url: string;
  connection: Connection | undefined;
  failures: number;
  /** Not tried again before. */
  retryAtMs: number;
  cancelRetry: (() => void) | undefined;
  /** Why the last attempt failed. */
  reason: string;
  /** Another URL of a node that is connected already. */
  sameAs: Node | undefined;
}

/** Connections to a cluster. */
export class Pool {
  readonly #config: PoolConfig;
  readonly #transport: Transport;
  readonly #nodes = new Map<string, Node>();
  readonly #leaderOfQueue = new Map<string, string>();
  readonly #waiting = new Set<() => void>();
  #leader: string | undefined;
  #clusterId: string | undefined;
  #started = false;
  #closed = false;

  constructor(config: PoolConfig, transport: Transport) {
    this.#config = config;
    this.#transport = transport;
    this.#clusterId = config.clusterId;
    // Every client begins elsewhere in the list, so that many do not all ask the first node.
    const { urls } = config;
    const first = Math.floor(transport.random() * urls.length);
    for (const url of [...urls.slice(first), ...urls.slice(0, first)]) this.#add(url);
  }

  /**
   * A connection for a call about `queue`, or undefined while there is none: then one is being made, and
   * `whenUsable` tells. `avoid` is taken only if there is no other.
   */
  pick(queue: string, avoid: Connection | undefined): Connection | undefined {
    this.#start();
    const leader = this.#find(this.#leaderOfQueue.get(queue) ?? this.#leader);
    if (leader?.connection?.usable === true && leader.connection !== avoid) {
      return leader.connection;
    }
    let last: Connection | undefined;
    for (const { connection } of this.#nodes.values()) {
      if (connection?.usable !== true) continue;
      if (connection !== avoid) return connection;
      last = connection;
    }
    return last;
  }

  /** Calls `run` once, when a connection has become usable; the returned function ends the wait. */
  whenUsable(run: () => void): () => void {
    this.#waiting.add(run);
    return () => this.#waiting.delete(run);
  }

  /** A node named the leader of a queue's group. */
  learnLeader(queue: string, leaderUrl: string): void {
    if (this.#closed) return;
    const url = streamUrl(leaderUrl);
    if (url === undefined) return;
    if (!this.#nodes.has(url)) {
      if (!this.#config.discover || this.#nodes.size >= NODES_MAX) return;
      this.#connect(this.#add(url));
    }
    if (queue === "") this.#leader = url;
    else {
      if (this.#leaderOfQueue.size >= LEADERS_MAX) this.#leaderOfQueue.clear();
      this.#leaderOfQueue.set(queue, url);
    }
  }

  /** The node that was thought to lead the queue's group does not, and does not know who does. */
  forgetLeader(queue: string, connection: Connection): void {
    const url = this.#leaderOfQueue.get(queue);
    if (url !== undefined && this.#find(url)?.connection === connection) {
      this.#leaderOfQueue.delete(queue);
    }
    if (this.#find(this.#leader)?.connection === connection) this.#leader = undefined;
  }

  /** Why no node can be reached, for people. */
  describe(): string {
    const parts = [...this.#nodes.values()].map(({ url, reason, connection }) => {
      if (connection?.usable === true) return `${url}: connected`;
      return `${url}: ${reason === "" ? "connecting" : reason}`;
    });
    return parts.join("; ");
  }

  /** Ends every connection; calls in flight fail. */
  close(): void {
    this.#closed = true;
    for (const node of this.#nodes.values()) {
      node.cancelRetry?.();
      node.connection?.terminate("the client was closed");
    }
    this.#waiting.clear();
  }

  #start(): void {
    if (this.#started || this.#closed) return;
    this.#started = true;
    for (const node of [...this.#nodes.values()]) this.#connect(node);
  }

  #add(url: string): Node {
    const known = this.#nodes.get(url);
    if (known !== undefined) return known;
    const node: Node = {
      url,
      connection: undefined,
      failures: 0,
      retryAtMs: 0,
      cancelRetry: undefined,
      reason: "",
      sameAs: undefined,
    };
    this.#nodes.set(url, node);
    return node;
  }

  #find(url: string | undefined): Node | undefined {
    if (url === undefined) return undefined;
    const node = this.#nodes.get(url);
    return node?.sameAs ?? node;
  }

  #connect(node: Node): void {
    if (this.#closed || node.connection !== undefined || node.sameAs !== undefined) return;
    node.cancelRetry?.();
    node.cancelRetry = undefined;
    const { clientName } = this.#config;
    const config = { url: node.url, clientName, clusterId: this.#clusterId };
    node.connection = new Connection(config, this.#transport, {
      ready: (connection) => this.#ready(node, connection),
      goingAway: (connection, leaderUrl) => {
        this.forgetLeader("", connection);
        if (leaderUrl !== undefined) this.learnLeader("", leaderUrl);
      },
      closed: (_connection, reason, wasReady) => this.#lost(node, reason, wasReady),
    });
  }

  #ready(node: Node, connection: Connection): void {
    node.failures = 0;
    node.reason = "";
    // The first node that answers says which cluster this is; a node of another one is refused from then on.
    this.#clusterId ??= connection.clusterId;
    if (connection.clusterId !== this.#clusterId) {
      connection.terminate(`it belongs to another cluster, ${connection.clusterId}`);
      return;
    }
    const twin = this.#twinOf(node, connection);
    if (twin !== undefined) {
      node.sameAs = twin;
      connection.terminate(`it is the node of ${twin.url}`);
      return;
    }
    if (connection.leaderUrl !== undefined) this.learnLeader("", connection.leaderUrl);
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const run of waiting) run();
  }

  /** A node may be named twice, as localhost and by its address: one connection is enough. */
  #twinOf(node: Node, connection: Connection): Node | undefined {
    for (const other of this.#nodes.values()) {
      if (other === node || other.connection?.usable !== true) continue;
      if (connection.nodeId !== 0 && other.connection.nodeId === connection.nodeId) return other;
    }
    return undefined;
  }

  #lost(node: Node, reason: string, wasReady: boolean): void {
    const connection = node.connection;
    node.connection = undefined;
    node.reason = reason;
    if (this.#closed) return;
    if (connection !== undefined) this.#forgetEverywhere(node);
    if (node.sameAs !== undefined) return;
    // Whoever is another URL of this node must stand on its own again.
    for (const other of this.#nodes.values()) {
      if (other.sameAs !== node) continue;
      other.sameAs = undefined;
      this.#connect(other);
    }
    // A node that was there a moment ago is tried at once; the pause doubles from failure to failure.
    const pause = Math.min(RECONNECT_MAX_MS, RECONNECT_FIRST_MS * 2 ** node.failures);
    node.failures = wasReady ? 0 : node.failures + 1;
    const delayMs = pause * (0.5 + this.#transport.random() / 2);
    node.cancelRetry = this.#transport.timers.schedule(delayMs, () => this.#connect(node));
  }

  #forgetEverywhere(node: Node): void {
    if (this.#find(this.#leader) === node) this.#leader = undefined;
    for (const [queue, url] of this.#leaderOfQueue) {
      if (this.#find(url) === node) this.#leaderOfQueue.delete(queue);
    }
  }
}

/** What a call fails with when no node could be reached in its time. */
export function unreachableCluster(pool: Pool): KQueueyError {
  return new KQueueyError(
    "UNAVAILABLE",
    `no node of the cluster can be reached (${pool.describe()})`,
  );
}
