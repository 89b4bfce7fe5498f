/** A cluster of real processes on free ports in a folder of its own. Free of any test runner. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Links } from "../lab/links.ts";
import { until } from "./condition.ts";
import { Program } from "./node-process.ts";
import { freePorts } from "./ports.ts";
import { call, listAt, numberAt, textAt } from "./rpc.ts";

export interface ClusterOptions {
  /** 3 unless told. */
  readonly nodes?: number;
  /** Further flags of `serve`, the same for every node. */
  readonly flags?: readonly string[];
  /** Variables of the nodes' environment, given the cluster's folder. */
  readonly env?: (folder: string) => Readonly<Record<string, string>>;
  /** Hosts of the nodes' own, and links to break; all on loopback unless told. Asked for once per cluster. */
  readonly links?: (
    peers: readonly { readonly id: number; readonly port: number }[],
  ) => Promise<Links>;
  /** Where node `id` keeps its data; in the cluster's folder unless told. */
  readonly directory?: (id: number) => string;
}

/** Where one node is. */
export interface NodePlace {
  readonly id: number;
  readonly host: string;
  readonly clientUrl: string;
  readonly clientPort: number;
  readonly peerPort: number;
  readonly directory: string;
}

/** What `ClusterService/Status` answers, as far as tests ask. */
export interface Status {
  /** 0 while there is none. */
  readonly leader: number;
  readonly term: number;
  readonly nodes: readonly {
    readonly id: number;
    readonly role: string;
    readonly appliedIndex: number;
    readonly healthy: boolean;
  }[];
}

let clusters = 0;

export class Cluster {
  readonly id: string;
  readonly folder: string;
  readonly places: readonly NodePlace[];
  readonly links: Links | undefined;
  readonly #flags: readonly string[];
  readonly #env: Readonly<Record<string, string>>;
  readonly #programs = new Map<number, Program>();

  constructor(
    layout: Pick<Cluster, "id" | "places" | "folder" | "links">,
    options: ClusterOptions = {},
  ) {
    this.id = layout.id;
    this.places = layout.places;
    this.folder = layout.folder;
    this.links = layout.links;
    this.#env = options.env?.(layout.folder) ?? {};
    // The smallest log segments: what a test waits for is not their allocation.
    this.#flags = ["--wal-segment-bytes", "16MiB", ...(options.flags ?? [])];
  }

  get endpoints(): string[] {
    return this.places.map((place) => place.clientUrl);
  }

  place(id: number): NodePlace {
    const place = this.places.find((one) => one.id === id);
    if (place === undefined) throw new Error(`the cluster has no node ${id}`);
    return place;
  }

  url(id: number): string {
    return this.place(id).clientUrl;
  }

  /** The process that runs as node `id`, or ran last. */
  program(id: number): Program {
    const program = this.#programs.get(id);
    if (program === undefined) throw new Error(`node ${id} was never started`);
    return program;
  }

  /** The flags with which node `id` is started. */
  flagsOf(id: number): string[] {
    const place = this.place(id);
    const peers = this.places.map(
      (one) => `${one.id}@${this.#dialled(place, one)}=${one.clientUrl}`,
    );
    return [
      ...["--cluster-id", this.id, "--node-id", String(id)],
      ...["--client-listen", `${place.host}:${place.clientPort}`],
      ...["--peer-listen", `${place.host}:${place.peerPort}`],
      ...["--peers", peers.join(",")],
      ...["--storage-directory", place.directory],
      ...this.#flags,
    ];
  }

  /** Starts the process of node `id`. It may not be ready yet when this returns. */
  start(id: number, env: Readonly<Record<string, string>> = {}): Program {
    const program = new Program(["serve", ...this.flagsOf(id)], {
      cwd: this.folder,
      env: { ...this.#env, ...env },
      enter: this.links?.enter(id) ?? [],
    });
    this.#programs.set(id, program);
    return program;
  }

  startAll(): void {
    for (const place of this.places) this.start(place.id);
  }

  async kill(id: number): Promise<void> {
    await this.program(id).kill();
  }

  pause(id: number): void {
    this.program(id).signal("SIGSTOP");
  }

  resume(id: number): void {
    this.program(id).signal("SIGCONT");
  }

  /** Ids of the nodes whose process runs. */
  get running(): number[] {
    return this.places
      .map((place) => place.id)
      .filter((id) => this.#programs.get(id)?.running === true);
  }

  /** What node `id` says of the cluster. */
  async status(id: number): Promise<Status> {
    const answer = await call(this.url(id), "ClusterService/Status", {}, { timeoutMs: 2_000 });
    return {
      leader: numberAt(answer, "leader"),
      term: numberAt(answer, "term"),
      nodes: listAt(answer, "nodes").map((node) => ({
        id: numberAt(node, "id"),
        role: textAt(node, "role"),
        appliedIndex: numberAt(node, "appliedIndex"),
        healthy: typeof node === "object" && node !== null && "healthy" in node,
      })),
    };
  }

  /**
   * Waits until the nodes `ids` (those that run, unless told) answer, are ready and agree on a leader
   * among themselves; answers its id.
   */
  async leader(
    options: {
      readonly ids?: readonly number[];
      readonly except?: number;
      /** As of `until`. */
      readonly timeoutMs?: number;
    } = {},
  ): Promise<number> {
    const asked = options.ids ?? this.running;
    return await until(
      async () => {
        const statuses = await Promise.all(asked.map((id) => this.status(id)));
        const [first] = statuses;
        if (first === undefined || first.leader === 0) return undefined;
        if (first.leader === options.except || !asked.includes(first.leader)) return undefined;
        const agreed = statuses.every(
          (status) => status.leader === first.leader && status.term === first.term,
        );
        if (!agreed) return undefined;
        const ready = await Promise.all(asked.map((id) => this.ready(id)));
        return ready.every(Boolean) ? first.leader : undefined;
      },
      {
        what: `a leader that nodes ${asked.join(", ")} agree on`,
        ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
      },
    );
  }

  /** Whether node `id` says that it is ready for requests. */
  async ready(id: number): Promise<boolean> {
    const signal = AbortSignal.timeout(2_000);
    const response = await fetch(`${this.url(id)}/readyz`, { signal }).catch(() => undefined);
    await response?.text();
    return response?.status === 200;
  }

  /** A node that runs and is not `id`. */
  otherThan(id: number): number {
    const other = this.running.find((one) => one !== id);
    if (other === undefined) throw new Error("no other node runs");
    return other;
  }

  /** Ends every process and removes the folder. */
  async stop(): Promise<void> {
    await Promise.all([...this.#programs.values()].map((program) => program.kill()));
    await this.links?.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Where node `from` dials node `to`. */
  #dialled(from: NodePlace, to: NodePlace): string {
    if (this.links === undefined || from.id === to.id) return `${to.host}:${to.peerPort}`;
    return this.links.peerAddress({ from: from.id, to: to.id }, to.peerPort);
  }

  /** The ends of all logs, for a test that failed. */
  logs(): string {
    return [...this.#programs]
      .map(([id, program]) => `--- node ${id} (pid ${program.pid})\n${lastLines(program.output)}`)
      .join("\n");
  }
}

/** A cluster of `options.nodes` with nothing running yet. Whoever asked for it stops it. */
export async function layOut(options: ClusterOptions = {}): Promise<Cluster> {
  clusters += 1;
  const id = `test-${process.pid}-${clusters}`;
  const count = options.nodes ?? 3;
  const ports = await freePorts(2 * count);
  const folder = mkdtempSync(join(tmpdir(), "kqueuey-system-"));
  const peers = Array.from({ length: count }, (_, index) => ({
    id: index + 1,
    port: ports[2 * index + 1] ?? 0,
  }));
  const links = await options.links?.(peers);
  const places = peers.map(({ id: node, port: peerPort }, index): NodePlace => {
    const clientPort = ports[2 * index] ?? 0;
    const host = links?.hostOf(node) ?? "127.0.0.1";
    return {
      id: node,
      host,
      clientPort,
      clientUrl: `http://${host}:${clientPort}`,
      peerPort,
      directory: options.directory?.(node) ?? join(folder, `node-${node}`),
    };
  });
  return new Cluster({ id, places, folder, links }, options);
}

function lastLines(text: string): string {
  return text.split("\n").slice(-40).join("\n");
}
