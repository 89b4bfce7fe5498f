/**
 * A whole cluster in one process under virtual time: the real engine of every node, over simulated
 * disks and a simulated network. Nodes can crash, lose power, restart, pause, lose their disks.
 */
import type { GroupId, NodeId } from "@kqueuey/base";
import { assert, groupId, must, nodeId, Prng } from "@kqueuey/base";
import { type Channel, NodeEngine, type Replica } from "@kqueuey/replica";
import type { Checker, NodeView } from "./checkers/checker.ts";
import { type ClockPlan, NodeClocks, TRUE_CLOCK } from "./clocks.ts";
import { crc32, digest16 } from "./digests.ts";
import { type CrashKind, type DiskFaults, type DiskImage, SimulatedDisk } from "./disk.ts";
import { type NetworkFaults, SimNetwork } from "./network.ts";
import { World } from "./world.ts";

export interface ClusterOptions {
  readonly seed: number;
  readonly nodes: number;
  readonly diskFaults?: Partial<DiskFaults>;
  /** The network when nothing is wrong with it. */
  readonly network?: NetworkFaults;
  /** Small ones make checkpoints, compaction and snapshots happen in short runs. */
  readonly checkpointEveryBytes?: number;
  readonly walSegmentBytes?: number;
  readonly retainedBytesMax?: number;
  readonly cacheBytesMax?: number;
  readonly requestTimeoutMs?: number;
  /** One for each node; true clocks by default. */
  readonly clocks?: readonly ClockPlan[];
  /** Who is told of everything that happens. */
  readonly observers?: readonly Checker[];
}

/** Group 0, the only one for now. */
export const GROUP: GroupId = groupId(0);
const TICK_MS = 10;
const CONNECT_MS = 2;

interface Process {
  readonly engine: NodeEngine;
  scheduled: boolean;
  paused: boolean;
  /** Work that came while paused. */
  woken: boolean;
}

interface SimNode {
  readonly id: NodeId;
  readonly disk: SimulatedDisk;
  readonly clocks: NodeClocks;
  process: Process | undefined;
  /** Processes that ran on it so far. */
  processes: number;
}

/** What a node ended with that it must not have. */
export interface Death {
  readonly node: NodeId;
  readonly reason: string;
  readonly atMs: number;
}

export class SimCluster {
  readonly world: World = new World();
  readonly network: SimNetwork;
  readonly random: Prng;
  /** Nodes that stopped by themselves. */
  readonly deaths: Death[] = [];
  /** One line an event, for people and for comparing runs. */
  readonly trace: string[] = [];
  readonly #options: ClusterOptions;
  readonly #observers: readonly Checker[];
  readonly #nodes = new Map<NodeId, SimNode>();

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.#observers = options.observers ?? [];
    this.random = new Prng(options.seed);
    this.network = new SimNetwork(this.world, this.random.fork().nextU32());
    if (options.network !== undefined) this.network.faults = options.network;
    for (let i = 1; i <= options.nodes; i++) {
      const random = this.random.fork();
      const schedule = (delayMs: number, task: () => void): void =>
        this.world.schedule(delayMs, task);
      const disk = new SimulatedDisk({ schedule, random }, options.diskFaults);
      const id = nodeId(i);
      const clocks = new NodeClocks(options.clocks?.[i - 1] ?? TRUE_CLOCK);
      this.#nodes.set(id, { id, disk, clocks, process: undefined, processes: 0 });
    }
  }

  get ids(): NodeId[] {
    return [...this.#nodes.keys()];
  }

  isUp(id: NodeId): boolean {
    return this.#node(id).process !== undefined;
  }

  isPaused(id: NodeId): boolean {
    return this.#node(id).process?.paused === true;
  }

  startAll(): void {
    for (const id of this.ids) if (!this.isUp(id)) this.start(id);
  }

  /** Starts the node's process on what its disk holds. */
  start(id: NodeId): void {
    const node = this.#node(id);
    assert(node.process === undefined, "the node is up already");
    this.log(id, "start");
    const random = this.random.fork();
    const engine = new NodeEngine(
      {
        id,
        clusterId: new Uint8Array(16).fill(7),
        founders: this.ids,
        groups: [GROUP],
        bootstrap: false,
        raft: {},
        limits: {
          waitingPollsMax: 10_000,
          proposedBytesMax: 16 * 1024 * 1024,
          checkpointEveryBytes: this.#options.checkpointEveryBytes ?? 64 * 1024,
          slowSyncMs: 600,
        },
        store: {
          retainedBytesMax: this.#options.retainedBytesMax ?? 64 * 1024,
          cacheBytesMax: this.#options.cacheBytesMax ?? 64 * 1024,
        },
        walSegmentBytes: this.#options.walSegmentBytes ?? 256 * 1024,
        walSyncMode: () => "dsync",
        requestTimeoutMs: this.#options.requestTimeoutMs ?? 5_000,
        callsMax: 10_000,
        clientUrl: () => `sim://${id}`,
      },
      {
        disk: node.disk.start(),
        crc32,
        digest: digest16,
        random,
        randomBytes: (count) => Uint8Array.from({ length: count }, () => random.nextU32() & 0xff),
        net: {
          send: (to, channel, frame) =>
            node.process === process && this.network.send(id, to, channel, frame),
        },
        wake: () => this.#wake(node, process),
      },
      {
        fatal: (reason) => this.#died(node, process, reason),
        refused: (refusal) => this.#died(node, process, `refused: ${refusal.kind}`),
        log: (_level, event, fields) => this.log(id, `${event} ${JSON.stringify(fields)}`),
        roleChanged: (_group, state) =>
          this.log(id, `${state.role} of term ${state.term}, leader ${state.leader}`),
        applied: (_group, entry, machine) => {
          for (const observer of this.#observers) observer.applied?.(node, entry, machine);
        },
      },
    );
    const process: Process = { engine, scheduled: false, paused: false, woken: false };
    node.process = process;
    this.network.attach(id, {
      onFrame: (from: NodeId, channel: Channel, frame: Uint8Array) =>
        engine.onFrame(from, channel, frame),
    });
    node.processes += 1;
    for (const observer of this.#observers) observer.started?.(id);
    engine.open(node.clocks.monotonic(this.world.nowMs), node.clocks.wall(this.world.nowMs));
    this.#tick(node, process);
    this.world.schedule(CONNECT_MS, () => this.#connect(node, process));
  }

  /** The node's process is gone at once; with `power` also what its disk had not synced. */
  crash(id: NodeId, kind: CrashKind): void {
    const node = this.#node(id);
    if (node.process === undefined) return;
    this.log(id, `crash (${kind})`);
    this.#end(node);
    node.disk.crash(kind);
  }

  /** The process stops running and goes on later as if no time had passed. */
  pause(id: NodeId): void {
    const { process } = this.#node(id);
    if (process === undefined) return;
    this.log(id, "pause");
    process.paused = true;
  }

  resume(id: NodeId): void {
    const node = this.#node(id);
    const { process } = node;
    if (process === undefined || !process.paused) return;
    this.log(id, "resume");
    process.paused = false;
    if (process.woken) this.#wake(node, process);
  }

  /** Loses the disk of a node that is down. */
  wipe(id: NodeId): void {
    this.log(id, "wipe");
    this.#node(id).disk.wipe();
  }

  disk(id: NodeId): SimulatedDisk {
    return this.#node(id).disk;
  }

  image(id: NodeId): DiskImage {
    return this.#node(id).disk.image();
  }

  engine(id: NodeId): NodeEngine | undefined {
    return this.#node(id).process?.engine;
  }

  replica(id: NodeId): Replica | undefined {
    return this.engine(id)?.replica(GROUP);
  }

  /** The nodes that are up, as observers see them. */
  views(): NodeView[] {
    const views: NodeView[] = [];
    for (const node of this.#nodes.values()) {
      const view = viewOf(node);
      if (view !== undefined) views.push(view);
    }
    return views;
  }

  /** Sets a node's wall clock forward or back. */
  jumpClock(id: NodeId, byMs: number): void {
    this.log(id, `wall clock jumps by ${byMs} ms`);
    this.#node(id).clocks.jump(byMs);
  }

  /** The node that leads in the highest term, if one does. */
  leader(): NodeId | undefined {
    let best: { readonly id: NodeId; readonly term: number } | undefined;
    for (const id of this.ids) {
      const role = this.replica(id)?.role;
      if (role?.role !== "leader" || (best !== undefined && best.term > role.term)) continue;
      best = { id, term: role.term };
    }
    return best?.id;
  }

  /** Runs until some node leads and its state knows the cluster's secret. */
  awaitLeader(limitMs: number): NodeId {
    const ready = (): boolean => {
      const id = this.leader();
      return id !== undefined && this.replica(id)?.machine.secret !== undefined;
    };
    assert(this.world.runUntil(ready, limitMs), "no leader in time");
    return must(this.leader(), "a leader");
  }

  log(id: NodeId | undefined, what: string): void {
    this.trace.push(`${this.world.nowMs} ${id ?? "-"} ${what}`);
  }

  #node(id: NodeId): SimNode {
    return must(this.#nodes.get(id), "a node of the cluster");
  }

  #tellStepped(node: SimNode): void {
    if (this.#observers.length === 0) return;
    const view = viewOf(node);
    if (view === undefined) return;
    for (const observer of this.#observers) observer.stepped?.(view, this.world.nowMs);
  }

  #tick(node: SimNode, process: Process): void {
    if (node.process !== process) return;
    this.#wake(node, process);
    this.world.schedule(TICK_MS, () => this.#tick(node, process));
  }

  #wake(node: SimNode, process: Process): void {
    if (process.scheduled || node.process !== process) return;
    if (process.paused) {
      process.woken = true;
      return;
    }
    process.scheduled = true;
    process.woken = false;
    this.world.schedule(0, () => {
      process.scheduled = false;
      if (node.process !== process) return;
      if (process.paused) {
        process.woken = true;
        return;
      }
      const { clocks } = node;
      process.engine.run(clocks.monotonic(this.world.nowMs), clocks.wall(this.world.nowMs));
      this.#tellStepped(node);
    });
  }

  #connect(node: SimNode, process: Process): void {
    if (node.process !== process) return;
    for (const other of this.#nodes.values()) {
      if (other === node || other.process === undefined) continue;
      process.engine.onPeerUp(other.id, "main");
      other.process.engine.onPeerUp(node.id, "main");
    }
  }

  #died(node: SimNode, process: Process, reason: string): void {
    if (node.process !== process) return;
    this.log(node.id, `died: ${reason}`);
    this.deaths.push({ node: node.id, reason, atMs: this.world.nowMs });
    this.#end(node);
    node.disk.crash("process");
  }

  #end(node: SimNode): void {
    node.process = undefined;
    this.network.detach(node.id);
    for (const other of this.#nodes.values()) other.process?.engine.onPeerDown(node.id, "main");
  }
}

function viewOf(node: SimNode): NodeView | undefined {
  const replica = node.process?.engine.replica(GROUP);
  return replica === undefined ? undefined : { id: node.id, process: node.processes, replica };
}
