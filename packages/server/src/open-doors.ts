/** What a node that starts has to say about who may use it. */

import { isLoopback } from "./config/parse.ts";
import type { ServerConfig } from "./config/spec.ts";

/**
 * Advice for the node's owner; undefined where there is nothing to say. On loopback whoever reaches the node could read
 * its disk as well. But who asks for signatures there, perhaps behind a proxy, must not believe that all is signed.
 */
export function adviceOnOpenDoors({
  auth,
  clientListen,
}: Pick<ServerConfig, "auth" | "clientListen">): string | undefined {
  if (auth === "keys") {
    return "--auth covers the SQS API alone: the native API on the same port takes calls of anybody, so let a firewall or a proxy choose who reaches it";
  }
  if (isLoopback(clientListen.host)) return undefined;
  return "anybody who reaches this address may use every queue: set --auth keys, or let a firewall choose";
}
