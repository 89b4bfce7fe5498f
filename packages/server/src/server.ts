/**
 * A node as a process: builds the parts, starts them in order, stops them in order.
 *
 * Start: lock the directory, open the engine, listen for peers, listen for clients. Requests are
 * answered as soon as there is a leader; `/readyz` says when. Stop: call not-ready, send streams
 * elsewhere, end long polls empty, hand leadership over and forward until the next leader is there,
 * finish what is in hand, close the disk, give the directory back.
 */
import { createHash, randomUUID } from "node:crypto";
import { groupId, nodeId } from "@kqueuey/base";
import { KQueueyError, STREAM_PATH } from "@kqueuey/contract";
import { NodeEngine } from "@kqueuey/replica";
import type { DiskResult, OpenRefusal, SyncMode } from "@kqueuey/storage";
import { createHealthHandlers } from "./api/admin/health.ts";
import { createConnectHandler, RPC_PATH_PREFIX } from "./api/rpc/connect-handler.ts";
import { StreamEndpoint } from "./api/rpc/stream-endpoint.ts";
import type { Authenticate } from "./api/sqs/authenticator.ts";
import { SQS_LIMITS } from "./api/sqs/limits.ts";
import { createSqsApi, isSqsRequest } from "./api/sqs/sqs-api.ts";
import { readAccessKeys } from "./config/access-keys.ts";
import { formatAddress } from "./config/parse.ts";
import type { ServerConfig } from "./config/spec.ts";
import { Driver } from "./driver.ts";
import { EngineBroker } from "./engine/engine-broker.ts";
import { createListener, type Listener } from "./http/listener.ts";
import { exactPath, pathPrefix } from "./http/router.ts";
import { nodeClock } from "./node/clock.ts";
import { nodeCrc32 } from "./node/crc32.ts";
import { checkpointChannel } from "./node/diagnostics.ts";
import { nodeDigests } from "./node/digests.ts";
import { lockDirectory } from "./node/directory-lock.ts";
import { NodeDisk } from "./node/disk.ts";
import { nodeRandom, randomBytes } from "./node/random.ts";
import { measureSyncMode, type SyncMeasurement } from "./node/sync-mode.ts";
import type { Logger } from "./observe/log.ts";
import { adviceOnOpenDoors } from "./open-doors.ts";
import { Transport } from "./transport/transport.ts";

export interface StartOptions {
  readonly config: ServerConfig;
  readonly logger: Logger;
}

export interface RunningServer extends AsyncDisposable {
  readonly clientUrl: string;
  readonly peerAddress: string;
  /** Settles when the node has ended: with the reason when it had to, undefined after `stop`. */
  readonly ended: Promise<string | undefined>;
  /** Stops in order; a second call waits for the first. */
  stop(): Promise<void>;
}

const MIB = 1_048_576;
const CATALOGUE = groupId(0);
/** A frame between nodes holds one entry (8 MiB at most) or one answer, with room for what goes around it. */
const PEER_FRAME_BYTES_MAX = 16 * MIB;
const PEER_SEND_BYTES_MAX = 64 * MIB;
const CALLS_MAX = 100_000;
const CHECKPOINT_EVERY_BYTES = 64 * MIB;
/** How long a stopping leader waits for its successor before it goes anyway. */
const SUCCESSOR_WAIT_MS = 3_000;

/** Starts a node. Rejects with CONFIG_INVALID when a port, the directory or the configuration cannot be used. */
export async function startServer(options: StartOptions): Promise<RunningServer> {
  const node = new ServerNode(options);
  try {
    await node.start();
  } catch (error) {
    await node.stop();
    throw error;
  }
  return node;
}

class ServerNode implements RunningServer {
  readonly ended: Promise<string | undefined>;
  readonly #config: ServerConfig;
  readonly #logger: Logger;
  readonly #driver: Driver;
  readonly #engine: NodeEngine;
  readonly #transport: Transport;
  readonly #listener: Listener;
  readonly #stream: StreamEndpoint;
  readonly #disk: NodeDisk;
  #end: (reason: string | undefined) => void = () => undefined;
  #refusal: KQueueyError | undefined;
  #releaseLock: (() => Promise<void>) | undefined;
  #clientPort = 0;
  #syncMode: SyncMode = "dsync";
  #loopTimer: NodeJS.Timeout | undefined;
  #stopping: Promise<void> | undefined;

  constructor({ config, logger }: StartOptions) {
    this.#config = config;
    this.#logger = logger;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    this.#driver = new Driver(nodeClock, (error) => this.#crashed(error));
    this.#disk = new NodeDisk(config.storageDirectory);
    const founders = config.peers.map((peer) => nodeId(peer.id));
    const clusterId = createHash("sha256").update(config.clusterId).digest().subarray(0, 16);
    const id = nodeId(config.nodeId);
    this.#engine = new NodeEngine(
      {
        id,
        clusterId,
        founders,
        groups: [CATALOGUE],
        bootstrap: config.bootstrap,
        raft: {
          electionTimeoutMinMs: config.electionTimeoutMs,
          electionTimeoutMaxMs: config.electionTimeoutMs * 2,
          heartbeatMs: config.heartbeatMs,
        },
        limits: {
          waitingPollsMax: config.waitingPollsMax,
          proposedBytesMax: config.proposedBytesMax,
          // Nodes copy their state at different times, so that not all are busy with it at once.
          checkpointEveryBytes: CHECKPOINT_EVERY_BYTES * (1 + (config.nodeId % 4) / 8),
          slowSyncMs: config.electionTimeoutMs,
        },
        store: { cacheBytesMax: config.recentBodiesBytesMax },
        walSegmentBytes: config.walSegmentBytes,
        walSyncMode: () => this.#syncMode,
        requestTimeoutMs: config.requestTimeoutMs,
        callsMax: CALLS_MAX,
        clientUrl: () => this.clientUrl,
      },
      {
        disk: this.#disk,
        crc32: nodeCrc32,
        digest: (bytes) => createHash("sha256").update(bytes).digest(),
        random: nodeRandom,
        randomBytes,
        net: { send: (to, channel, frame) => this.#transport.send(to, channel, frame) },
        wake: this.#driver.wake,
      },
      {
        fatal: (reason) => this.#fatal(reason),
        refused: (refusal) => this.#refused(refusal),
        log: (level, event, fields) => logger[level](event, fields),
        roleChanged: (group, state) => logger.info("raft.role", { group, ...state }),
        checkpointing: (group, running) => checkpointChannel.publish({ group, running }),
      },
    );
    this.#transport = this.#makeTransport(clusterId);
    const broker = this.#makeBroker();
    this.#stream = new StreamEndpoint(broker, {
      node: {
        clusterId: config.clusterId,
        nodeId: config.nodeId,
        clientUrl: () => this.clientUrl,
        leaderUrl: () => this.#leaderUrl(),
      },
      onFault: (error, method) => logger.error("rpc.fault", { method, error }),
    });
    this.#listener = this.#makeListener(broker);
  }

  get clientUrl(): string {
    const { clientListen, clientUrl } = this.#config;
    return clientUrl ?? `http://${formatAddress({ ...clientListen, port: this.#clientPort })}`;
  }

  get peerAddress(): string {
    return formatAddress(this.#config.peerListen);
  }

  async start(): Promise<void> {
    const { storageDirectory, nodeId: id, clusterId } = this.#config;
    this.#releaseLock = await lockDirectory(storageDirectory, () =>
      this.#fatal("another process took the data directory"),
    );
    await this.#measureDisk();
    this.#driver.start(this.#engine);
    this.#engine.open(nodeClock.monotonicMs(), nodeClock.nowMs());
    await this.#engineOpened();
    await this.#transport.open();
    const { port } = await this.#listener.listen();
    this.#clientPort = port;
    this.#warnOfOpenDoors();
    this.#loopTimer = setInterval(() => this.#watchLoop(), 1_000);
    this.#loopTimer.unref();
    const { clientUrl, peerAddress } = this;
    this.#logger.info("node.started", {
      clusterId,
      nodeId: id,
      clientUrl,
      peerAddress,
      storageDirectory,
      pid: process.pid,
    });
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  // --- parts ------------------------------------------------------------------------------------

  #makeTransport(clusterId: Uint8Array): Transport {
    const config = this.#config;
    const me = nodeId(config.nodeId);
    const peers = config.peers
      .filter((peer) => peer.id !== config.nodeId)
      .map((peer) => ({ id: nodeId(peer.id), ...peer.peerAddress }));
    return new Transport(
      {
        id: me,
        clusterId,
        listen: config.peerListen,
        peers,
        frameBytesMax: PEER_FRAME_BYTES_MAX,
        sendBytesMax: PEER_SEND_BYTES_MAX,
        nonce: nodeRandom.nextU32() * 0x1_0000 + (nodeRandom.nextU32() & 0xffff),
        incarnation: () => this.#engine.incarnation,
      },
      {
        onFrame: (from, channel, frame) => this.#engine.onFrame(from, channel, frame),
        onPeerUp: (peer, channel) => {
          this.#engine.onPeerUp(peer, channel);
          if (channel === "main") this.#logger.info("peer.up", { peer });
        },
        onPeerDown: (peer, channel) => this.#engine.onPeerDown(peer, channel),
        onRefused: (peer, verdict, by) => this.#logger.warn("peer.refused", { peer, verdict, by }),
      },
    );
  }

  #makeBroker(): EngineBroker {
    const peerAddresses = new Map<number, string>();
    for (const peer of this.#config.peers)
      peerAddresses.set(peer.id, formatAddress(peer.peerAddress));
    return new EngineBroker(this.#engine, {
      clusterId: this.#config.clusterId,
      peerAddresses,
      crc32: nodeCrc32,
      monotonicMs: () => nodeClock.monotonicMs(),
      wallMs: () => nodeClock.nowMs(),
    });
  }

  #makeListener(broker: EngineBroker): Listener {
    const { clientListen, connectionsMax, requestBodyBytesMax, nodeId: id } = this.#config;
    const logger = this.#logger;
    const health = createHealthHandlers(
      {
        nodeId: id,
        unreadyReason: () => this.#unreadyReason(),
        longestTurn: () => this.#driver.longestTurn,
      },
      broker,
    );
    const { sqsAccount: account, sqsRegion: region, sqsUrl: publicUrl } = this.#config;
    const { limits, createQueuesOnUse: createsQueuesOnUse } = this.#config;
    const authenticate = makeAuthenticate(this.#config);
    const sqs = createSqsApi(
      {
        broker,
        digests: nodeDigests,
        newRequestId: randomUUID,
        ...(authenticate === undefined ? {} : { authenticate }),
        onFault: (error, requestId) => logger.error("sqs.fault", { requestId, error }),
      },
      { account, region, publicUrl, createsQueuesOnUse, limits: SQS_LIMITS[limits] },
    );
    const rpc = createConnectHandler(broker, {
      bodyBytesMax: requestBodyBytesMax,
      bodyBytesInFlightMax: 256 * MIB,
      onFault: (error, method) => logger.error("rpc.fault", { method, error }),
    });
    return createListener(
      {
        ...clientListen,
        limits: { connectionsMax, bodyBytesMax: requestBodyBytesMax },
        onFailure: (error, head) => logger.error("http.fault", { path: head.path, error }),
      },
      {
        requests: [
          pathPrefix(RPC_PATH_PREFIX, rpc),
          ...[...health].map(([path, handler]) => exactPath(path, handler)),
          { kind: "plain", matches: isSqsRequest, handler: sqs },
        ],
        upgrades: [
          {
            path: STREAM_PATH,
            handle: (request, socket, head) => this.#stream.upgrade(request, socket, head),
          },
        ],
      },
    );
  }

  // --- state ------------------------------------------------------------------------------------

  /** Chooses the faster way to make writes durable, and says so when the disk is too slow for the timeouts. */
  async #measureDisk(): Promise<void> {
    const ports = { disk: this.#disk, monotonicMs: () => performance.now() };
    const result = await new Promise<DiskResult<SyncMeasurement>>((resolve) => {
      measureSyncMode(ports, process.platform, resolve);
    });
    if (!result.ok) throw invalid(`the storage directory cannot be used: ${result.error.message}`);
    const { mode, rounds } = result.value;
    this.#syncMode = mode;
    const slowestMs = rounds[mode]?.slowestMs ?? 0;
    const medianMs = rounds[mode]?.medianMs ?? 0;
    this.#logger.info("disk.measured", { mode, medianMs, slowestMs });
    if (slowestMs * 5 <= this.#config.electionTimeoutMs) return;
    const advice =
      "raise --election-timeout-ms, or the leader may change whenever the disk is slow";
    this.#logger.warn("disk.slow", { slowestMs, advice });
  }

  #warnOfOpenDoors(): void {
    const { auth, clientListen } = this.#config;
    const advice = adviceOnOpenDoors(this.#config);
    if (advice === undefined) return;
    this.#logger.warn("auth.open", { address: formatAddress(clientListen), auth, advice });
  }

  /** Waits until the directory was opened or refused. */
  async #engineOpened(): Promise<void> {
    while (this.#engine.phase === "opening") {
      if (this.#refusal !== undefined) throw this.#refusal;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    if (this.#refusal !== undefined) throw this.#refusal;
  }

  #unreadyReason(): string | undefined {
    if (this.#stopping !== undefined) return "stopping";
    const replica = this.#engine.replica(CATALOGUE);
    if (replica === undefined) return "starting";
    if (replica.role.leader === 0) return "no leader";
    if (replica.machine.secret === undefined) return "catching up";
    return undefined;
  }

  #leaderUrl(): string | undefined {
    const leader = this.#engine.replica(CATALOGUE)?.role.leader ?? 0;
    if (leader === 0) return undefined;
    if (leader === this.#config.nodeId) return this.clientUrl;
    const reports = this.#engine.reports(nodeClock.monotonicMs());
    const url = reports.find((report) => report.id === leader)?.clientUrl ?? "";
    return url === "" ? undefined : url;
  }

  #watchLoop(): void {
    const delayMs = this.#driver.takeLoopDelayMs();
    if (delayMs <= this.#config.electionTimeoutMs / 2) return;
    this.#logger.warn("loop.delayed", { delayMs: Math.round(delayMs) });
    this.#engine.handOver("loop-delay");
  }

  #crashed(error: unknown): void {
    this.#logger.error("engine.crashed", { error });
    this.#end(error instanceof Error ? (error.stack ?? error.message) : String(error));
  }

  #fatal(reason: string): void {
    this.#logger.error("engine.fatal", { reason });
    this.#driver.stop();
    this.#end(reason);
  }

  #refused(refusal: OpenRefusal): void {
    this.#refusal = refusalError(refusal, this.#config);
  }

  async #stop(): Promise<void> {
    const { drainTimeoutMs } = this.#config;
    clearInterval(this.#loopTimer);
    this.#stream.goAway("this node is stopping");
    const listenerStopped =
      this.#clientPort === 0 ? undefined : this.#listener.stop(drainTimeoutMs);
    this.#engine.beginStop();
    await this.#successorFound(Math.min(SUCCESSOR_WAIT_MS, drainTimeoutMs));
    await this.#stream.stop(drainTimeoutMs);
    await listenerStopped;
    await this.#transport.close();
    await new Promise<void>((resolve) => this.#engine.stop(resolve));
    this.#driver.stop();
    await this.#releaseLock?.();
    this.#logger.info("node.stopped", {});
    this.#end(undefined);
  }

  /** Waits until another node leads, or there is none to wait for. */
  async #successorFound(limitMs: number): Promise<void> {
    const until = performance.now() + limitMs;
    const me = this.#config.nodeId;
    const others = this.#config.peers.filter((peer) => peer.id !== me);
    const alone = (): boolean => !others.some((peer) => this.#transport.isUp(nodeId(peer.id)));
    const leads = (): boolean => this.#engine.replica(CATALOGUE)?.isLeader === true;
    if (!leads()) return;
    const settled = (): boolean => {
      const role = this.#engine.replica(CATALOGUE)?.role;
      return role === undefined || (role.role !== "leader" && role.leader !== 0);
    };
    while (!settled() && !alone() && performance.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

/** Undefined while authentication is off: then the library that knows signatures is not even loaded. */
function makeAuthenticate(config: ServerConfig): Authenticate | undefined {
  const { auth, accessKeysFile } = config;
  if (auth === "off" || accessKeysFile === undefined) return undefined;
  const keys = readAccessKeys(accessKeysFile);
  const loaded = import("./api/sqs/authenticator.ts").then(({ createAuthenticator }) =>
    createAuthenticator({ keys, wallMs: () => nodeClock.nowMs() }),
  );
  return async (request) => (await loaded)(request);
}

function refusalError(refusal: OpenRefusal, config: ServerConfig): KQueueyError {
  const where = `storage directory ${config.storageDirectory}`;
  switch (refusal.kind) {
    case "other-cluster":
      return invalid(
        `${where} belongs to another cluster than "${config.clusterId}": choose another with --storage-directory, or correct --cluster-id`,
      );
    case "other-node":
      return invalid(
        `${where} belongs to node ${refusal.found}, not to node ${refusal.expected}: correct --node-id or --storage-directory`,
      );
    case "newer-format":
      return invalid(
        `${where} has format ${refusal.found}, newer than the ${refusal.supported} that this version reads: run the newer version`,
      );
    case "damaged-identity":
      return invalid(
        `${where} has a damaged identity file (${refusal.message}): move the directory away; the node then comes back empty and is admitted again`,
      );
    case "disk":
      return invalid(`${where} cannot be opened: ${refusal.failure.message}`);
  }
}

function invalid(message: string): KQueueyError {
  return new KQueueyError("CONFIG_INVALID", message);
}
