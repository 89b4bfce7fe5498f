/**
 * What probes and people ask a node over plain HTTP: is the process alive (`/healthz`), may it be sent
 * requests (`/readyz`), what does it know of its cluster (`/clusterz`). Answers are JSON and never cached.
 */
import { ERRORS, KQueueyError } from "@kqueuey/contract";
import type { Broker } from "../../broker.ts";
import type { PlainHandler, PlainRequest, PlainResponse } from "../../exchange.ts";

/** What the probes need to know of the node. */
export interface NodeHealth {
  readonly nodeId: number;
  /** Why requests should go elsewhere (starting, no leader, stopping); undefined when they may come. */
  unreadyReason(): string | undefined;
  /** The engine's longest turn of the last one to two minutes, ms: on the clock, and of processor time. */
  longestTurn(): { readonly wallMs: number; readonly cpuMs: number };
}

/** The handlers by path. */
export function createHealthHandlers(
  health: NodeHealth,
  broker: Broker,
): ReadonlyMap<string, PlainHandler> {
  return new Map([
    ["/healthz", readOnly(async () => liveness(health))],
    ["/readyz", readOnly(async () => readiness(health))],
    ["/clusterz", readOnly((request) => clusterStatus(broker, request))],
  ]);
}

function readOnly(answer: (request: PlainRequest) => Promise<PlainResponse>): PlainHandler {
  return {
    async handle(request) {
      if (request.method === "GET" || request.method === "HEAD") {
        const response = await answer(request);
        return request.method === "HEAD" ? { ...response, body: "" } : response;
      }
      return {
        ...json(405, { message: `${request.path} answers GET, not ${request.method}` }),
        headers: { ...JSON_HEADERS, allow: "GET, HEAD" },
      };
    },
  };
}

function liveness(health: NodeHealth): PlainResponse {
  const { wallMs, cpuMs } = health.longestTurn();
  const longestTurn = {
    wallMs: Math.round(wallMs * 100) / 100,
    cpuMs: Math.round(cpuMs * 100) / 100,
  };
  return json(200, { status: "ok", nodeId: health.nodeId, longestTurn });
}

function readiness(health: NodeHealth): PlainResponse {
  const reason = health.unreadyReason();
  const { nodeId } = health;
  if (reason === undefined) return json(200, { status: "ready", nodeId });
  return json(503, { status: "unready", nodeId, reason });
}

async function clusterStatus(broker: Broker, request: PlainRequest): Promise<PlainResponse> {
  try {
    const { signal } = request;
    const { clusterId, leader, term, nodes } = await broker.clusterStatus({
      principal: "anonymous",
      signal,
    });
    return json(200, { clusterId, leader: leader ?? null, term, nodes });
  } catch (error) {
    const { code, message, retryable } = KQueueyError.from(error);
    return json(ERRORS[code].http, { code, message, retryable });
  }
}

const JSON_HEADERS = { "content-type": "application/json", "cache-control": "no-store" };

function json(status: number, value: unknown): PlainResponse {
  return { status, headers: JSON_HEADERS, body: `${JSON.stringify(value)}\n` };
}
