/**
 * The outgoing connection to one peer on one channel: dials, proves who we are, sends frames, and
 * dials again with a growing, jittered pause when it breaks. Only ever writes after the handshake.
 */
import { connect, type Socket } from "node:net";
import type { NodeId } from "@kqueuey/base";
import type { Channel } from "@kqueuey/replica";
import type { Verdict } from "./handshake.ts";
import { ANSWER_BYTES, decodeAnswer, encodeHello, type Hello } from "./handshake.ts";

const DIAL_TIMEOUT_MS = 3_000;
const PAUSE_FIRST_MS = 20;
const PAUSE_MAX_MS = 1_000;

export interface PeerLinkOptions {
  readonly to: NodeId;
  readonly channel: Channel;
  readonly host: string;
  readonly port: number;
  /** Frames are dropped while more than this many bytes wait for the socket. */
  readonly sendBytesMax: number;
  /** Made anew at each dial: the incarnation may have changed. */
  hello(): Hello;
  onUp(): void;
  /** The connection was refused, broke or was closed. */
  onDown(): void;
  onRefused(verdict: Verdict): void;
}

type LinkState =
  | { readonly kind: "dialling"; readonly socket: Socket }
  | { readonly kind: "up"; readonly socket: Socket }
  | { readonly kind: "pausing"; readonly timer: NodeJS.Timeout }
  | { readonly kind: "closed" };

export class PeerLink {
  readonly #options: PeerLinkOptions;
  #state: LinkState = { kind: "closed" };
  #failures = 0;
  #corked = false;

  constructor(options: PeerLinkOptions) {
    this.#options = options;
  }

  /** Starts dialling. */
  open(): void {
    if (this.#state.kind === "closed") this.#dial();
  }

  get isUp(): boolean {
    return this.#state.kind === "up";
  }

  /** Queues one frame; false when the link is down or full, and then nothing was queued. */
  send(chunks: readonly Uint8Array[]): boolean {
    if (this.#state.kind !== "up") return false;
    const { socket } = this.#state;
    if (socket.writableLength > this.#options.sendBytesMax) return false;
    let length = 0;
    for (const chunk of chunks) length += chunk.length;
    if (!this.#corked) {
      // One write for everything that this turn of the loop sends.
      this.#corked = true;
      socket.cork();
      process.nextTick(() => {
        this.#corked = false;
        socket.uncork();
      });
    }
    const prefix = Buffer.allocUnsafe(4);
    prefix.writeUInt32LE(length);
    socket.write(prefix);
    for (const chunk of chunks) socket.write(chunk);
    return true;
  }

  /** Ends the connection for good. */
  close(): void {
    const state = this.#state;
    this.#state = { kind: "closed" };
    if (state.kind === "pausing") clearTimeout(state.timer);
    else if (state.kind === "up") state.socket.end();
    else if (state.kind === "dialling") state.socket.destroy();
  }

  #dial(): void {
    const socket = connect({ host: this.#options.host, port: this.#options.port, noDelay: true });
    this.#state = { kind: "dialling", socket };
    this.#corked = false;
    socket.setTimeout(DIAL_TIMEOUT_MS, () => socket.destroy());
    socket.on("connect", () => socket.write(encodeHello(this.#options.hello())));
    let answer: Buffer = Buffer.alloc(0);
    socket.on("data", (chunk: Buffer) => {
      if (this.#state.kind !== "dialling") return; // Peers send nothing after their answer.
      answer = Buffer.concat([answer, chunk]);
      if (answer.length >= ANSWER_BYTES) this.#answered(socket, answer);
    });
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.#broken(socket));
  }

  #answered(socket: Socket, bytes: Uint8Array): void {
    const answer = decodeAnswer(bytes.subarray(0, ANSWER_BYTES));
    if (answer === undefined || answer.verdict !== "welcome") {
      if (answer !== undefined) this.#options.onRefused(answer.verdict);
      socket.destroy();
      return;
    }
    socket.setTimeout(0);
    socket.setKeepAlive(true, 10_000);
    this.#failures = 0;
    this.#state = { kind: "up", socket };
    this.#options.onUp();
  }

  #broken(socket: Socket): void {
    const state = this.#state;
    if (state.kind === "closed" || state.kind === "pausing" || state.socket !== socket) return;
    const longest = Math.min(PAUSE_MAX_MS, PAUSE_FIRST_MS * 2 ** Math.min(this.#failures, 10));
    this.#failures += 1;
    const pause = longest / 2 + Math.random() * (longest / 2);
    const timer = setTimeout(() => {
      if (this.#state.kind === "pausing") this.#dial();
    }, pause);
    this.#state = { kind: "pausing", timer };
    this.#options.onDown();
  }
}
