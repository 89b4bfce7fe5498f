/** The first bytes of a connection between nodes, and the cutting of the rest into frames. */
import { equalBytes, incarnation, nodeId } from "@kqueuey/base";
import { FrameReader } from "../../../packages/server/src/transport/frame-reader.ts";
import {
  decodeAnswer,
  decodeHello,
  encodeAnswer,
  encodeHello,
  HELLO_BYTES,
} from "../../../packages/server/src/transport/handshake.ts";
import { Decisions } from "../decisions.ts";
import { numberBytes } from "../mutate.ts";
import { joined } from "../samples.ts";
import { promise, type Target } from "../target.ts";

const FRAME_BYTES_MAX = 4_096;

export const handshake: Target = {
  name: "handshake",
  promise:
    "A stranger's first bytes are a hello or none, and a stream is cut the same however it arrives.",
  smokeInputs: 5_000,
  open: () => ({ samples: samples(), run }),
};

function run(input: Uint8Array): void {
  const hello = decodeHello(input);
  if (hello !== undefined) {
    const bytes = encodeHello(hello);
    promise(equalBytes(bytes, input.subarray(0, HELLO_BYTES)), "a hello was read as another");
  }
  const answer = decodeAnswer(input);
  if (answer !== undefined) {
    const bytes = encodeAnswer(answer);
    promise(equalBytes(bytes, input.subarray(0, bytes.length)), "an answer was read as another");
  }
  const decisions = new Decisions(input);
  const step = 1 + decisions.below(40);
  const stream = decisions.rest();
  const whole = cut(stream, stream.length);
  const pieces = cut(stream, step);
  promise(whole.sound === pieces.sound, "a stream is garbage or not, depending on its chunks");
  promise(equalBytes(joined(whole.frames), joined(pieces.frames)), "frames depend on the chunks");
  for (const frame of whole.frames) {
    promise(
      frame.length > 0 && frame.length <= FRAME_BYTES_MAX,
      "a frame over the limit came through",
    );
    promise(frame.buffer.byteLength === frame.length, "a frame holds more memory than its own");
  }
}

interface Cut {
  readonly sound: boolean;
  readonly frames: readonly Uint8Array[];
}

function cut(stream: Uint8Array, step: number): Cut {
  const reader = new FrameReader(FRAME_BYTES_MAX);
  const frames: Uint8Array[] = [];
  for (let at = 0; at < stream.length; at += Math.max(1, step)) {
    const chunk = stream.subarray(at, at + Math.max(1, step));
    if (!reader.push(chunk, (frame) => frames.push(frame))) return { sound: false, frames };
  }
  return { sound: true, frames };
}

function samples(): readonly Uint8Array[] {
  const hello = {
    protocol: 1,
    clusterId: new Uint8Array(16).fill(7),
    from: nodeId(2),
    to: nodeId(1),
    incarnation: incarnation(3),
    channel: "bulk",
    nonce: 2 ** 50 + 1,
  } as const;
  const frame = (length: number): Uint8Array =>
    joined([numberBytes(length, 4, "little"), new Uint8Array(length).fill(length)]);
  return [
    encodeHello(hello),
    encodeHello({ ...hello, channel: "main" }),
    encodeAnswer({ protocol: 1, verdict: "duplicate-id", from: 2 }),
    joined([Uint8Array.of(6), frame(1), frame(40), frame(300)]),
    joined([Uint8Array.of(200), frame(4_096), frame(2)]),
  ];
}
