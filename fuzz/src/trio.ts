/**
 * Three engines over disks in memory, with the frames between them in reach: what they say can be recorded, and
 * anything at all can be said to one of them. Virtual time, no faults of its own.
 */
import { assert, type GroupId, groupId, monotonic, nodeId, Prng, wallTime } from "@kqueuey/base";
import { type EngineReply, type EngineRequest, NodeEngine } from "@kqueuey/replica";
import { MemoryDisk } from "@kqueuey/storage/testing";
import { crc32, digest16 } from "../../packages/sim/src/digests.ts";
import { joined } from "./samples.ts";

export const GROUP: GroupId = groupId(0);
const TICK_MS = 10;
const WALL_MS = 1_700_000_000_000;
const IDS: readonly number[] = [1, 2, 3];

interface Frame {
  readonly from: number;
  readonly to: number;
  readonly bytes: Uint8Array;
}

export class Trio {
  /** Frames of the main channel that were delivered, the last ones. */
  readonly recorded: Frame[] = [];
  /** What an engine ended with, if one did. */
  death: string | undefined;
  recording = true;
  readonly #engines = new Map<number, NodeEngine>();
  readonly #disks = new Map<number, MemoryDisk>();
  #frames: Frame[] = [];
  #nowMs = 0;

  constructor(seed: number) {
    const random = new Prng(seed);
    for (const id of IDS) this.#engines.set(id, this.#makeEngine(id, random.fork()));
    for (const engine of this.#engines.values()) engine.open(monotonic(0), wallTime(WALL_MS));
    for (const from of IDS) {
      for (const to of IDS) {
        if (from !== to) this.engine(from).onPeerUp(nodeId(to), "main");
      }
    }
  }

  engine(id: number): NodeEngine {
    const engine = this.#engines.get(id);
    assert(engine !== undefined, "one of the three");
    return engine;
  }

  /** The node that leads in the highest term; 0 while none does. */
  get leader(): number {
    let best = { id: 0, term: -1 };
    for (const id of IDS) {
      const role = this.engine(id).replica(GROUP)?.role;
      if (role?.role === "leader" && role.term > best.term) best = { id, term: role.term };
    }
    return best.id;
  }

  /** Time passes; everything that is due happens. */
  run(durationMs: number): void {
    const end = this.#nowMs + durationMs;
    while (this.#nowMs < end && this.death === undefined) {
      this.#nowMs += TICK_MS;
      // A few rounds, so that a request can go to and fro within one tick.
      for (let round = 0; round < 4; round++) this.#round();
    }
  }

  /** Runs until `condition` holds; false when it does not within `limitMs`. */
  runUntil(condition: () => boolean, limitMs: number): boolean {
    const end = this.#nowMs + limitMs;
    while (!condition() && this.#nowMs < end && this.death === undefined) this.run(TICK_MS);
    return condition();
  }

  /** Says `bytes` to node `to` in the name of node `from`. */
  say(from: number, to: number, bytes: Uint8Array): void {
    this.engine(to).onFrame(nodeId(from), "main", bytes);
  }

  /** A request at node `at`, and its answer, if one comes within `limitMs`. */
  ask(at: number, request: EngineRequest, limitMs: number): EngineReply | undefined {
    let answer: EngineReply | undefined;
    this.engine(at).call(GROUP, request, (reply) => {
      answer = reply;
    });
    this.runUntil(() => answer !== undefined, limitMs);
    return answer;
  }

  #round(): void {
    for (const disk of this.#disks.values()) disk.run();
    const frames = this.#frames;
    this.#frames = [];
    for (const frame of frames) {
      if (this.recording) this.recorded.push(frame);
      this.engine(frame.to).onFrame(nodeId(frame.from), "main", frame.bytes);
    }
    for (const engine of this.#engines.values()) {
      engine.run(monotonic(this.#nowMs), wallTime(WALL_MS + this.#nowMs));
    }
  }

  #makeEngine(id: number, random: Prng): NodeEngine {
    const disk = new MemoryDisk();
    this.#disks.set(id, disk);
    return new NodeEngine(
      {
        id: nodeId(id),
        clusterId: new Uint8Array(16).fill(7),
        founders: IDS.map(nodeId),
        groups: [GROUP],
        bootstrap: false,
        raft: {},
        limits: {
          waitingPollsMax: 100,
          proposedBytesMax: 1_048_576,
          checkpointEveryBytes: 65_536,
          slowSyncMs: 600,
        },
        store: { retainedBytesMax: 65_536, cacheBytesMax: 65_536 },
        walSegmentBytes: 262_144,
        walSyncMode: () => "dsync",
        requestTimeoutMs: 5_000,
        callsMax: 1_000,
        clientUrl: () => `trio://${id}`,
      },
      {
        disk,
        crc32,
        digest: digest16,
        random,
        randomBytes: (count) => Uint8Array.from({ length: count }, () => random.nextU32() & 0xff),
        net: {
          send: (to, channel, frame) => {
            if (channel === "main") this.#frames.push({ from: id, to, bytes: joined(frame) });
            return true;
          },
        },
        wake: () => undefined,
      },
      {
        fatal: (reason) => {
          this.death ??= `node ${id}: ${reason}`;
        },
        refused: (refusal) => {
          this.death ??= `node ${id} refuses its directory: ${refusal.kind}`;
        },
        log: () => undefined,
        roleChanged: () => undefined,
      },
    );
  }
}
