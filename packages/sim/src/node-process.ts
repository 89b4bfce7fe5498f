/**
 * One process of a simulated node: the real engine between a simulated disk, network and clock. It can
 * stand still, and it can end between any two of its effects: what it would have asked for after that
 * moment never happens.
 */
import type { ClusterTimeMs, GroupId, MonotonicMs, NodeId, Prng, WallTimeMs } from "@kqueuey/base";
import { assert } from "@kqueuey/base";
import type {
  Channel,
  EngineReply,
  EngineRequest,
  NodeConfig,
  NodeEvents,
  Replica,
} from "@kqueuey/replica";
import { NodeEngine } from "@kqueuey/replica";
import type { NodeClocks } from "./clocks.ts";
import { crc32, digest16 } from "./digests.ts";
import type { CrashKind, SimulatedDisk } from "./disk.ts";
import type { Receiver, SimNetwork } from "./network.ts";
import type { World } from "./world.ts";

/** How often the engine is told the time when nothing else happens, ms. */
const TICK_MS = 10;

/** What a process runs on. */
export interface ProcessHost {
  readonly world: World;
  readonly network: SimNetwork;
  readonly disk: SimulatedDisk;
  readonly clocks: NodeClocks;
  readonly random: Prng;
  readonly config: NodeConfig;
  readonly events: NodeEvents;
  /** The engine made a step. */
  stepped(): void;
  /** The process came to the effect before which it was to end: it must be ended at once. */
  cameToItsEnd(kind: CrashKind): void;
}

/** A node's engine as its clients reach it: an answer of a process that is gone or stands still is not seen. */
export interface EngineDoor {
  call(group: GroupId, request: EngineRequest, done: (reply: EngineReply) => void): number;
  cancel(handle: number): void;
  replica(group: GroupId): Replica | undefined;
  /** The best cluster time known to the node, at this moment by its own clock. */
  clusterNow(group: GroupId): ClusterTimeMs | undefined;
}

type State =
  | { readonly kind: "running" }
  /** Stands still; `late` is the time that was read before, to be used afterwards. */
  | { readonly kind: "paused"; readonly late: Readings | undefined }
  /** Past its last effect: what it still says does not count. */
  | { readonly kind: "ended" };

interface Readings {
  readonly ms: MonotonicMs;
  readonly wallMs: WallTimeMs;
}

/** The process ends before its `left`th effect from now. */
interface ArmedCrash {
  left: number;
  readonly kind: CrashKind;
}

export class NodeProcess {
  readonly id: NodeId;
  readonly engine: NodeEngine;
  readonly door: EngineDoor;
  readonly #host: ProcessHost;
  #state: State = { kind: "running" };
  #scheduled = false;
  /** A run was asked for while it stood still. */
  #woken = false;
  /** What came in or out while it stood still, in order. */
  readonly #held: (() => void)[] = [];
  #armed: ArmedCrash | undefined;
  /** The next clock that is read is used only so much later. */
  #stallMs = 0;
  /** It stops for so long right after its next answer. */
  #answerStallMs = 0;

  constructor(host: ProcessHost) {
    const { config, random } = host;
    this.#host = host;
    this.id = config.id;
    this.engine = new NodeEngine(
      config,
      {
        disk: host.disk.start({
          mayAsk: () => this.#passEffect(),
          answer: (tell) => this.#letThrough(() => this.#careful(tell)),
        }),
        crc32,
        digest: digest16,
        random,
        randomBytes: (count) => Uint8Array.from({ length: count }, () => random.nextU32() & 0xff),
        net: {
          send: (to, channel, frame) =>
            this.#passEffect() && host.network.send(config.id, to, channel, frame),
        },
        wake: () => this.#wake(),
      },
      this.#guarded(host.events),
    );
    this.door = this.#makeDoor();
  }

  get isPaused(): boolean {
    return this.#state.kind === "paused";
  }

  /** Opens the directory; the rest follows by itself. */
  open(): void {
    const now = this.#read();
    this.engine.open(now.ms, now.wallMs);
    this.#tick();
  }

  /** Nothing of it happens any more. */
  end(): void {
    this.#state = { kind: "ended" };
    this.#held.length = 0;
  }

  /** It ends, with or without the machine's power, before its `effect`th request to disk or network. */
  arm(effect: number, kind: CrashKind): void {
    assert(effect > 0, "effects are counted from 1");
    this.#armed = { left: effect, kind };
  }

  disarm(): void {
    this.#armed = undefined;
  }

  /** Stands still until `resume`. */
  pause(): void {
    if (this.#state.kind === "running") this.#state = { kind: "paused", late: undefined };
  }

  /** Goes on as if no time had passed. */
  resume(): void {
    const state = this.#state;
    if (state.kind !== "paused") return;
    this.#state = { kind: "running" };
    // What came meanwhile is only met after the step that it interrupted.
    if (state.late !== undefined) this.#run(state.late);
    for (const pass of this.#held.splice(0)) this.#letThrough(pass);
    if (this.#woken) this.#wake();
  }

  /** Reads its clock at its next step and stands still for `lastsMs` before it uses what it read. */
  stallBeforeStep(lastsMs: number): void {
    this.#stallMs = lastsMs;
  }

  /** Stands still for `lastsMs` between its next answer and the moment that the client gets it. */
  stallBeforeAnswer(lastsMs: number): void {
    this.#answerStallMs = lastsMs;
  }

  /** What the network calls. */
  get receiver(): Receiver {
    const { engine } = this;
    return {
      onFrame: (from: NodeId, channel: Channel, frame: Uint8Array) => {
        if (this.#state.kind === "running") engine.onFrame(from, channel, frame);
        else this.#letThrough(() => engine.onFrame(from, channel, frame));
      },
      onPeerUp: (peer) => this.#letThrough(() => engine.onPeerUp(peer, "main")),
      onPeerDown: (peer) => this.#letThrough(() => engine.onPeerDown(peer, "main")),
    };
  }

  #makeDoor(): EngineDoor {
    const { engine } = this;
    /** The engine's handles by the clients': a request waits for a process that stands still. */
    const handles = new Map<number, number>();
    let last = 0;
    return {
      call: (group, request, done) => {
        last += 1;
        const handle = last;
        const answer = (reply: EngineReply): void => {
          handles.delete(handle);
          if (this.#answerStallMs > 0) this.#stallAnswer();
          this.#letThrough(() => done(reply));
        };
        this.#letThrough(() => {
          handles.set(handle, 0);
          const inner = engine.call(group, request, answer);
          if (handles.has(handle)) handles.set(handle, inner);
        });
        return handle;
      },
      cancel: (handle) =>
        this.#letThrough(() => {
          const inner = handles.get(handle);
          if (inner !== undefined) engine.cancel(inner);
        }),
      replica: (group) => engine.replica(group),
      clusterNow: (group) => engine.clusterNow(group, this.#read().ms),
    };
  }

  /** Something enters or leaves the process: at once, after its pause, or never. */
  #letThrough(pass: () => void): void {
    if (this.#state.kind === "running") pass();
    else if (this.#state.kind === "paused") this.#held.push(pass);
  }

  /** Runs code of the engine: one that throws must not run again, and its process ends. */
  #careful(run: () => void): void {
    try {
      run();
    } catch (error) {
      const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.#host.events.log("error", "process.threw", { stack });
      this.#host.events.fatal(`threw: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  #stallAnswer(): void {
    const lastsMs = this.#answerStallMs;
    this.#answerStallMs = 0;
    this.pause();
    this.#host.world.schedule(lastsMs, () => this.resume());
  }

  #guarded(events: NodeEvents): NodeEvents {
    const isOver = (): boolean => this.#state.kind === "ended";
    return {
      fatal: (reason) => {
        if (!isOver()) events.fatal(reason);
      },
      refused: (refusal) => {
        if (!isOver()) events.refused(refusal);
      },
      log: events.log,
      roleChanged: events.roleChanged,
      applied: (group, entry, machine) => {
        if (!isOver()) events.applied?.(group, entry, machine);
      },
    };
  }

  /** Counts an effect; false when the process is gone before it. */
  #passEffect(): boolean {
    if (this.#state.kind === "ended") return false;
    const armed = this.#armed;
    if (armed === undefined) return true;
    armed.left -= 1;
    if (armed.left > 0) return true;
    this.end();
    // The disk and the network are in the middle of something: they hear of it right after.
    this.#host.world.schedule(0, () => this.#host.cameToItsEnd(armed.kind));
    return false;
  }

  #tick(): void {
    if (this.#state.kind === "ended") return;
    this.#wake();
    this.#host.world.schedule(TICK_MS, () => this.#tick());
  }

  #wake(): void {
    if (this.#state.kind === "paused") this.#woken = true;
    if (this.#scheduled || this.#state.kind !== "running") return;
    this.#scheduled = true;
    this.#woken = false;
    this.#host.world.schedule(0, () => this.#wokenUp());
  }

  #wokenUp(): void {
    this.#scheduled = false;
    if (this.#state.kind === "paused") this.#woken = true;
    if (this.#state.kind !== "running") return;
    const now = this.#read();
    if (this.#stallMs === 0) {
      this.#run(now);
      return;
    }
    const stallMs = this.#stallMs;
    this.#stallMs = 0;
    this.#state = { kind: "paused", late: now };
    this.#host.world.schedule(stallMs, () => this.resume());
  }

  #run(now: Readings): void {
    this.#careful(() => this.engine.run(now.ms, now.wallMs));
    if (this.#state.kind !== "ended") this.#host.stepped();
  }

  #read(): Readings {
    const { clocks, world } = this.#host;
    return { ms: clocks.monotonic(world.nowMs), wallMs: clocks.wall(world.nowMs) };
  }
}
