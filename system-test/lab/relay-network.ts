/**
 * The network for hosts that allow no namespaces: every node dials its peers through a relay in the
 * test's process, which may hold back or delay what goes one way. A held link does not close: as on a
 * real network that lost its cable, neither end is told.
 */
import { connect, createServer, type Server, type Socket } from "node:net";
import { freePorts } from "../harness/ports.ts";
import type { Direction, LinkFault, Links, Slowness } from "./links.ts";

const LOOPBACK = "127.0.0.1";
/** Held bytes stay in the sender's kernel, as on a network that loses them: no more is read. */
const HIGH_WATER_BYTES = 256 * 1024;

/** One way of one connection. */
interface Flow {
  readonly direction: Direction;
  readonly from: Socket;
  readonly into: Socket;
}

interface PeerPort {
  readonly id: number;
  readonly port: number;
}

export class RelayNetwork implements Links {
  readonly kind = "relays";
  readonly leftOut: readonly string[];
  readonly #relays = new Map<string, { readonly port: number; readonly server: Server }>();
  readonly #cut = new Set<string>();
  readonly #delayMs = new Map<number, number>();
  readonly #flows = new Set<Flow>();

  private constructor(reason: string) {
    this.leftOut = [
      `addresses of their own, lost packets and narrow links (relays between nodes instead): ${reason}`,
    ];
  }

  /** One relay for each ordered pair of `peers`; `reason` is why there is no better network. */
  static async create(peers: readonly PeerPort[], reason: string): Promise<RelayNetwork> {
    const network = new RelayNetwork(reason);
    const pairs = peers.flatMap((from) =>
      peers.filter((to) => to.id !== from.id).map((to) => ({ from, to })),
    );
    const ports = await freePorts(pairs.length);
    for (const [index, { from, to }] of pairs.entries()) {
      const direction = { from: from.id, to: to.id };
      await network.#listen(direction, { dialled: ports[index] ?? 0, target: to.port });
    }
    return network;
  }

  hostOf(): string {
    return LOOPBACK;
  }

  enter(): readonly string[] {
    return [];
  }

  peerAddress(direction: Direction): string {
    const relay = this.#relays.get(keyOf(direction));
    if (relay === undefined) throw new Error(`no relay from ${direction.from} to ${direction.to}`);
    return `${LOOPBACK}:${relay.port}`;
  }

  async setLink(direction: Direction, fault: LinkFault): Promise<void> {
    const key = keyOf(direction);
    if (fault.cut === true) this.#cut.add(key);
    else this.#cut.delete(key);
    for (const flow of this.#flows) {
      if (keyOf(flow.direction) === key) this.#regulate(flow);
    }
    await Promise.resolve();
  }

  async setSlowness(id: number, slowness: Slowness | undefined): Promise<void> {
    if (slowness === undefined) this.#delayMs.delete(id);
    else this.#delayMs.set(id, slowness.delayMs);
    await Promise.resolve();
  }

  async heal(): Promise<void> {
    this.#cut.clear();
    this.#delayMs.clear();
    for (const flow of this.#flows) this.#regulate(flow);
    await Promise.resolve();
  }

  async close(): Promise<void> {
    for (const { from, into } of this.#flows) {
      from.destroy();
      into.destroy();
    }
    const servers = [...this.#relays.values()].map(({ server }) => server);
    await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  }

  async #listen(
    direction: Direction,
    ports: { readonly dialled: number; readonly target: number },
  ): Promise<void> {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (near) => {
      // Dialled at once: whether the peer is there shows when its bytes do, or do not.
      const far = connect({ host: LOOPBACK, port: ports.target, allowHalfOpen: true });
      this.#couple({ direction, from: near, into: far });
      this.#couple({
        direction: { from: direction.to, to: direction.from },
        from: far,
        into: near,
      });
    });
    this.#relays.set(keyOf(direction), { port: ports.dialled, server });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(ports.dialled, LOOPBACK, resolve);
    });
  }

  #couple(flow: Flow): void {
    const { direction, from, into } = flow;
    this.#flows.add(flow);
    from.setNoDelay(true);
    from.on("data", (chunk: Buffer) => {
      const delayMs = this.#delayMs.get(direction.to) ?? 0;
      if (delayMs > 0) setTimeout(() => this.#pass(flow, chunk), delayMs);
      else this.#pass(flow, chunk);
    });
    into.on("drain", () => this.#regulate(flow));
    from.on("error", () => from.destroy());
    // The end of one side is news for the other, and news do not pass a link that is cut.
    from.on("close", () => {
      this.#flows.delete(flow);
      if (!this.#cut.has(keyOf(direction))) into.destroy();
      else into.setTimeout(1_000, () => into.destroy());
    });
    from.on("end", () => from.destroy());
    this.#regulate(flow);
  }

  #pass(flow: Flow, chunk: Buffer): void {
    if (flow.into.destroyed) return;
    flow.into.write(chunk);
    this.#regulate(flow);
  }

  #regulate({ direction, from, into }: Flow): void {
    const held = this.#cut.has(keyOf(direction)) || into.writableLength > HIGH_WATER_BYTES;
    if (held) from.pause();
    else from.resume();
  }
}

function keyOf({ from, to }: Direction): string {
  return `${from}>${to}`;
}
