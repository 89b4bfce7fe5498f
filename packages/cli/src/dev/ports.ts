/** Whether the ports are free, before anything is started on them. */
import { createServer } from "node:net";
import { KQueueyError } from "@kqueuey/contract";
import type { DevPlan } from "./plan.ts";
import { DEV_HOST } from "./plan.ts";

/**
 * Throws CONFIG_INVALID for the first port of the plan that is taken, naming it and the flag that moves it.
 */
export async function checkPorts(plan: DevPlan): Promise<void> {
  for (const node of plan.nodes) {
    await checkPort(node.clientPort, "--client-port-base");
    await checkPort(node.peerPort, "--peer-port-base");
  }
}

function checkPort(port: number, flag: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => {
      const why =
        error.code === "EADDRINUSE" ? "is in use by another process" : `: ${error.message}`;
      reject(
        new KQueueyError(
          "CONFIG_INVALID",
          `port ${port} of ${DEV_HOST} ${why}; stop that process, or move the cluster with ${flag}`,
          { details: { port } },
        ),
      );
    });
    server.listen({ host: DEV_HOST, port, exclusive: true }, () => {
      server.close(() => resolve());
    });
  });
}
