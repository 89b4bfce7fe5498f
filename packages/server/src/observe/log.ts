/**
 * The log: one line an event. A line has a level, the event's name (constant, dotted, for searching)
 * and fields; values never go into the name. Written asynchronously and flushed at exit.
 */
import type { DestinationStream, Logger as PinoLogger } from "pino";
import { destination as openFile, pino, stdSerializers, stdTimeFunctions } from "pino";
import type { LogFormat, LogLevel } from "../config/spec.ts";

/** Facts that go with an event: plain values, errors and short lists. No bodies, no secrets. */
export type LogFields = Readonly<Record<string, unknown>>;

/** What the server's parts write to. */
export interface Logger {
  /** A fault: something does not work and somebody should look. */
  error(event: string, fields?: LogFields): void;
  /** Unusual and survivable: a peer lost, a throttle in force. */
  warn(event: string, fields?: LogFields): void;
  /** Changes of state that an operator wants to see: started, elected, stopped. */
  info(event: string, fields?: LogFields): void;
  /** For whoever hunts a bug; off by default. */
  debug(event: string, fields?: LogFields): void;
  /** The same log with `fields` on every line. */
  child(fields: LogFields): Logger;
}

/** A log and the way to empty its buffer before the process ends. */
export interface RootLogger extends Logger {
  flush(): void;
}

/** How a log is made. */
export interface LogOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** On every line: the node id, say. */
  readonly fields: LogFields;
  /** Takes whole lines, newline included; standard output unless given. */
  readonly write?: (line: string) => void;
}

class PinoLog implements Logger {
  readonly #pino: PinoLogger;

  constructor(logger: PinoLogger) {
    this.#pino = logger;
  }

  error(event: string, fields: LogFields = {}): void {
    this.#pino.error(fields, event);
  }

  warn(event: string, fields: LogFields = {}): void {
    this.#pino.warn(fields, event);
  }

  info(event: string, fields: LogFields = {}): void {
    this.#pino.info(fields, event);
  }

  debug(event: string, fields: LogFields = {}): void {
    this.#pino.debug(fields, event);
  }

  child(fields: LogFields): Logger {
    return new PinoLog(this.#pino.child(fields));
  }
}

class RootLog extends PinoLog implements RootLogger {
  readonly #flush: () => void;

  constructor(logger: PinoLogger, flush: () => void) {
    super(logger);
    this.#flush = flush;
  }

  flush(): void {
    this.#flush();
  }
}

/** A log in the given form. */
export function createLogger(options: LogOptions): RootLogger {
  const { destination, flush } = openDestination(options);
  const logger = pino(
    {
      level: options.level,
      base: options.fields,
      messageKey: "event",
      errorKey: "error",
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: stdSerializers.err },
    },
    options.format === "json" ? destination : textDestination(destination),
  );
  return new RootLog(logger, flush);
}

function openDestination(options: LogOptions): {
  readonly destination: DestinationStream;
  readonly flush: () => void;
} {
  const { write } = options;
  if (write !== undefined) return { destination: { write }, flush: () => undefined };
  const destination = openFile({ fd: 1, sync: false });
  return { destination, flush: () => destination.flushSync() };
}

/** Lines for people, made from the JSON ones: `10:15:02.123 INFO  leader-elected node=1 term=3`. */
function textDestination(destination: DestinationStream): DestinationStream {
  return { write: (line) => destination.write(formatTextLine(line)) };
}

function formatTextLine(line: string): string {
  const parsed: unknown = JSON.parse(line);
  if (typeof parsed !== "object" || parsed === null) return line;
  const { level, time, event, error, ...fields } = Object.fromEntries(Object.entries(parsed));
  const clock = String(time).slice(11, 23);
  const words = [clock, String(level).toUpperCase().padEnd(5), String(event)];
  for (const [name, value] of Object.entries(fields)) words.push(`${name}=${formatValue(value)}`);
  return `${words.join(" ")}${formatError(error)}\n`;
}

function formatValue(value: unknown): string {
  if (typeof value === "string" && /^[^\s"=]+$/.test(value)) return value;
  return JSON.stringify(value) ?? String(value);
}

/** An error's stack on lines of its own, indented. */
function formatError(error: unknown): string {
  if (typeof error !== "object" || error === null) {
    return error === undefined ? "" : ` error=${formatValue(error)}`;
  }
  const text = "stack" in error ? String(error.stack) : JSON.stringify(error);
  return `\n    ${text.replaceAll("\n", "\n    ")}`;
}
