/**
 * The client's ports: sockets, time, randomness. In production they are WebSockets and the host's; the
 * testing entry has an in-process cluster behind the same ports.
 */

/** What carries a client's frames, and what it measures time with. */
export interface Transport {
  /** Begins to connect to a node's stream; events follow, never during the call. */
  connect(url: string, events: SocketEvents): StreamSocket;
  readonly timers: Timers;
  /** A number in [0, 1): jitter and the client's own name in request ids. */
  random(): number;
}

/** One connection, or an attempt at one. */
export interface StreamSocket {
  /** Sends one binary frame; the socket owns the bytes from here on. Only between `opened` and `closed`. */
  send(bytes: Uint8Array): void;
  /** Sends a ping of the WebSocket protocol. */
  ping(): void;
  /** Ends the connection at once; `closed` follows. */
  terminate(): void;
  /** Bytes handed over that the host has not sent yet. */
  bufferedBytes(): number;
}

/** What a socket tells its owner. After `closed` nothing follows. */
export interface SocketEvents {
  opened(): void;
  /** One binary frame. Its bytes are the receiver's from here on. */
  received(bytes: Uint8Array): void;
  ponged(): void;
  /** The connection ended, or could not be made; `reason` is for people. */
  closed(reason: string): void;
}

/** Time as the client measures it. */
export interface Timers {
  /** Monotonic ms; only differences mean something. */
  nowMs(): number;
  /** Calls `callback` once, after `delayMs`; the returned function prevents it. */
  schedule(delayMs: number, callback: () => void): () => void;
}
