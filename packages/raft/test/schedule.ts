/**
 * A group under a random schedule: loss, duplication, reordering, crashes that lose unsynced writes, restarts,
 * wiped and restored disks, membership changes, transfers, snapshots. One seed gives one run. After
 * the storm everything heals, and the group must get work done again.
 */
import { encodeUtf8, logIndex, monotonic, must, type NodeId, nodeId, Prng } from "@kqueuey/base";
import {
  bootstrapMembership,
  type Entry,
  type MemberChange,
  type RaftConfig,
  type RaftMessage,
  type ReadState,
  type Ready,
  raftConfig,
} from "../src/index.ts";
import { SafetyChecker } from "./safety-checker.ts";
import {
  type Checkpoint,
  copyDisk,
  createDisk,
  type Disk,
  SimNode,
  vectorData,
} from "./sim-node.ts";

/** How a schedule is disturbed; every fault is a chance in 1,000 steps. */
export interface Faults {
  readonly lossPermille: number;
  readonly duplicatePermille: number;
  readonly crashPermille: number;
  /** Of the votes and acknowledgements, those whose sender crashes right after and starts again. */
  readonly bouncePermille: number;
  readonly wipePermille: number;
  readonly restorePermille: number;
  readonly membershipPermille: number;
  readonly transferPermille: number;
  readonly disconnectPermille: number;
  readonly partitionPermille: number;
  readonly compactPermille: number;
  /** The longest ordinary step of time. */
  readonly tickMs: number;
}

export interface ScheduleOptions {
  readonly seed: number;
  readonly steps: number;
}

/** What a run did, so that a test can tell a storm from a breeze. */
export interface ScheduleReport {
  readonly committed: number;
  readonly leaders: number;
  readonly crashes: number;
  readonly wipes: number;
  readonly restores: number;
  readonly snapshots: number;
  readonly changes: number;
  readonly reads: number;
}

/** The group did not get work done although nothing stood in its way. */
export class LivenessViolation extends Error {
  override readonly name = "LivenessViolation";
}

interface Flight {
  readonly message: RaftMessage;
}

interface Transfer {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly checkpoint: Checkpoint;
}

const IDS = 7;
const MESSAGES_MAX = 400;

export class Schedule {
  readonly #random: Prng;
  readonly #options: ScheduleOptions;
  readonly #faults: Faults;
  readonly #checker = new SafetyChecker();
  readonly #nodes: SimNode[] = [];
  /** Copies of disks, to be put back later. */
  readonly #copies = new Map<NodeId, Disk>();
  /** Nodes on an old disk, with the incarnation that no longer counts. */
  readonly #restored = new Map<NodeId, number>();
  readonly #config: Omit<RaftConfig, "id">;
  readonly #cut = new Set<NodeId>();
  #flights: Flight[] = [];
  /** Has just promised something and will now crash. */
  #bouncing: NodeId | undefined;
  #transfers: Transfer[] = [];
  #nowMs = 1_000;
  #proposals = 0;
  #contexts = 0;
  #counts = { crashes: 0, wipes: 0, restores: 0, snapshots: 0, changes: 0, reads: 0 };

  constructor(options: ScheduleOptions) {
    this.#options = options;
    const random = new Prng(options.seed);
    this.#random = random;
    this.#faults = drawFaults(random);
    const voters = random.between(3, 7);
    const heartbeatMs = random.between(20, 100);
    const electionTimeoutMinMs = heartbeatMs * random.between(2, 6);
    this.#config = {
      ...raftConfig(nodeId(1)),
      heartbeatMs,
      electionTimeoutMinMs,
      electionTimeoutMaxMs: electionTimeoutMinMs * 2,
      frameBytesMax: random.between(40, 400),
      windowBytesMax: 1_000,
      windowEntriesMax: random.between(1, 20),
      tailBytesMax: random.between(0, 600),
      readBytesMax: 500,
      applyBytesMax: random.between(50, 500),
      promotionLagEntriesMax: random.between(0, 5),
    };
    const ids = Array.from({ length: voters }, (_, at) => nodeId(at + 1));
    for (let at = 1; at <= IDS; at++) {
      const id = nodeId(at);
      const member = at <= voters;
      const disk = createDisk(member ? bootstrapMembership(ids) : undefined, random.between(1, 99));
      this.#nodes.push(this.#createNode(id, disk));
    }
    for (const node of this.#nodes) node.start(this.#nowMs);
  }

  /** Runs the storm, then heals. Throws what it finds. */
  run(): ScheduleReport {
    for (let step = 0; step < this.#options.steps; step++) this.#step();
    this.#heal();
    return {
      committed: this.#checker.committedIndex,
      leaders: this.#checker.leaderCount,
      ...this.#counts,
    };
  }

  #createNode(id: NodeId, disk: Disk): SimNode {
    const watcher = {
      onReady: (node: SimNode, ready: Ready): void => this.#checker.onReady(node, ready),
      onSend: (_: SimNode, message: RaftMessage): void => this.#send(message),
      onApply: (node: SimNode, entry: Entry): void => this.#checker.onApply(node, entry),
      onRead: (node: SimNode, read: ReadState): void => {
        this.#counts.reads += 1;
        this.#checker.onRead(node, read);
      },
    };
    const config = { ...this.#config, id };
    return new SimNode({ config, disk, random: this.#random.fork() }, watcher);
  }

  #send(message: RaftMessage): void {
    const isPromise = message.kind === "vote-response" || message.kind === "append-accepted";
    if (isPromise && this.#random.chance(this.#faults.bouncePermille, 1_000)) {
      this.#bouncing = message.from;
    }
    if (this.#random.chance(this.#faults.lossPermille, 1_000)) return;
    this.#flights.push({ message });
    // A full network loses the oldest.
    if (this.#flights.length > MESSAGES_MAX) this.#flights.shift();
  }

  #step(): void {
    const random = this.#random;
    if (this.#bouncing !== undefined) {
      const node = this.#node(this.#bouncing);
      this.#bouncing = undefined;
      this.#crash(node);
      this.#restart(node);
    }
    const roll = random.between(1, 1_000);
    if (roll <= 500) this.#deliverOne();
    else if (roll <= 640) this.#finishOneWrite();
    else if (roll <= 800) this.#tickOne();
    else if (roll <= 900) this.#work();
    else if (roll <= 940) this.#moveData();
    else this.#disturb();
  }

  /** Mostly in order, sometimes any message, sometimes twice. */
  #deliverOne(): void {
    const random = this.#random;
    if (this.#flights.length === 0) return;
    const last = this.#flights.length - 1;
    const at = random.chance(3, 4) ? 0 : random.between(0, last);
    const flight = must(this.#flights[at], "flight");
    if (!random.chance(this.#faults.duplicatePermille, 1_000)) this.#flights.splice(at, 1);
    this.#deliver(flight.message);
  }

  #deliver(message: RaftMessage): void {
    if (this.#cut.has(message.from) !== this.#cut.has(message.to)) return;
    const node = this.#node(message.to);
    node.raft?.step(monotonic(this.#nowMs), message);
    node.process();
  }

  #finishOneWrite(): void {
    const writers = this.#nodes.filter((node) => node.alive && node.pending.length > 0);
    if (writers.length > 0) this.#random.pick(writers).finishWrite();
  }

  #tickOne(): void {
    this.#nowMs += this.#random.chance(1, 20)
      ? this.#random.between(100, 900)
      : this.#random.between(0, this.#faults.tickMs);
    const node = this.#random.pick(this.#nodes);
    node.raft?.tick(monotonic(this.#nowMs));
    node.process();
  }

  #work(): void {
    const node = this.#random.pick(this.#leaders() ?? this.#nodes);
    const { raft } = node;
    if (raft === undefined) return;
    const roll = this.#random.between(1, 10);
    if (roll <= 6) {
      const batch = Array.from({ length: this.#random.between(1, 3) }, () => {
        this.#proposals += 1;
        return encodeUtf8(`p${this.#proposals}`);
      });
      raft.propose(batch);
    } else if (roll <= 7) raft.propose([vectorData(raft.matchVector())]);
    else {
      this.#contexts += 1;
      if (raft.readIndex(this.#contexts).ok) this.#checker.onReadAsked(this.#contexts);
    }
    node.process();
  }

  #leaders(): SimNode[] | undefined {
    const leaders = this.#nodes.filter((node) => node.raft?.status().role === "leader");
    return leaders.length > 0 ? leaders : undefined;
  }

  /** Reads for followers, snapshots on their way, installations. */
  #moveData(): void {
    const random = this.#random;
    const node = random.pick(this.#nodes);
    if (!node.alive) return;
    if (random.chance(1, 4)) node.checkpoint();
    if (node.reads.length > 0) node.finishRead(random.between(1, 6));
    if (node.snapshotRequests.length > 0) this.#beginTransfer(node);
    if (node.installing !== undefined) this.#finishInstall(node, random.chance(4, 5));
    if (this.#transfers.length > 0 && random.chance(1, 2)) this.#arrive(random.chance(1, 5));
  }

  #beginTransfer(node: SimNode): void {
    const request = must(node.snapshotRequests.shift(), "request");
    node.checkpoint();
    const { checkpoint } = node.disk;
    if (checkpoint.index < request.indexMin) node.raft?.snapshotSent(request.to, undefined);
    else this.#transfers.push({ from: node.id, to: request.to, checkpoint });
    node.process();
  }

  #arrive(lost: boolean): void {
    const transfer = must(this.#transfers.shift(), "transfer");
    const { from, to, checkpoint } = transfer;
    if (!lost && this.#cut.has(from) === this.#cut.has(to)) {
      if (this.#node(to).beginInstall(checkpoint)) {
        this.#counts.snapshots += 1;
        // The answer comes when it is installed, or never: then the leader is told of a failure.
        this.#transfers.push({ ...transfer, to: from, from: to });
        return;
      }
    }
    this.#reportSnapshot(this.#node(from), to, checkpoint);
    this.#reportSnapshot(this.#node(to), from, checkpoint);
  }

  /** Tells `leader` what became of a snapshot for `to`. Nothing happens at a node that sent none. */
  #reportSnapshot(leader: SimNode, to: NodeId, checkpoint: Checkpoint): void {
    const target = this.#node(to);
    const has = target.alive && (target.raft?.status().commit ?? 0) >= checkpoint.index;
    leader.raft?.snapshotSent(to, has ? checkpoint.index : undefined);
    leader.process();
  }

  #finishInstall(node: SimNode, ok: boolean): void {
    node.finishInstall(ok);
  }

  #disturb(): void {
    const random = this.#random;
    const faults = this.#faults;
    const node = random.pick(random.chance(1, 4) ? (this.#leaders() ?? this.#nodes) : this.#nodes);
    const strikes = (permille: number): boolean => random.chance(permille, 1_000);
    if (strikes(faults.crashPermille)) {
      this.#crash(node);
      if (random.chance(1, 2)) this.#restart(node);
    }
    if (!node.alive && random.chance(1, 3)) this.#restart(node);
    if (strikes(faults.wipePermille)) this.#wipe(node);
    if (strikes(faults.restorePermille)) this.#copyOrRestore(node);
    if (strikes(faults.membershipPermille)) this.#changeMembership();
    if (strikes(faults.transferPermille)) this.#transfer();
    if (strikes(faults.disconnectPermille)) this.#disconnect(node);
    if (strikes(faults.partitionPermille)) this.#partition();
    if (strikes(faults.compactPermille)) this.#compact(node);
  }

  #crash(node: SimNode): void {
    if (!node.alive) return;
    this.#counts.crashes += 1;
    this.#checker.onCrash(node);
    node.crash(this.#random.between(0, node.pending.length));
  }

  #restart(node: SimNode): void {
    if (node.alive) return;
    node.start(this.#nowMs);
  }

  /** Memory may be lost by a minority of the voters at a time, whichever membership one looks at. */
  #mayForget(victim: SimNode): boolean {
    let voters = IDS;
    let forgetful = 0;
    for (const node of this.#nodes) {
      const raft = node.raft;
      if (raft === undefined) return false;
      const { membership } = raft.status();
      const halves = [membership.members.filter((m) => m.role === "voter"), membership.outgoing];
      for (const half of halves) if (half.length > 0) voters = Math.min(voters, half.length);
      if (node === victim ? this.#isMember(node) : this.#isForgetful(node)) forgetful += 1;
    }
    return forgetful <= Math.floor((voters - 1) / 2);
  }

  /** A member whose membership, somewhere, is still that of an earlier life, or who is not a voter again. */
  #isStale(node: SimNode): boolean {
    const own = node.raft?.status().incarnation;
    return this.#nodes.some((other) => {
      const { members = [], outgoing = [] } = other.raft?.status().membership ?? {};
      const self = [...members, ...outgoing].filter((member) => member.id === node.id);
      return self.some((member) => member.incarnation !== own || member.role === "joining");
    });
  }

  #isForgetful(node: SimNode): boolean {
    if (!this.#isMember(node)) return false;
    const status = node.raft?.status();
    if (status === undefined || status.probation || this.#isStale(node)) return true;
    return this.#restored.get(node.id) === status.incarnation;
  }

  #isMember(node: SimNode): boolean {
    return this.#nodes.some((other) => {
      const { members = [], outgoing = [] } = other.raft?.status().membership ?? {};
      return [...members, ...outgoing].some((member) => member.id === node.id);
    });
  }

  #wipe(node: SimNode): void {
    if (!this.#mayForget(node)) return;
    this.#counts.wipes += 1;
    this.#crash(node);
    node.disk = createDisk(undefined, this.#random.between(1, 10_000));
    this.#copies.delete(node.id);
    this.#restart(node);
  }

  /**
   * Keeps a copy of a disk, or puts one back: but only one that every other node can tell for old, as the
   * guarantee goes, and only when so many may be out.
   */
  #copyOrRestore(node: SimNode): void {
    const copy = this.#copies.get(node.id);
    if (copy === undefined) {
      this.#copies.set(node.id, copyDisk(node.disk));
      return;
    }
    const last = copy.base.index + copy.entries.length;
    const told = this.#nodes.every(
      (other) =>
        other === node ||
        !this.#isMember(other) ||
        other.disk.checkpoint.recorded.some(
          (record) =>
            record.node === node.id &&
            record.incarnation === copy.hardState.incarnation &&
            record.match > last,
        ),
    );
    if (!told || copy.probation || !this.#mayForget(node)) return;
    this.#counts.restores += 1;
    this.#restored.set(node.id, copy.hardState.incarnation);
    this.#crash(node);
    node.disk = copyDisk(copy);
    this.#restart(node);
  }

  #changeMembership(): void {
    const random = this.#random;
    const leader = this.#leaders()?.[0];
    const raft = leader?.raft;
    if (leader === undefined || raft === undefined) return;
    const change: MemberChange[] = [];
    // An operator takes no voters away while one is out.
    const mayShrink = !this.#nodes.some((node) => this.#isForgetful(node));
    for (let count = random.between(1, 3); count > 0; count--) {
      const id = nodeId(random.between(1, IDS));
      const member = raft.status().membership.members.find((candidate) => candidate.id === id);
      if (member === undefined) {
        change.push({ kind: random.chance(2, 3) ? "add" : "add-learner", id });
      } else if (member.role === "voter") {
        if (!mayShrink) return;
        change.push({ kind: random.chance(1, 2) ? "demote" : "remove", id });
      } else change.push({ kind: random.chance(3, 4) ? "promote" : "remove", id });
    }
    if (raft.changeMembership(change).ok) this.#counts.changes += 1;
    leader.process();
  }

  #transfer(): void {
    const leader = this.#leaders()?.[0];
    if (leader === undefined) return;
    if (this.#random.chance(1, 4)) leader.raft?.stepDownFor("loop-delay");
    else leader.raft?.transferLeadership(nodeId(this.#random.between(1, IDS)));
    leader.process();
  }

  #disconnect(node: SimNode): void {
    const other = this.#random.pick(this.#nodes);
    this.#flights = this.#flights.filter(({ message }) => {
      const ends = [message.from, message.to];
      return !(ends.includes(node.id) && ends.includes(other.id));
    });
    for (const [here, there] of [
      [node, other],
      [other, node],
    ] as const) {
      here.raft?.peerDisconnected(monotonic(this.#nowMs), there.id);
      here.process();
    }
  }

  #partition(): void {
    if (this.#cut.size > 0) {
      this.#cut.clear();
      return;
    }
    const leader = this.#leaders()?.[0];
    if (leader !== undefined && this.#random.chance(1, 2)) this.#cut.add(leader.id);
    else for (const node of this.#nodes) if (this.#random.chance(1, 3)) this.#cut.add(node.id);
  }

  #compact(node: SimNode): void {
    node.checkpoint();
    const { base, checkpoint } = node.disk;
    if (checkpoint.index <= base.index) return;
    node.compact(logIndex(this.#random.between(base.index + 1, checkpoint.index)));
    node.process();
  }

  /** Nothing fails any more: within a minute everyone who belongs to the group has the same log. */
  #heal(): void {
    this.#cut.clear();
    this.#flights = [];
    for (const node of this.#nodes) this.#restart(node);
    const quiet = { ...this.#faults, lossPermille: 0, duplicatePermille: 0, bouncePermille: 0 };
    Object.assign(this.#faults, quiet);
    const deadlineMs = this.#nowMs + 60_000;
    const before = this.#checker.committedIndex;
    for (let round = 0; this.#nowMs < deadlineMs; round++) {
      this.#calmRound();
      const leader = this.#leaders()?.[0];
      if (round % 100 === 50 && this.#checker.committedIndex === before) {
        leader?.raft?.propose([encodeUtf8("healed")]);
        leader?.process();
      }
      if (this.#checker.committedIndex > before && this.#isDone()) return;
    }
    const states = this.#nodes.map((node) => JSON.stringify(node.raft?.status()));
    throw new LivenessViolation(`no progress in a healthy minute\n${states.join("\n")}`);
  }

  #calmRound(): void {
    this.#nowMs += 10;
    for (const node of this.#nodes) {
      node.raft?.tick(monotonic(this.#nowMs));
      node.process();
    }
    for (let turn = 0; turn < 20 && (this.#flights.length > 0 || turn === 0); turn++) {
      const batch = this.#flights;
      this.#flights = [];
      for (const { message } of batch) this.#deliver(message);
      for (const node of this.#nodes) {
        while (node.pending.length > 0) node.finishWrite();
        while (node.reads.length > 0) node.finishRead(50);
        if (node.snapshotRequests.length > 0) this.#beginTransfer(node);
        if (node.installing !== undefined) this.#finishInstall(node, true);
      }
      while (this.#transfers.length > 0) this.#arriveCalmly();
    }
  }

  #arriveCalmly(): void {
    const { from, to, checkpoint } = must(this.#transfers.shift(), "transfer");
    const target = this.#node(to);
    if (target.beginInstall(checkpoint)) target.finishInstall(true);
    this.#reportSnapshot(this.#node(from), to, checkpoint);
    this.#reportSnapshot(target, from, checkpoint);
  }

  #isDone(): boolean {
    const leader = this.#leaders()?.[0];
    const status = leader?.raft?.status();
    if (status === undefined || status.role !== "leader" || !status.membershipCommitted)
      return false;
    if (status.membership.outgoing.length > 0) return false;
    return status.membership.members.every((member) => {
      const own = this.#node(member.id).raft?.status();
      if (own === undefined || member.role === "joining") return false;
      if (own.incarnation !== member.incarnation) return false;
      return own.applied === status.lastIndex;
    });
  }

  #node(id: NodeId): SimNode {
    return must(this.#nodes[id - 1], "node");
  }
}

/** Each fault class is on or off, and hard or soft, by the seed. */
function drawFaults(random: Prng): Faults {
  const level = (max: number): number => (random.chance(1, 2) ? random.between(0, max) : 0);
  return {
    lossPermille: level(200),
    duplicatePermille: level(300),
    crashPermille: level(300),
    bouncePermille: level(200),
    wipePermille: level(150),
    restorePermille: level(300),
    membershipPermille: level(300),
    transferPermille: level(200),
    disconnectPermille: level(150),
    partitionPermille: level(300),
    compactPermille: level(400),
    // Long steps make nodes time out together, and campaign against each other.
    tickMs: random.chance(1, 3) ? random.between(100, 600) : random.between(5, 80),
  };
}
