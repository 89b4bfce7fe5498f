/** A node's native API over an in-memory broker on a free port, for tests. */
import { STREAM_PATH } from "@kqueuey/contract";
import { createConnectHandler, RPC_PATH_PREFIX } from "../api/rpc/connect-handler.ts";
import type { StreamLimits } from "../api/rpc/stream-connection.ts";
import { StreamEndpoint } from "../api/rpc/stream-endpoint.ts";
import type { Broker } from "../broker.ts";
import { createListener } from "../http/listener.ts";
import { pathPrefix } from "../http/router.ts";

export interface RpcServer extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly url: string;
  readonly stream: StreamEndpoint;
  /** What the handlers reported as defects. */
  readonly faults: unknown[];
  /** The leader's URL as the stream tells it. */
  leaderUrl: string | undefined;
}

export interface RpcServerOptions {
  readonly limits?: Partial<StreamLimits>;
  readonly bodyBytesInFlightMax?: number;
  readonly monotonicMs?: () => number;
}

/** Serves `broker`; hold it with `await using`. */
export async function startRpcServer(
  broker: Broker,
  options: RpcServerOptions = {},
): Promise<RpcServer> {
  const faults: unknown[] = [];
  const onFault = (error: unknown): void => {
    faults.push(error);
  };
  const node = {
    clusterId: "memory",
    nodeId: 1,
    clientUrl: () => server.url,
    leaderUrl: () => server.leaderUrl,
  };
  const stream = new StreamEndpoint(broker, { ...options, node, onFault });
  const rpc = createConnectHandler(broker, {
    bodyBytesMax: 8 * 1_048_576,
    bodyBytesInFlightMax: options.bodyBytesInFlightMax ?? 64 * 1_048_576,
    onFault,
  });
  const listener = createListener(
    { host: "127.0.0.1", port: 0 },
    {
      requests: [pathPrefix(RPC_PATH_PREFIX, rpc)],
      upgrades: [
        {
          path: STREAM_PATH,
          handle: (request, socket, head) => stream.upgrade(request, socket, head),
        },
      ],
    },
  );
  const { host, port } = await listener.listen();
  const server: RpcServer = {
    host,
    port,
    url: `http://${host}:${port}`,
    stream,
    faults,
    leaderUrl: undefined,
    async [Symbol.asyncDispose]() {
      await stream.stop(0);
      await listener.stop(0);
    },
  };
  server.leaderUrl = server.url;
  return server;
}
