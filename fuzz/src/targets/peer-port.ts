/** Raw bytes on the port for the other nodes, with and without a handshake that is right. */
import { createHash } from "node:crypto";
import { incarnation, nodeId } from "@kqueuey/base";
import { encodeHello } from "../../../packages/server/src/transport/handshake.ts";
import { RealNode } from "../real-node.ts";
import { joined } from "../samples.ts";
import type { Target } from "../target.ts";
import { pour } from "./client-port.ts";

/** Clusters without a name of their own have this one. */
const CLUSTER_ID = "kqueuey";

export const peerPort: Target = {
  name: "peer-port",
  promise:
    "A stranger on the port for nodes is refused, whatever it says; the node keeps what it had.",
  smokeInputs: 40,
  open: async () => {
    const node = await RealNode.start();
    return {
      samples: samples(),
      run: async (input) => {
        await pour(node.peerPort, input);
        node.checkFaults();
      },
      close: () => node.close(),
    };
  },
};

function samples(): readonly Uint8Array[] {
  const clusterId = createHash("sha256").update(CLUSTER_ID).digest().subarray(0, 16);
  const hello = {
    protocol: 1,
    clusterId,
    from: nodeId(2),
    to: nodeId(1),
    incarnation: incarnation(1),
    channel: "main",
    nonce: 77,
  } as const;
  const frame = joined([Uint8Array.of(3, 0, 0, 0), Uint8Array.of(4, 1, 2)]);
  return [
    encodeHello(hello),
    encodeHello({ ...hello, from: nodeId(1) }),
    encodeHello({ ...hello, channel: "bulk", clusterId: new Uint8Array(16) }),
    joined([encodeHello(hello), frame, frame]),
    Uint8Array.of(255, 255, 255, 255),
  ];
}
