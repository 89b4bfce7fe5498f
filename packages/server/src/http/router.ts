/** Which handler answers a request: an ordered list of routes, the first that matches wins. */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { PlainHandler, RequestHead } from "../exchange.ts";
import type { NodeHandler } from "./node-types.ts";

/** A handler of plain values: the listener reads the body, bounded, and writes the answer. */
export interface PlainRoute {
  readonly kind: "plain";
  readonly matches: (head: RequestHead) => boolean;
  readonly handler: PlainHandler;
}

/** A handler of Node's own request and response (HTTP/1.1 and HTTP/2), which bounds what it reads itself. */
export interface RawRoute {
  readonly kind: "raw";
  readonly matches: (head: RequestHead) => boolean;
  readonly handle: NodeHandler;
}

/** Takes over the socket of an HTTP/1.1 upgrade (a WebSocket) whose path is exactly `path`. */
export interface UpgradeRoute {
  readonly path: string;
  readonly handle: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
}

export interface Routes {
  /** Asked in this order. */
  readonly requests: readonly (PlainRoute | RawRoute)[];
  readonly upgrades: readonly UpgradeRoute[];
}

/** Requests whose path is exactly `path`. */
export function exactPath(path: string, handler: PlainHandler): PlainRoute {
  return { kind: "plain", matches: (head) => head.path === path, handler };
}

/** Requests whose path begins with `prefix`, such as "/kqueuey.v1.". */
export function pathPrefix(prefix: string, handle: NodeHandler): RawRoute {
  return { kind: "raw", matches: (head) => head.path.startsWith(prefix), handle };
}

/** The first route that matches, or undefined. */
export function findRoute(routes: Routes, head: RequestHead): PlainRoute | RawRoute | undefined {
  for (const route of routes.requests) if (route.matches(head)) return route;
  return undefined;
}
