/**
 * One node's engine: its storage, its replicas, its router. Everything that happens to it is put in
 * line and worked off by `run`, which is the engine's one step: nothing inside it waits, and the same
 * inputs at the same times give the same outputs. The server drives it with sockets and disks, the
 * simulator with a virtual clock.
 */
import type {
  ClusterTimeMs,
  GroupId,
  Incarnation,
  MonotonicMs,
  NodeId,
  WallTimeMs,
} from "@kqueuey/base";
import { assert, groupId, incarnation, logIndex, monotonic, term, wallTime } from "@kqueuey/base";
import type { QueueMachine } from "@kqueuey/queue";
import { bodyRecordLength, isWholeBodyRecord } from "@kqueuey/queue";
import type { Entry, Membership, RaftConfig, SoftState } from "@kqueuey/raft";
import { raftConfig } from "@kqueuey/raft";
import type {
  BodyFraming,
  GroupStore,
  GroupStoreLimits,
  NodeStorage,
  OpenRefusal,
  StoreFailure,
  SyncMode,
} from "@kqueuey/storage";
import { openNodeStorage } from "@kqueuey/storage";
import { Bootstrap } from "./bootstrap.ts";
import type { EngineReply, EngineRequest } from "./engine-request.ts";
import { failure } from "./engine-request.ts";
import { loadMachine, openReplica } from "./opening.ts";
import type { NodeReport } from "./peers.ts";
import { Peers, STATUS_EVERY_MS } from "./peers.ts";
import type { Channel, EnginePorts } from "./ports.ts";
import type { ReplicaLimits, ReplicaOutside } from "./replica.ts";
import { Replica } from "./replica.ts";
import type { RequestHandle } from "./router.ts";
import { Router } from "./router.ts";
import type { DirectoryState, Frame, NodeRole } from "./wire/frame.ts";
import { controlFrame, decodeFrame, raftFrame } from "./wire/frame.ts";
import { decodeRaftMessage, encodeRaftMessage } from "./wire/raft-message.ts";
import { decodeSnapshotMessage, encodeSnapshotMessage } from "./wire/snapshot-message.ts";

export interface NodeConfig {
  readonly id: NodeId;
  /** 16 bytes. */
  readonly clusterId: Uint8Array;
  /** Every node that founds the cluster, this one included. */
  readonly founders: readonly NodeId[];
  readonly groups: readonly GroupId[];
  /** Begin a cluster from an empty directory without every founder's word that it is empty too. */
  readonly bootstrap: boolean;
  readonly raft: Partial<Omit<RaftConfig, "id">>;
  readonly limits: ReplicaLimits;
  readonly store: Partial<GroupStoreLimits>;
  readonly walSegmentBytes: number;
  /** How the log's writes are made durable; asked when the directory is opened. */
  walSyncMode(): SyncMode;
  /** How long a call waits for a leader's answer. */
  readonly requestTimeoutMs: number;
  /** Calls under way at once. */
  readonly callsMax: number;
  /** What other nodes are told of this one. */
  clientUrl(): string;
}

/** What the host is told. */
export interface NodeEvents {
  /** The engine must not go on; the process is to end with this reason. */
  fatal(reason: string): void;
  /** The directory cannot be used. */
  refused(refusal: OpenRefusal): void;
  /** Something for the log. */
  log(
    level: "info" | "warn" | "error",
    event: string,
    fields: Readonly<Record<string, string | number>>,
  ): void;
  /** Role, leader or term of a group changed. */
  roleChanged(group: GroupId, state: SoftState): void;
  /** A checkpoint of a group began, or ended well or not. */
  checkpointing?(group: GroupId, running: boolean): void;
  /** An entry was applied, and `machine` is the state after it: for auditors. Read only. */
  applied?(group: GroupId, entry: Entry, machine: QueueMachine): void;
}

type Phase =
  | { readonly kind: "opening" }
  /** An empty directory: asking the others. */
  | { readonly kind: "greeting"; readonly storage: NodeStorage; readonly bootstrap: Bootstrap }
  | { readonly kind: "loading"; readonly storage: NodeStorage }
  | { readonly kind: "running"; readonly storage: NodeStorage }
  | { readonly kind: "stopped" };

const TICK_EVERY_MS = 10;
/** Bytes that a checkpoint copies in one turn: well under a millisecond. */
const PUMP_BYTES = 128 * 1024;

const FRAMING: BodyFraming = {
  prefixBytes: 8,
  recordLength: (prefix) => bodyRecordLength(prefix, 0) ?? 0,
  verify: isWholeBodyRecord,
};

export class NodeEngine {
  readonly #config: NodeConfig;
  readonly #ports: EnginePorts;
  readonly #events: NodeEvents;
  readonly #raftConfig: RaftConfig;
  readonly #router: Router;
  readonly #peers = new Peers();
  readonly #replicas = new Map<GroupId, Replica>();
  #phase: Phase = { kind: "opening" };
  #inbox: (() => void)[] = [];
  #nowMs: MonotonicMs = monotonic(0);
  #wallMs: WallTimeMs = wallTime(0);
  #nextTickMs = 0;
  #nextStatusMs = 0;
  #dead = false;

  constructor(config: NodeConfig, ports: EnginePorts, events: NodeEvents) {
    this.#config = config;
    this.#ports = ports;
    this.#events = events;
    this.#raftConfig = raftConfig(config.id, config.raft);
    this.#router = new Router(
      { timeoutMs: config.requestTimeoutMs, callsMax: config.callsMax },
      {
        id: config.id,
        random: ports.random,
        replica: (group) => this.#replicas.get(group),
        send: (to, frame) => ports.net.send(to, "main", frame),
      },
    );
  }

  // --- inputs -----------------------------------------------------------------------------------

  /** Opens the directory; the rest follows by itself. */
  open(nowMs: MonotonicMs, wallMs: WallTimeMs): void {
    this.#nowMs = nowMs;
    this.#wallMs = wallMs;
    openNodeStorage(
      {
        clusterId: this.#config.clusterId,
        nodeId: this.#config.id,
        groups: this.#config.groups,
        framing: FRAMING,
        limits: this.#config.store,
        wal: { segmentBytes: this.#config.walSegmentBytes, syncMode: this.#config.walSyncMode() },
        onFailure: (what) => this.#later(() => this.#storeFailed(what)),
      },
      this.#ports,
      (result) =>
        this.#later(() => {
          if (result.ok) this.#opened(result.storage);
          else this.#events.refused(result.refusal);
        }),
    );
  }

  /** A frame of a peer that proved who it is. */
  onFrame(from: NodeId, channel: Channel, bytes: Uint8Array): void {
    this.#later(() => {
      const frame = decodeFrame(bytes);
      if (frame !== undefined) this.#receive(from, channel, frame);
    });
  }

  onPeerUp(peer: NodeId, channel: Channel): void {
    if (channel !== "main") return;
    this.#later(() => {
      this.#greet(peer);
      this.#tellStatus([peer]);
    });
  }

  onPeerDown(peer: NodeId, channel: Channel): void {
    if (channel !== "main") return;
    this.#later(() => {
      for (const replica of this.#replicas.values()) replica.peerDown(peer, this.#nowMs);
      this.#router.peerDown(peer);
    });
  }

  /**
   * Asks a group's leader, wherever it is; `done` is called once, inside a run or at once. An
   * unreadable or unroutable request is answered with a failure.
   */
  call(group: GroupId, request: EngineRequest, done: (reply: EngineReply) => void): RequestHandle {
    if (this.#dead || this.#phase.kind === "stopped") {
      done(failure("UNAVAILABLE", "this node is stopping: ask another"));
      return 0;
    }
    this.#ports.wake();
    return this.#router.call(group, request, done);
  }

  /** Whoever made the call is gone. */
  cancel(handle: RequestHandle): void {
    this.#router.cancel(handle);
    this.#ports.wake();
  }

  /** Ends waiting receives with empty answers and hands leadership to the most caught-up voter. */
  beginStop(): void {
    this.#later(() => {
      for (const replica of this.#replicas.values()) {
        replica.endPolls();
        if (replica.isLeader) replica.raft.stepDownFor("shutdown");
      }
    });
  }

  /** Gives leadership to another node, as long as this one is too slow to be trusted with it. */
  handOver(reason: "slow-disk" | "loop-delay"): void {
    this.#later(() => {
      for (const replica of this.#replicas.values()) {
        if (replica.isLeader) replica.raft.stepDownFor(reason);
      }
    });
  }

  /** Finishes what is being written and stops for good. */
  stop(done: () => void): void {
    const phase = this.#phase;
    this.#phase = { kind: "stopped" };
    if ("storage" in phase) phase.storage.close(() => done());
    else done();
  }

  /** Works off everything that arrived; to be called soon after each `wake`, and every 10 ms. */
  run(nowMs: MonotonicMs, wallMs: WallTimeMs): void {
    if (this.#dead || this.#phase.kind === "stopped") return;
    this.#nowMs = nowMs;
    this.#wallMs = wallMs;
    const tasks = this.#inbox;
    this.#inbox = [];
    for (const task of tasks) task();
    if (nowMs >= this.#nextTickMs) this.#tick();
    this.#router.run(nowMs);
    let more = this.#inbox.length > 0;
    for (const replica of this.#replicas.values()) {
      if (replica.run(nowMs, wallMs)) more = true;
    }
    if (more || this.#inbox.length > 0) this.#ports.wake();
  }

  // --- for the edge and for people --------------------------------------------------------------

  /** This node's copy of a group, once it is open. */
  replica(group: GroupId): Replica | undefined {
    return this.#replicas.get(group);
  }

  /** Under which admission this node speaks; 0 before it has one. */
  get incarnation(): Incarnation {
    return this.#replicas.get(groupId(0))?.raft.status().incarnation ?? incarnation(0);
  }

  get phase(): Phase["kind"] {
    return this.#phase.kind;
  }

  /** The best known cluster time of a group, for how much of a lease is left. */
  clusterNow(group: GroupId, nowMs: MonotonicMs): ClusterTimeMs | undefined {
    return this.#replicas.get(group)?.clusterNow(nowMs);
  }

  /** What this node knows of every founder, itself included. */
  reports(nowMs: MonotonicMs): readonly NodeReport[] {
    return this.#config.founders.map((id) =>
      id === this.#config.id ? this.#ownReport() : this.#peers.report(id, nowMs),
    );
  }

  // --- opening ----------------------------------------------------------------------------------

  #opened(storage: NodeStorage): void {
    if (storage.damage !== undefined) {
      this.#events.log("error", "storage.damaged", { what: storage.damage.message });
      this.#load(storage, true);
    } else if (storage.fresh) {
      const others = this.#config.founders.filter((id) => id !== this.#config.id);
      this.#phase = { kind: "greeting", storage, bootstrap: new Bootstrap(others) };
      this.#decide();
      for (const peer of others) this.#greet(peer);
    } else {
      this.#load(storage, false);
    }
  }

  #decide(): void {
    if (this.#phase.kind !== "greeting") return;
    const { bootstrap, storage } = this.#phase;
    const decision = bootstrap.decide(this.#config.bootstrap);
    if (decision === "wait") return;
    if (decision === "probation") {
      this.#events.log("warn", "node.probation", {
        why: "this directory is empty but the cluster is not: waiting to be admitted again",
      });
      this.#load(storage, true);
    } else {
      this.#events.log("info", "cluster.founded", { nodes: this.#config.founders.length });
      this.#load(storage, false);
    }
  }

  #load(storage: NodeStorage, probation: boolean): void {
    this.#phase = { kind: "loading", storage };
    let left = this.#config.groups.length;
    for (const group of this.#config.groups) {
      const store = storage.group(group);
      const damaged = store.recovered.damage !== undefined;
      openReplica(
        {
          store,
          raft: this.#raftConfig,
          random: this.#ports.random,
          boot: storage.boot,
          probation: probation || damaged,
          founders: this.#founders(),
          nowMs: () => this.#nowMs,
        },
        (result) =>
          this.#later(() => {
            if (!result.ok) {
              this.#loadFailed(result.failure);
              return;
            }
            const parts = { ...result.parts, store };
            const now = { ms: this.#nowMs, wallMs: this.#wallMs };
            const outside = this.#outsideOf(group, store);
            const replica = new Replica(this.#config.limits, parts, outside, now);
            this.#replicas.set(group, replica);
            left -= 1;
            if (left === 0) this.#loaded(storage);
          }),
      );
    }
  }

  #loaded(storage: NodeStorage): void {
    this.#phase = { kind: "running", storage };
    for (const peer of this.#others()) this.#greet(peer);
    this.#events.log("info", "node.running", { boot: storage.boot });
  }

  #founders(): Membership {
    const one = incarnation(1);
    const members = [...this.#config.founders]
      .sort((a, b) => a - b)
      .map((id) => ({ id, incarnation: one, role: "voter" as const }));
    return { members, outgoing: [], lastIncarnation: one };
  }

  /** Tells a peer what this directory holds, so that it can decide about its own. */
  #greet(peer: NodeId): void {
    const phase = this.#phase;
    if (phase.kind === "opening" || phase.kind === "loading" || phase.kind === "stopped") return;
    const status = this.#replicas.get(groupId(0))?.raft.status();
    let state: DirectoryState = "fresh";
    if (phase.kind === "running") state = status?.term === 0 ? "new" : "member";
    const at = status?.term ?? term(0);
    this.#ports.net.send(peer, "main", controlFrame({ kind: "greet", state, term: at }));
  }

  // --- the crank --------------------------------------------------------------------------------

  #tick(): void {
    this.#nextTickMs = this.#nowMs + TICK_EVERY_MS;
    const phase = this.#phase;
    if ("storage" in phase) phase.storage.tick(this.#nowMs);
    for (const replica of this.#replicas.values()) {
      replica.tick(this.#nowMs, this.#wallMs);
      replica.pump(PUMP_BYTES);
    }
    if (this.#nowMs < this.#nextStatusMs) return;
    this.#nextStatusMs = this.#nowMs + STATUS_EVERY_MS;
    this.#tellStatus(this.#others());
    if (phase.kind === "greeting") for (const peer of this.#others()) this.#greet(peer);
  }

  #tellStatus(peers: readonly NodeId[]): void {
    const { role, term: at, applied, clientUrl } = this.#ownReport();
    const frame = controlFrame({ kind: "status", role, term: at, applied, clientUrl });
    for (const peer of peers) this.#ports.net.send(peer, "main", frame);
  }

  #receive(from: NodeId, channel: Channel, frame: Frame): void {
    switch (frame.kind) {
      case "raft":
        for (const packet of frame.packets) {
          const message = decodeRaftMessage(packet.message);
          if (message === undefined || message.from !== from) continue;
          this.#replicas.get(packet.group)?.onMessage(message, packet.clusterTime, this.#nowMs);
        }
        return;
      case "request":
        this.#router.onRequest(from, frame);
        return;
      case "reply":
        this.#router.onReply(from, frame.serial, frame.reply);
        return;
      case "cancel":
        this.#router.onCancel(from, frame.serial);
        return;
      case "greet":
        if (this.#phase.kind === "greeting") {
          this.#phase.bootstrap.onGreeting(from, frame.state, frame.term);
          this.#decide();
        } else if (frame.state === "fresh") {
          this.#greet(from); // It is asking: what we said when it connected may have come too early.
        }
        return;
      case "snapshot": {
        const message = channel === "bulk" ? decodeSnapshotMessage(frame.message) : undefined;
        if (message === undefined) return;
        this.#replicas.get(frame.group)?.onSnapshotMessage(from, message, this.#nowMs);
        return;
      }
      case "hash":
        if (this.#replicas.get(frame.group)?.role.leader !== from) return;
        this.#replicas.get(frame.group)?.onHash(frame.index, frame.hash);
        return;
      case "status":
        this.#peers.onStatus(from, frame, this.#nowMs);
        return;
    }
  }

  #outsideOf(group: GroupId, store: GroupStore): ReplicaOutside {
    const { net } = this.#ports;
    return {
      sendRaft: (message, clusterTime) => {
        const packet = { group, clusterTime, message: encodeRaftMessage(message) };
        net.send(message.to, "main", raftFrame([packet]));
      },
      sendSnapshot: (to, message) => {
        const bytes = encodeSnapshotMessage(message);
        net.send(to, "bulk", controlFrame({ kind: "snapshot", group, message: bytes }));
      },
      sendHash: (index, hash) => {
        const frame = controlFrame({ kind: "hash", group, index, hash });
        for (const peer of this.#others()) net.send(peer, "main", frame);
      },
      later: (task) => this.#later(task),
      isStorageFull: () =>
        "storage" in this.#phase && this.#phase.storage.walStats().space === "full",
      randomBytes: (count) => this.#ports.randomBytes(count),
      roleChanged: (state) => {
        this.#events.roleChanged(group, state);
        this.#tellStatus(this.#others());
        this.#router.leaderChanged();
        this.#ports.wake();
      },
      checkpointing: (running) => this.#events.checkpointing?.(group, running),
      applied: (entry, machine) => this.#events.applied?.(group, entry, machine),
      fatal: (reason) => this.#die(reason),
      reload: (replica, meta) => {
        loadMachine(store, (result) =>
          this.#later(() => {
            if ("machine" in result) replica.replaceMachine(result.machine, meta.term);
            else this.#loadFailed(result);
          }),
        );
      },
    };
  }

  #ownReport(): NodeReport {
    const { id } = this.#config;
    const clientUrl = this.#config.clientUrl();
    const status = this.#replicas.get(groupId(0))?.raft.status();
    if (status === undefined) {
      const nothing = { term: term(0), applied: logIndex(0) };
      return { id, role: "unknown", ...nothing, clientUrl, healthy: !this.#dead };
    }
    const member = status.membership.members.find((each) => each.id === id);
    let role: NodeRole = "candidate";
    if (status.probation) role = "probation";
    else if (status.role === "leader") role = "leader";
    else if (member?.role !== "voter") role = "learner";
    else if (status.role === "follower") role = "follower";
    const { term: at, applied } = status;
    return { id, role, term: at, applied, clientUrl, healthy: !this.#dead };
  }

  #others(): NodeId[] {
    return this.#config.founders.filter((id) => id !== this.#config.id);
  }

  #later(task: () => void): void {
    this.#inbox.push(task);
    this.#ports.wake();
  }

  /** Of damage the store tells us itself, when it has left word for the next start. */
  #loadFailed(what: StoreFailure): void {
    if (what.code !== "damaged") this.#storeFailed(what);
  }

  #storeFailed(what: StoreFailure): void {
    if (what.code === "no-space") {
      this.#events.log("warn", "storage.full", { what: what.message });
    } else if (what.code !== "closed") {
      this.#die(`storage: ${what.message}`);
    }
  }

  #die(reason: string): void {
    if (this.#dead) return;
    this.#dead = true;
    assert(reason.length > 0, "an end has a reason");
    this.#events.fatal(reason);
  }
}
