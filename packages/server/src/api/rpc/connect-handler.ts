/**
 * The Connect carrier behind the listener. The library's own adapter is not used because three things
 * are missing there: deliveries must learn whether their answer was written, the bytes of bodies are
 * bounded over all calls together, and every error carries a detail and says what would be right.
 */
import { Code, ConnectError, createConnectRouter, createContextValues } from "@connectrpc/connect";
import type {
  Compression,
  UniversalHandlerFn,
  UniversalServerResponse,
} from "@connectrpc/connect/protocol";
import type { connectNodeAdapter } from "@connectrpc/connect-node";
import {
  compressionGzip,
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from "@connectrpc/connect-node";
import { KQueueyError } from "@kqueuey/contract";
import type { Broker, Delivery } from "../../broker.ts";
import { completeError, connectErrorJson, toConnectError } from "./connect-errors.ts";
import { HANDOVER, registerServices } from "./connect-services.ts";

/** A handler of Node's own requests and responses, HTTP/1.1 and HTTP/2 alike. */
type NodeHandler = ReturnType<typeof connectNodeAdapter>;
type NodeServerRequest = Parameters<NodeHandler>[0];
type NodeServerResponse = Parameters<NodeHandler>[1];

/** Paths that begin with this are the handler's. */
export const RPC_PATH_PREFIX = "/kqueuey.v1.";

export interface ConnectOptions {
  /** Bytes of one request's body. */
  readonly bodyBytesMax: number;
  /** Bytes of bodies in hand, over all calls; past it a call is throttled. */
  readonly bodyBytesInFlightMax: number;
  /** Told of every error that should not have happened. */
  readonly onFault: (error: unknown, method: string) => void;
}

/** The longest time that a caller may give a call, in ms. */
const CALL_TIMEOUT_MS_MAX = 300_000;

/** The library calls a body that is cut short its own fault; it is the caller's. */
const GZIP: Compression = {
  ...compressionGzip,
  decompress: async (bytes, bytesMax) => {
    try {
      return await compressionGzip.decompress(bytes, bytesMax);
    } catch (error) {
      if (!(error instanceof ConnectError) || error.code !== Code.Internal) throw error;
      const text = "the body is no whole gzip stream";
      throw new ConnectError(text, Code.InvalidArgument, undefined, undefined, error);
    }
  },
};

/** Answers every request whose path begins with `RPC_PATH_PREFIX`. */
export function createConnectHandler(broker: Broker, options: ConnectOptions): NodeHandler {
  const router = createConnectRouter({
    acceptCompression: [GZIP],
    readMaxBytes: options.bodyBytesMax,
    maxTimeoutMs: CALL_TIMEOUT_MS_MAX,
    // A misspelt field would otherwise be dropped in silence, and the call do something else.
    jsonOptions: { ignoreUnknownFields: false, alwaysEmitImplicit: true },
  });
  registerServices(router, broker, options.onFault);
  const handlers = new Map<string, UniversalHandlerFn>();
  for (const handler of router.handlers) handlers.set(handler.requestPath, handler);
  const budget = new BodyBudget(options.bodyBytesInFlightMax);
  return (request, response) => {
    const path = request.url?.split("?", 1)[0] ?? "";
    const handler = handlers.get(path) ?? unknownMethod(path);
    const { bodyBytesMax } = options;
    serve({ request, response, handler, budget, bodyBytesMax }).catch((error: unknown) => {
      // The caller hung up, or its connection broke: there is nobody to tell.
      if (!response.writableEnded) response.destroy(error instanceof Error ? error : undefined);
    });
  };
}

interface Exchange {
  readonly request: NodeServerRequest;
  readonly response: NodeServerResponse;
  readonly handler: UniversalHandlerFn;
  readonly budget: BodyBudget;
  readonly bodyBytesMax: number;
}

async function serve(exchange: Exchange): Promise<void> {
  const { request, response, handler } = exchange;
  const values = createContextValues().set(HANDOVER, (delivery) => settle(response, delivery));
  let answer: UniversalServerResponse;
  try {
    const universal = universalRequestFromNodeRequest(request, response, undefined, values);
    const body = countedBody(request, response, exchange.budget);
    answer = await completed(await handler({ ...universal, body }));
  } catch (error) {
    answer = refused(400, malformedHead(error));
  }
  await readRest(request, exchange.bodyBytesMax);
  await universalResponseToNodeResponse(answer, response);
}

function malformedHead(error: unknown): KQueueyError {
  const text = error instanceof Error ? error.message : String(error);
  return new KQueueyError("MALFORMED_REQUEST", `the request's head can't be read: ${text}`);
}

/** Bytes of bodies in hand, over all calls. */
class BodyBudget {
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Takes `bytes`, or nothing and answers false. */
  take(bytes: number): boolean {
    if (this.#bytes + bytes > this.#bytesMax) return false;
    this.#bytes += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#bytes -= bytes;
  }
}

/** The body's chunks, as long as the budget lasts; what they took is given back when the exchange is over. */
async function* countedBody(
  request: NodeServerRequest,
  response: NodeServerResponse,
  budget: BodyBudget,
): AsyncGenerator<Uint8Array> {
  let taken = 0;
  let over = false;
  response.once("close", () => {
    over = true;
    budget.give(taken);
  });
  // A loop over the request itself would destroy it, and its socket, when it is left early.
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    if (!(chunk instanceof Uint8Array)) continue;
    if (!over) {
      if (!budget.take(chunk.length)) throw throttled();
      taken += chunk.length;
    }
    yield chunk;
  }
}

/**
 * Reads what is left of a body that was refused, to throw it away: a client that is still writing would
 * not see the answer. One that goes on for four times the bound is cut off.
 */
function readRest(request: NodeServerRequest, bodyBytesMax: number): Promise<void> {
  if (request.readableEnded || request.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    let bytes = 0;
    request.on("data", (chunk: Uint8Array) => {
      bytes += chunk.length;
      if (bytes > 4 * bodyBytesMax) request.destroy();
    });
    request.on("end", () => resolve());
    request.on("error", () => resolve());
    request.on("close", () => resolve());
  });
}

function throttled(): Error {
  const error = new KQueueyError("THROTTLED", "too many bytes of requests are in hand; try again", {
    details: { retryAfterMs: 100 },
  });
  return toConnectError(error, new AbortController().signal);
}

/** Tells a delivery whether its answer was handed to the socket whole. */
function settle(response: NodeServerResponse, delivery: Delivery): void {
  if (response.destroyed) {
    delivery.undelivered();
    return;
  }
  let settled = false;
  const onEnd = (): void => {
    if (settled) return;
    settled = true;
    if (wasWritten(response)) delivery.written();
    else delivery.undelivered();
  };
  response.once("finish", onEnd);
  response.once("close", onEnd);
}

/** HTTP/2 reports "finish" for a stream that was reset, too. */
function wasWritten(response: NodeServerResponse): boolean {
  if ("stream" in response) {
    return response.writableEnded && !response.stream.aborted && response.stream.rstCode === 0;
  }
  return response.writableFinished;
}

/** The answer with what the library leaves out: details of its own errors, bodies of its refusals. */
async function completed(answer: UniversalServerResponse): Promise<UniversalServerResponse> {
  if (answer.status < 400) return answer;
  if (answer.status === 415) return refused(415, WRONG_TYPE);
  if (answer.status === 405) return refused(405, WRONG_METHOD);
  if (answer.body === undefined) return answer;
  const chunks: Uint8Array[] = [];
  for await (const chunk of answer.body) chunks.push(chunk);
  const [body = new Uint8Array(0)] = chunks;
  const told = completeError(answer.status, body) ?? { status: answer.status, body };
  const header = new Headers(answer.header);
  header.set("content-length", String(told.body.length));
  return { ...answer, status: told.status, header, body: iterate(told.body) };
}

const WRONG_TYPE = new KQueueyError(
  "MALFORMED_REQUEST",
  "the Content-Type must be application/json, application/proto or one of gRPC's or gRPC-Web's",
);
const WRONG_METHOD = new KQueueyError("MALFORMED_REQUEST", "calls are made with POST");

function unknownMethod(path: string): UniversalHandlerFn {
  return async (request) => {
    const error = new KQueueyError("UNSUPPORTED", `there is no method ${path}`);
    // gRPC has its errors in trailers; a call to a method that no schema has is answered alike to all.
    const type = request.header.get("content-type") ?? "";
    if (!type.startsWith("application/grpc")) return refused(404, error);
    const header = new Headers({ "content-type": type, "grpc-status": "12" });
    header.set("grpc-message", encodeURIComponent(error.message));
    return { status: 200, header };
  };
}

function refused(status: number, error: KQueueyError): UniversalServerResponse {
  const body = connectErrorJson(error);
  const header = new Headers({
    "content-type": "application/json",
    "content-length": String(body.length),
  });
  return { status, header, body: iterate(body) };
}

async function* iterate(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
