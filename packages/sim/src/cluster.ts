/**
 * A whole cluster in one process under virtual time: the real engine of every node, over simulated
 * disks and a simulated network. Nodes can crash, lose power, restart, pause, lose their disks.
 */
import type { GroupId, MonotonicMs, NodeId } from "@kqueuey/base";
import { assert, groupId, must, nodeId, Prng } from "@kqueuey/base";
import type { Membership } from "@kqueuey/raft";
import type { NodeConfig, NodeEvents, Replica } from "@kqueuey/replica";
import type { Checker, NodeView } from "./checkers/checker.ts";
import { type ClockPlan, NodeClocks, TRUE_CLOCK } from "./clocks.ts";
import { type CrashKind, type DiskFaults, type DiskImage, SimulatedDisk } from "./disk.ts";
import { type NetworkFaults, SimNetwork } from "./network.ts";
import { type EngineDoor, NodeProcess } from "./node-process.ts";
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

interface SimNode {
  readonly id: NodeId;
  readonly disk: SimulatedDisk;
  readonly clocks: NodeClocks;
  process: NodeProcess | undefined;
  /** Processes that ran on it so far. */
  processes: number;
  view: NodeView | undefined;
  /** The membership that it acted under when its last process ended. */
  lastMembership: Membership | undefined;
  /** What the disk had counted of injected failures when the process began. */
  injectedBefore: number;
}

/** What a node ended with that it must not have. */
export interface Death {
  readonly node: NodeId;
  readonly reason: string;
  readonly atMs: number;
  /** Requests to its disk that were made to fail since the process began. */
  readonly injected: number;
}

export class SimCluster {
  readonly world: World = new World();
  readonly network: SimNetwork;
  readonly random: Prng;
  /** Nodes that stopped by themselves and had no excuse. */
  readonly deaths: Death[] = [];
  /** Told when a node stops by itself; true when there is a reason for it. */
  onDeath: ((death: Death) => boolean) | undefined;
  /** One line an event, for people and for comparing runs. */
  readonly trace: string[] = [];
  readonly #options: ClusterOptions;
  readonly #observers: readonly Checker[];
  /** Those of the observers that want to hear of steps, and of applied entries: most do not. */
  readonly #steppers: readonly Checker[];
  readonly #appliers: readonly Checker[];
  readonly #nodes = new Map<NodeId, SimNode>();

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.#observers = options.observers ?? [];
    this.#steppers = this.#observers.filter((each) => each.stepped !== undefined);
    this.#appliers = this.#observers.filter((each) => each.applied !== undefined);
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
      this.#nodes.set(id, {
        id,
        disk,
        clocks,
        process: undefined,
        processes: 0,
        view: undefined,
        lastMembership: undefined,
        injectedBefore: 0,
      });
    }
  }

  get ids(): NodeId[] {
    return [...this.#nodes.keys()];
  }

  isUp(id: NodeId): boolean {
    return this.#node(id).process !== undefined;
  }

  isPaused(id: NodeId): boolean {
    return this.#node(id).process?.isPaused === true;
  }

  startAll(): void {
    for (const id of this.ids) if (!this.isUp(id)) this.start(id);
  }

  /** Starts the node's process on what its disk holds. */
  start(id: NodeId): void {
    const node = this.#node(id);
    assert(node.process === undefined, "the node is up already");
    this.log(id, "start");
    const { disk, clocks } = node;
    const process: NodeProcess = new NodeProcess({
      world: this.world,
      network: this.network,
      disk,
      clocks,
      random: this.random.fork(),
      config: this.#configOf(id),
      events: this.#eventsOf(node),
      stepped: () => this.#tellStepped(node),
      cameToItsEnd: (kind) => {
        if (node.process === process) this.crash(id, kind);
      },
    });
    node.process = process;
    node.processes += 1;
    node.view = undefined;
    node.injectedBefore = disk.injected;
    for (const observer of this.#observers) observer.started?.(id);
    this.network.attach(id, process.receiver);
    process.open();
  }

  /** The node's process is gone at once; with `power` also what its disk had not synced. */
  crash(id: NodeId, kind: CrashKind): void {
    const node = this.#node(id);
    if (node.process === undefined) return;
    this.log(id, `crash (${kind})`);
    this.#end(node, kind);
  }

  /** The process will be gone before its `effect`th request to disk or network from now. */
  crashAtEffect(id: NodeId, effect: number, kind: CrashKind): void {
    this.#node(id).process?.arm(effect, kind);
  }

  /** The process stops running and goes on later as if no time had passed. */
  pause(id: NodeId): void {
    const { process } = this.#node(id);
    if (process === undefined) return;
    this.log(id, "pause");
    process.pause();
  }

  resume(id: NodeId): void {
    const { process } = this.#node(id);
    if (process === undefined || !process.isPaused) return;
    this.log(id, "resume");
    process.resume();
  }

  /** The node's present process, to stall or to disarm. */
  process(id: NodeId): NodeProcess | undefined {
    return this.#node(id).process;
  }

  /** Loses the disk of a node that is down, or one folder of it. */
  wipe(id: NodeId, folder = ""): void {
    this.log(id, `wipe ${folder}`);
    const node = this.#node(id);
    node.disk.wipe(folder);
    if (folder === "") node.lastMembership = undefined;
  }

  /** The membership that the node acts under, or will when it is up again; undefined if it has none or may not act. */
  membershipOf(id: NodeId): Membership | undefined {
    const status = this.replica(id)?.raft.status();
    if (status === undefined) return this.#node(id).lastMembership;
    return status.probation ? undefined : status.membership;
  }

  disk(id: NodeId): SimulatedDisk {
    return this.#node(id).disk;
  }

  image(id: NodeId): DiskImage {
    return this.#node(id).disk.image();
  }

  /** The node's engine as clients reach it; undefined while it is down. */
  engine(id: NodeId): EngineDoor | undefined {
    return this.#node(id).process?.door;
  }

  replica(id: NodeId): Replica | undefined {
    return this.#node(id).process?.engine.replica(GROUP);
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

  /** What the node's monotonic clock shows. */
  monotonicMs(id: NodeId): MonotonicMs {
    return this.#node(id).clocks.monotonic(this.world.nowMs);
  }

  /** Sets a node's wall clock forward or back. */
  jumpClock(id: NodeId, byMs: number): void {
    this.log(id, `wall clock jumps by ${byMs} ms`);
    this.#node(id).clocks.jump(byMs);
  }

  /** The node that leads in the highest term, if one does. */
  leader(): NodeId | undefined {
    let best: { readonly id: NodeId; readonly term: number } | undefined;
    for (const [id, node] of this.#nodes) {
      const role = node.process?.engine.replica(GROUP)?.role;
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

  #configOf(id: NodeId): NodeConfig {
    const options = this.#options;
    return {
      id,
      clusterId: new Uint8Array(16).fill(7),
      founders: this.ids,
      groups: [GROUP],
      bootstrap: false,
      raft: {},
      limits: {
        waitingPollsMax: 10_000,
        proposedBytesMax: 16 * 1024 * 1024,
        checkpointEveryBytes: options.checkpointEveryBytes ?? 64 * 1024,
        slowSyncMs: 600,
      },
      store: {
        retainedBytesMax: options.retainedBytesMax ?? 64 * 1024,
        cacheBytesMax: options.cacheBytesMax ?? 64 * 1024,
        // Compaction is to happen in short runs.
        sparseLastsMs: 0,
      },
      walSegmentBytes: options.walSegmentBytes ?? 256 * 1024,
      walSyncMode: () => "dsync",
      requestTimeoutMs: options.requestTimeoutMs ?? 5_000,
      callsMax: 10_000,
      clientUrl: () => `sim://${id}`,
    };
  }

  #eventsOf(node: SimNode): NodeEvents {
    const { id } = node;
    return {
      fatal: (reason) => this.#died(node, reason),
      refused: (refusal) => this.#died(node, `refused: ${refusal.kind}`),
      log: (_level, event, fields) => this.log(id, `${event} ${JSON.stringify(fields)}`),
      roleChanged: (_group, state) =>
        this.log(id, `${state.role} of term ${state.term}, leader ${state.leader}`),
      applied: (_group, entry, machine) => {
        for (const observer of this.#appliers) observer.applied?.(node, entry, machine);
      },
    };
  }

  #tellStepped(node: SimNode): void {
    if (this.#steppers.length === 0) return;
    const view = viewOf(node);
    if (view === undefined) return;
    for (const observer of this.#steppers) observer.stepped?.(view, this.world.nowMs);
  }

  #died(node: SimNode, reason: string): void {
    if (node.process === undefined) return;
    this.log(node.id, `died: ${reason}`);
    const injected = node.disk.injected - node.injectedBefore;
    const death = { node: node.id, reason, atMs: this.world.nowMs, injected };
    this.#end(node, "process");
    if (this.onDeath?.(death) !== true) this.deaths.push(death);
  }

  /** Loss of power is silent: no peer hears a connection close. */
  #end(node: SimNode, kind: CrashKind): void {
    node.lastMembership = this.membershipOf(node.id);
    node.process?.end();
    node.process = undefined;
    node.view = undefined;
    this.network.detach(node.id, kind === "power");
    node.disk.crash(kind);
  }
}

function viewOf(node: SimNode): NodeView | undefined {
  const replica = node.process?.engine.replica(GROUP);
  if (replica === undefined) return undefined;
  if (node.view?.replica !== replica) {
    node.view = { id: node.id, process: node.processes, replica };
  }
  return node.view;
}
