/** What the listener bears. Everything that a stranger can make grow has a bound here. */
export interface HttpLimits {
  /** Connections at once; one more is closed at once. */
  readonly connectionsMax: number;
  /** Bytes of one request's body; 8 MiB holds a 1 MiB message with every character escaped. */
  readonly bodyBytesMax: number;
  /** Bytes of all bodies that are being read or answered; past it new bodies are refused as "busy". */
  readonly bodyBytesInFlightMax: number;
  /** Bytes of one request's header lines. */
  readonly headerBytesMax: number;
  /** From connecting, or from a request's first byte, until its headers are complete. */
  readonly headersTimeoutMs: number;
  /** From a request's first byte until its body is complete. */
  readonly requestTimeoutMs: number;
  /** How long a client may take nothing of an answer that waits for it. */
  readonly writeTimeoutMs: number;
  /** How long an idle connection is kept; longer than the SDKs' own, so that they close first. */
  readonly keepAliveMs: number;
  /** Requests at once on one HTTP/2 connection. */
  readonly streamsPerConnectionMax: number;
}

export const HTTP_LIMITS: HttpLimits = {
  connectionsMax: 10_000,
  bodyBytesMax: 8 * 1_048_576,
  bodyBytesInFlightMax: 256 * 1_048_576,
  headerBytesMax: 16_384,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 60_000,
  writeTimeoutMs: 30_000,
  keepAliveMs: 75_000,
  streamsPerConnectionMax: 256,
};
