/**
 * What a stream's connection needs of its WebSocket. Frames that are sent in one turn of the event loop
 * leave in few writes: the socket below is corked at the first and uncorked when the turn's promises have
 * run, which makes answers of one group commit one packet.
 */
import type { WebSocket, WebSocketServer } from "ws";

/** The socket below a WebSocket, as the listener's upgrade gives it. */
export type UpgradedSocket = Parameters<WebSocketServer["handleUpgrade"]>[1];

export class StreamSocket {
  readonly #webSocket: WebSocket;
  readonly #socket: UpgradedSocket;
  #corked = false;

  constructor(webSocket: WebSocket, socket: UpgradedSocket) {
    this.#webSocket = webSocket;
    this.#socket = socket;
  }

  /** False once either side began to close. */
  get open(): boolean {
    return this.#webSocket.readyState === this.#webSocket.OPEN;
  }

  /** Bytes that were sent and that the operating system has not taken yet. */
  get bufferedBytes(): number {
    return this.#webSocket.bufferedAmount;
  }

  /** Sends a binary frame; `done` hears whether the operating system took it. */
  send(bytes: Uint8Array, done?: (error?: Error | null) => void): void {
    if (!this.#corked) {
      this.#corked = true;
      this.#socket.cork();
      // Runs after the promises that are settled now, and before any I/O.
      process.nextTick(() => {
        this.#corked = false;
        this.#socket.uncork();
      });
    }
    this.#webSocket.send(bytes, SEND_OPTIONS, done);
  }

  /** Reads no further until `resume`. */
  pause(): void {
    this.#webSocket.pause();
  }

  resume(): void {
    this.#webSocket.resume();
  }

  /** Calls back whenever what was buffered is gone. */
  onDrain(callback: () => void): void {
    this.#socket.on("drain", callback);
  }

  ping(): void {
    if (this.open) this.#webSocket.ping();
  }

  /** Says goodbye and closes when what was sent is out. */
  close(code: number, reason: string): void {
    this.#webSocket.close(code, reason);
  }

  /** Cuts the connection. */
  terminate(): void {
    this.#webSocket.terminate();
  }
}

const SEND_OPTIONS = { binary: true, compress: false, fin: true } as const;
