/** Raw bytes on the port for clients: what is no HTTP, nearly HTTP, HTTP/2, and WebSocket frames of all kinds. */
import { connect } from "node:net";
import { encodeUtf8 } from "@kqueuey/base";
import { STREAM_PATH } from "@kqueuey/contract";
import { RealNode } from "../real-node.ts";
import { joined } from "../samples.ts";
import { promise, type Target } from "../target.ts";

const PATIENCE_MS = 25;

export const clientPort: Target = {
  name: "client-port",
  promise:
    "Bytes that are no HTTP end a connection at most; the node goes on and keeps what it had.",
  smokeInputs: 40,
  open: async () => {
    const node = await RealNode.start();
    return {
      samples: SAMPLES,
      run: async (input) => {
        const answered = await pour(node.clientPort, input);
        promise(!/^HTTP\/1.1 500/m.test(answered), `answered 500: ${answered.slice(0, 300)}`);
        node.checkFaults();
      },
      close: () => node.close(),
    };
  },
};

/** Writes everything, waits until the node ends the connection or is silent for a moment; gives what it said. */
export function pour(port: number, bytes: Uint8Array): Promise<string> {
  return new Promise((resolve) => {
    const heard: Uint8Array[] = [];
    const socket = connect(port, "127.0.0.1");
    socket.setTimeout(PATIENCE_MS, () => socket.destroy());
    socket.on("data", (chunk: Uint8Array) => heard.push(chunk));
    socket.on("error", () => undefined);
    socket.once("close", () => resolve(Buffer.concat(heard).toString("latin1")));
    socket.write(bytes);
  });
}

const BODY = '{"queue":"orders","messages":[{"text":"x"}]}';
const SEND =
  "POST /kqueuey.v1.QueueService/Send HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
const UPGRADE =
  `GET ${STREAM_PATH} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n` +
  "sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/** An empty SETTINGS frame, then one with a table size, a PING and a HEADERS frame that is cut short. */
const HTTP2_FRAMES = Uint8Array.of(
  ...[0, 0, 0, 4, 0, 0, 0, 0, 0],
  ...[0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0],
  ...[0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8],
  ...[0, 0, 3, 1, 5, 0, 0, 0, 1, 0x83, 0x86, 0x84],
);

const SAMPLES: readonly Uint8Array[] = [
  encodeUtf8(`${SEND}content-length: ${BODY.length}\r\n\r\n${BODY}`),
  encodeUtf8(`${SEND}transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`),
  encodeUtf8(`${SEND}content-length: 99999999999\r\nexpect: 100-continue\r\n\r\n`),
  encodeUtf8("GET /readyz HTTP/1.1\r\nhost: x\r\n\r\nGET /clusterz HTTP/1.1\r\nhost: x\r\n\r\n"),
  encodeUtf8("POST / HTTP/1.1\r\nhost: x\r\nx-amz-target: AmazonSQS.ListQueues\r\n\r\n"),
  joined([encodeUtf8(PREFACE), HTTP2_FRAMES]),
  joined([encodeUtf8(UPGRADE), Uint8Array.of(0x82, 0x84, 1, 2, 3, 4, 5, 6, 7, 8)]),
  joined([encodeUtf8(UPGRADE), Uint8Array.of(0x81, 0xfe, 0xff, 0xff, 0, 0, 0, 0)]),
  joined([encodeUtf8(UPGRADE), Uint8Array.of(0x82, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0)]),
  Uint8Array.of(0x16, 0x03, 0x01, 0x02, 0, 1, 0, 1, 0xfc, 3, 3),
];
