/** A cluster in this process, for tests: no sockets, no disk, and time that the test may move. */
import { KQueueyError } from "@kqueuey/contract";
import { streamUrl } from "../endpoint.ts";
import type { Timers, Transport } from "../transport.ts";
import type { ClusterStatus } from "../types.ts";
import { webSocketTransport } from "../websocket-transport.ts";
import { ManualTime } from "./manual-time.ts";
import { TestBroker } from "./test-broker.ts";
import { refuse, TestNode, type TestRequest, type Verdict } from "./test-node.ts";

export interface TestClusterOptions {
  /** 1 to 9; 1 by default. */
  readonly nodes?: number;
  /** `real` (default): the host's clock. `manual`: stands still until `advance`. */
  readonly time?: "real" | "manual";
  /** Decides what happens to each request; everything is answered by default. */
  readonly intercept?: (request: TestRequest) => Verdict;
}

/** An in-process cluster that clients connect to by `transport`. */
export interface TestCluster {
  readonly endpoints: readonly string[];
  /** For `createClient({ endpoints, transport })`. */
  readonly transport: Transport;
  readonly nodes: readonly TestNode[];
  /** Makes a node the leader, or lets the cluster be without one. */
  elect(nodeId: number | undefined): void;
  /** With manual time: moves it on by `ms`. */
  advance(ms: number): Promise<void>;
  /** With manual time: lets everything run that needs no time. */
  settle(): Promise<void>;
  /** With manual time: this process stands still for `ms`; its timers run late. */
  jump(ms: number): void;
}

/**
 * A cluster in this process, with queues, leases and deadlines like a real one. Node 1 leads.
 *
 * ```ts
 * import { createClient } from "@kqueuey/client";
 * import { createTestCluster } from "@kqueuey/client/testing";
 *
 * const cluster = createTestCluster({ time: "manual" });
 * const client = createClient({ endpoints: cluster.endpoints, transport: cluster.transport });
 * await client.createQueue("orders");
 * await client.queue("orders").send("hello");
 * await cluster.advance(1_000);
 * ```
 */
export function createTestCluster(options: TestClusterOptions = {}): TestCluster {
  return new InProcessCluster(options);
}

const CLUSTER_ID = "test-cluster";
const NODES_MAX = 9;

class InProcessCluster implements TestCluster {
  readonly endpoints: readonly string[];
  readonly transport: Transport;
  readonly nodes: readonly TestNode[];
  readonly #time: ManualTime | undefined;
  #leader: number | undefined = 1;
  #term = 1;

  constructor(options: TestClusterOptions) {
    const { nodes = 1, time = "real", intercept = () => "answer" as const } = options;
    if (!(Number.isSafeInteger(nodes) && nodes >= 1 && nodes <= NODES_MAX)) {
      throw new KQueueyError("INVALID_ARGUMENT", `nodes is ${nodes}; it must be 1 to ${NODES_MAX}`);
    }
    this.#time = time === "manual" ? new ManualTime() : undefined;
    const timers: Timers = this.#time ?? webSocketTransport.timers;
    const broker = new TestBroker(timers);
    this.endpoints = Array.from({ length: nodes }, (_, i) => `http://node-${i + 1}.test:9324`);
    this.nodes = this.endpoints.map(
      (url, i) =>
        new TestNode({
          broker,
          timers,
          clusterId: CLUSTER_ID,
          nodeId: i + 1,
          url,
          leaderUrl: () => this.#leaderUrl(),
          judge: intercept,
          status: () => this.#status(),
        }),
    );
    this.transport = {
      timers,
      // The same on every run: jitter has no meaning in a test.
      random: sequence(),
      connect: (url, events) => {
        const node = this.nodes.find((other) => streamUrl(other.url) === url);
        return node === undefined ? refuse(events, "no such host") : node.connect(events);
      },
    };
  }

  elect(nodeId: number | undefined): void {
    this.#leader = nodeId;
    if (nodeId !== undefined) this.#term += 1;
  }

  advance(ms: number): Promise<void> {
    return this.#manual().advance(ms);
  }

  settle(): Promise<void> {
    return this.#manual().settle();
  }

  jump(ms: number): void {
    this.#manual().jump(ms);
  }

  #manual(): ManualTime {
    if (this.#time !== undefined) return this.#time;
    throw new KQueueyError("INVALID_ARGUMENT", 'time moves by itself; ask for time: "manual"');
  }

  #leaderUrl(): string | undefined {
    return this.nodes.find((node) => node.id === this.#leader)?.url;
  }

  #status(): ClusterStatus {
    return {
      clusterId: CLUSTER_ID,
      leader: this.#leader,
      term: this.#term,
      nodes: this.nodes.map((node) => ({
        id: node.id,
        role: node.id === this.#leader ? "leader" : "follower",
        clientUrl: node.url,
        peerAddress: `node-${node.id}.test:9325`,
        appliedIndex: 0,
        healthy: node.healthy,
      })),
    };
  }
}

/** Numbers in [0, 1) that look random and are the same for every cluster. */
function sequence(): () => number {
  let state = 0x9e37_79b9;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 0x1_0000_0000;
  };
}
