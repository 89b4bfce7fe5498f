/** Frames of the stream: the WebSocket's messages, in order, after a hello that may be none. */

import { setImmediate as turn } from "node:timers/promises";
import { create, toBinary } from "@bufbuild/protobuf";
import { FRAME_KIND, METHOD, STREAM_PATH, StreamHelloSchema } from "@kqueuey/contract";
import { WebSocket } from "ws";
import { Decisions } from "../decisions.ts";
import { numberBytes } from "../mutate.ts";
import { QUEUE, RealNode } from "../real-node.ts";
import { type RpcSample, rpcSamples } from "../rpc-samples.ts";
import { joined } from "../samples.ts";
import { promise, type Target } from "../target.ts";

const FRAMES_MAX = 40;
/** How long a connection that is not closed is listened to. */
const PATIENCE_MS = 25;
/** Close codes that the stream's description knows. */
const CLOSES: ReadonlySet<number> = new Set([1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009]);

export const streamFrames: Target = {
  name: "stream-frames",
  promise:
    "Any frames of the stream are answered or end the stream with a reason; never with a fault.",
  smokeInputs: 40,
  open: async () => {
    const node = await RealNode.start();
    const methods = rpcSamples(QUEUE, await node.lease(3));
    return {
      samples: samplesOf(methods),
      run: async (input) => {
        await talk(node, new Decisions(input));
        node.checkFaults();
      },
      close: () => node.close(),
    };
  },
};

/** The input: frames of a length of two bytes; the length's highest bit makes a text of it. */
async function talk(node: RealNode, decisions: Decisions): Promise<void> {
  const url = `${node.url.replace("http", "ws")}${STREAM_PATH}`;
  const socket = new WebSocket(url, { perMessageDeflate: false });
  const closed = new Promise<number>((resolve) => {
    socket.on("close", resolve);
    socket.on("error", () => undefined);
  });
  await new Promise((resolve) => socket.once("open", resolve));
  for (let count = 0; count < FRAMES_MAX && !decisions.empty; count++) {
    const head = decisions.byte() + decisions.byte() * 0x100;
    socket.send(decisions.take(head & 0x7fff), { binary: head < 0x8000 });
    if (count % 8 === 7) await turn();
  }
  const timer = setTimeout(() => socket.terminate(), PATIENCE_MS);
  const code = await closed;
  clearTimeout(timer);
  promise(CLOSES.has(code), `the stream was closed with ${code}`);
}

function samplesOf(methods: readonly RpcSample[]): readonly Uint8Array[] {
  const hello = framed(frame({ requestId: 0, kind: FRAME_KIND.hello, method: 0 }, helloPayload()));
  const requests = methods.map(({ method, binary }, i) =>
    framed(frame({ requestId: i + 1, kind: FRAME_KIND.request, method }, binary)),
  );
  const cancel = frame({ requestId: 1, kind: FRAME_KIND.cancel, method: 0 }, new Uint8Array(0));
  const unknown = frame({ requestId: 9, kind: FRAME_KIND.request, method: 99 }, helloPayload());
  const response = frame({ requestId: 9, kind: FRAME_KIND.response, method: METHOD.send }, cancel);
  return [
    ...requests.map((request) => joined([hello, request])),
    joined([hello, ...requests, framed(cancel), framed(unknown)]),
    joined([hello, framed(response)]),
    joined([hello, hello]),
    joined(requests),
  ];
}

function helloPayload(): Uint8Array {
  const hello = create(StreamHelloSchema, { protocolVersion: 1, protocolVersionMin: 1 });
  return toBinary(StreamHelloSchema, hello);
}

function frame(
  head: { readonly requestId: number; readonly kind: number; readonly method: number },
  payload: Uint8Array,
): Uint8Array {
  const id = numberBytes(head.requestId, 4, "little");
  return joined([id, Uint8Array.of(head.kind, head.method, 0, 0), payload]);
}

function framed(bytes: Uint8Array): Uint8Array {
  return joined([numberBytes(bytes.length, 2, "little"), bytes]);
}
