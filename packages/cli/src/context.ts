/** What commands need of the world: given by `main.ts`, and by tests. */
import type { Client } from "@kqueuey/client";

export interface CliContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Writes to standard output. */
  readonly out: (text: string) => void;
  /** Writes to standard error. */
  readonly err: (text: string) => void;
  /** Whether standard output is a terminal, and not a pipe or a file. */
  readonly outIsTerminal: boolean;
  /** Standard input, by lines without their ends; undefined when it is a terminal. */
  readonly lines: (() => AsyncIterable<string>) | undefined;
  /** Throws when the file can't be read. */
  readonly readFile: (path: string) => Uint8Array;
  readonly connect: (endpoints: readonly string[], options: ConnectOptions) => Client;
  /** Aborted by Ctrl-C and SIGTERM; the reason is the signal's name. */
  readonly signal: AbortSignal;
  /** Monotonic clock, ms. */
  readonly nowMs: () => number;
  /** The file that runs this command: what a child process is started with. */
  readonly mainPath: string;
}

export interface ConnectOptions {
  /** How long a call may take, retries included; the client's default unless given. */
  readonly timeoutMs: number | undefined;
}
