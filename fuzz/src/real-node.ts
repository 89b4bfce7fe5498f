/**
 * A whole node on a directory of its own, in this process, with a message in it that must survive everything.
 * What the node itself calls a fault is kept, and breaks the promise.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLogger, loadConfig, type RunningServer, startServer } from "@kqueuey/server";
import { freePorts } from "../../system-test/harness/ports.ts";
import { at, call, listAt, textAt } from "../../system-test/harness/rpc.ts";
import { promise } from "./target.ts";

/** What the workload may use; nothing else is in the way of the survivor. */
export const QUEUE = "orders";
const SURVIVOR_QUEUE = "survivor";
const SURVIVOR = "a message that nobody may lose";
/** What nodes write when something happened that should not have. */
const FAULT_EVENTS = /"event":"(rpc\.fault|sqs\.fault|http\.fault|engine\.\w+|storage\.damaged)"/;

export class RealNode {
  readonly url: string;
  readonly clientPort: number;
  readonly peerPort: number;
  readonly #server: RunningServer;
  readonly #folder: string;
  readonly #faults: string[];

  private constructor(
    server: RunningServer,
    about: { readonly folder: string; readonly peerPort: number; readonly faults: string[] },
  ) {
    this.#server = server;
    this.#folder = about.folder;
    this.#faults = about.faults;
    this.peerPort = about.peerPort;
    this.url = server.clientUrl;
    this.clientPort = Number(new URL(server.clientUrl).port);
  }

  static async start(): Promise<RealNode> {
    const folder = mkdtempSync(join(tmpdir(), "kqueuey-fuzz-"));
    const [peerPort = 0] = await freePorts(1);
    const { config } = loadConfig({
      flags: {
        clientListen: "127.0.0.1:0",
        peerListen: `127.0.0.1:${peerPort}`,
        storageDirectory: join(folder, "node"),
        walSegmentBytes: "16MiB",
        recentBodiesBytesMax: "1MiB",
        logLevel: "warn",
      },
      env: {},
      readFile: () => "",
    });
    const faults: string[] = [];
    const write = (line: string): void => {
      if (FAULT_EVENTS.test(line)) faults.push(line);
    };
    const logger = createLogger({ level: "warn", format: "json", fields: {}, write });
    const server = await startServer({ config, logger });
    const node = new RealNode(server, { folder, peerPort, faults });
    await node.#leave();
    return node;
  }

  /** Throws when the node called something a fault since the last time. */
  checkFaults(): void {
    const [first] = this.#faults.splice(0);
    promise(first === undefined, `the node reports a fault: ${first ?? ""}`);
  }

  /** A request of the native API that must be answered well. */
  async ask(method: string, body: unknown): Promise<unknown> {
    return await call(this.url, `QueueService/${method}`, body);
  }

  /** Receipts of messages of `QUEUE` that are leased. */
  async lease(count: number): Promise<readonly string[]> {
    const messages = Array.from({ length: count }, (_, i) => ({ text: `message ${i}` }));
    await this.ask("Send", { queue: QUEUE, messages });
    const answer = await this.ask("Receive", { queue: QUEUE, maxMessages: count });
    return listAt(answer, "messages").map((message) => textAt(message, "receiptHandle"));
  }

  /** The survivor is where it was and can be worked on; then the node stops in order. */
  async close(): Promise<void> {
    try {
      const answer = await this.ask("Receive", { queue: SURVIVOR_QUEUE, maxMessages: 10 });
      const messages = listAt(answer, "messages");
      promise(messages.length === 1, `${messages.length} messages survived, and not the one`);
      promise(textAt(messages[0], "text") === SURVIVOR, "the survivor's body changed");
      const receiptHandles = [textAt(messages[0], "receiptHandle")];
      const ended = await this.ask("Tombstone", { queue: SURVIVOR_QUEUE, receiptHandles });
      const [result] = listAt(ended, "results");
      promise(at(result, "outcome") === "effective", "the survivor can't be tombstoned");
      this.checkFaults();
    } finally {
      await this.#server.stop();
      rmSync(this.#folder, { recursive: true, force: true });
    }
  }

  async #leave(): Promise<void> {
    for (const queue of [QUEUE, SURVIVOR_QUEUE]) {
      await this.ask("CreateQueue", { queue, attributes: { visibilityTimeoutMs: 30_000 } });
    }
    await this.ask("Send", { queue: SURVIVOR_QUEUE, messages: [{ text: SURVIVOR }] });
  }
}
