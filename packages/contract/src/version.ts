/**
 * The version of what travels between client and server. A test hashes the schemas: who changes one
 * raises the version and adds a line to the history.
 */

/** The version that this code speaks. */
export const PROTOCOL_VERSION = 5;

/** The oldest version that this code still understands. */
export const PROTOCOL_VERSION_MIN = 1;

/** One version: what it brought, and a hash of its schemas. */
export interface ProtocolVersion {
  readonly version: number;
  /** SHA-256 of the proto files (comments and blank space aside), first 16 hex digits. */
  readonly schemas: string;
  readonly summary: string;
}

/** Every version there was, the newest last. */
export const PROTOCOL_HISTORY: readonly ProtocolVersion[] = [
  {
    version: 1,
    schemas: "8e480905ae627c89",
    summary: "Queues, messages, cluster status, the stream.",
  },
  {
    version: 2,
    schemas: "ba3462dbf0f493d8",
    summary: "Move tasks.",
  },
  {
    version: 3,
    schemas: "fd06e94b1403fa15",
    summary: "FIFO queues, message groups.",
  },
  {
    version: 4,
    schemas: "f711ffba9def4843",
    summary: "Deduplication ids with received messages.",
  },
  {
    version: 5,
    schemas: "eafd311082204356",
    summary: "Fair queues.",
  },
];
