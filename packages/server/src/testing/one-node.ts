/**
 * A real engine of one node in this process, with its log in a folder of its own and no listener: for tests that
 * want to know whether the engine does what the in-memory broker says it does. Its time is the host's, and can be
 * moved on by hand.
 */
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ByteWriter, type Clock, monotonic, nodeId, wallTime } from "@kqueuey/base";
import { encodePurgeQueue, NO_REQUEST_ID, queueId } from "@kqueuey/queue";
import { NodeEngine } from "@kqueuey/replica";
import { Driver } from "../driver.ts";
import { callEngine } from "../engine/calls.ts";
import { CATALOGUE } from "../engine/directory.ts";
import { EngineBroker } from "../engine/engine-broker.ts";
import { nodeCrc32 } from "../node/crc32.ts";
import { NodeDisk } from "../node/disk.ts";
import { nodeRandom, randomBytes } from "../node/random.ts";

const MIB = 1_048_576;

export class OneNode {
  readonly broker: EngineBroker;
  readonly #folder: string;
  readonly #engine: NodeEngine;
  readonly #driver: Driver;
  readonly #clock: Clock;
  #aheadMs = 0;
  #isMoved = false;
  #fault: unknown;

  private constructor() {
    this.#folder = mkdtempSync(join(tmpdir(), "kqueuey-one-"));
    this.#clock = {
      nowMs: () => wallTime(Date.now() + this.#aheadMs),
      monotonicMs: () => monotonic(performance.now() + this.#aheadMs),
    };
    this.#driver = new Driver(this.#clock, (error) => {
      this.#fault = error;
    });
    this.#engine = this.#makeEngine();
    this.broker = new EngineBroker(this.#engine, {
      clusterId: "one",
      peerAddresses: new Map(),
      crc32: nodeCrc32,
      monotonicMs: () => this.#clock.monotonicMs(),
      wallMs: () => this.#clock.nowMs(),
    });
  }

  /** Resolves when it leads and has what it needs to answer. */
  static async start(): Promise<OneNode> {
    const node = new OneNode();
    node.#driver.start(node.#engine);
    node.#engine.open(node.#clock.monotonicMs(), node.#clock.nowMs());
    while (node.#engine.replica(CATALOGUE)?.machine.secret === undefined) {
      if (node.#fault !== undefined) throw new Error("the engine failed", { cause: node.#fault });
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    return node;
  }

  nowMs(): number {
    return this.#clock.nowMs();
  }

  /** Moves time on. What falls due happens before `settle` resolves. */
  advance(ms: number): void {
    this.#aheadMs += ms;
    this.#isMoved = true;
  }

  /** After time was moved: an entry of the new time was applied, though it changes nothing else. */
  async settle(): Promise<void> {
    if (!this.#isMoved) return;
    this.#isMoved = false;
    const writer = new ByteWriter(64);
    encodePurgeQueue(writer, { requestId: NO_REQUEST_ID, queueId: queueId(2 ** 40) });
    const to = { group: CATALOGUE, signal: undefined };
    await callEngine(this.#engine, to, { kind: "command", command: writer.take() });
  }

  async stop(): Promise<void> {
    this.#engine.beginStop();
    await new Promise<void>((resolve) => this.#engine.stop(resolve));
    this.#driver.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #makeEngine(): NodeEngine {
    const id = nodeId(1);
    return new NodeEngine(
      {
        id,
        clusterId: new Uint8Array(16),
        founders: [id],
        groups: [CATALOGUE],
        bootstrap: true,
        raft: { electionTimeoutMinMs: 50, electionTimeoutMaxMs: 100, heartbeatMs: 10 },
        limits: {
          waitingPollsMax: 20_000,
          proposedBytesMax: 64 * MIB,
          checkpointEveryBytes: 64 * MIB,
          slowSyncMs: 60_000,
        },
        store: { cacheBytesMax: 16 * MIB },
        walSegmentBytes: 16 * MIB,
        walSyncMode: () => "fdatasync",
        // Longer than any test moves time on: a call is timed from the engine's last turn, before the move.
        requestTimeoutMs: 1_000_000_000,
        callsMax: 100_000,
        clientUrl: () => "",
      },
      {
        disk: new NodeDisk(this.#folder),
        crc32: nodeCrc32,
        digest: (bytes) => createHash("sha256").update(bytes).digest(),
        random: nodeRandom,
        randomBytes,
        net: { send: () => true },
        wake: this.#driver.wake,
      },
      {
        fatal: (reason) => {
          this.#fault = reason;
        },
        refused: (refusal) => {
          this.#fault = refusal;
        },
        log: () => undefined,
        roleChanged: () => undefined,
      },
    );
  }
}
