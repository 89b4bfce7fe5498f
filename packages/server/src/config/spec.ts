/**
 * The configuration, once: every key with its kind, range, default and explanation. Flags (`--node-id`),
 * variables (`KQUEUEY_NODE_ID`), YAML keys (`nodeId`), `--help` and the documentation all derive from
 * this schema; `load.ts` reads values through it and checks what needs more than one of them.
 */
import { z } from "zod";
import type { Address, NumberRange, Parsed, PeerConfig } from "./parse.ts";
import {
  parseAddress,
  parseBoolean,
  parseClientUrl,
  parseNumber,
  parsePeers,
  rangeText,
} from "./parse.ts";

/** Levels of the log, least to most. */
export type LogLevel = "silent" | "error" | "warn" | "info" | "debug";
/** `text` for people, `json` for collectors: one object a line. */
export type LogFormat = "text" | "json";
/** `aws`: SQS's limits as the service has them; `relaxed`: those that the engine bears. */
export type LimitsProfile = "aws" | "relaxed";
/** `off`: signatures of SQS requests are not checked; `keys`: they must be by one of the access keys. */
export type AuthMode = "off" | "keys";

/** A node's effective configuration: checked, complete, with units in its names. */
export interface ServerConfig {
  /** 1 to 100 letters, digits, dots, hyphens, underscores; the same on every node, never changed. */
  readonly clusterId: string;
  /** 1 … 65,535, unique in the cluster. */
  readonly nodeId: number;
  /** Where clients connect: every API, health and metrics. */
  readonly clientListen: Address;
  /** What clients are told of this node; undefined: known once a free port was given (`clientListen` port 0). */
  readonly clientUrl: string | undefined;
  /** Where the other nodes connect. */
  readonly peerListen: Address;
  /** All members, this one included; just this one for a cluster of one. */
  readonly peers: readonly PeerConfig[];
  readonly storageDirectory: string;
  /** Let an empty directory begin a new cluster without the word of every peer that it is empty too. */
  readonly bootstrap: boolean;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
  readonly limits: LimitsProfile;
  readonly auth: AuthMode;
  /** Where the access keys are, for `auth` keys. */
  readonly accessKeysFile: string | undefined;
  /** The region in ARNs. */
  readonly sqsRegion: string;
  /** The account in ARNs and queue URLs: twelve digits. */
  readonly sqsAccount: string;
  /** Scheme and host of queue URLs; undefined: those of each request. */
  readonly sqsUrl: string | undefined;
  /** Whether an SQS request that uses a queue creates it. */
  readonly createQueuesOnUse: boolean;
  /** Client connections at once. */
  readonly connectionsMax: number;
  /** Long polls waiting at once. */
  readonly waitingPollsMax: number;
  /** Bytes proposed and not yet durable; past it callers are throttled. */
  readonly proposedBytesMax: number;
  readonly requestBodyBytesMax: number;
  /** How long a call waits for a leader or an answer before it is told "unavailable". */
  readonly requestTimeoutMs: number;
  /** How long a stopping node finishes what it has in hand. */
  readonly drainTimeoutMs: number;
  /** The least election timeout; each is drawn between this and twice as much. */
  readonly electionTimeoutMs: number;
  readonly heartbeatMs: number;
  readonly walSegmentBytes: number;
  /** Memory for the bodies sent last, served without a disk read. */
  readonly recentBodiesBytesMax: number;
}

/** The name of a key, as YAML and error messages have it. */
export type ConfigKey = keyof ServerConfig;

/** What help and documentation say of a key. */
export interface ConfigField {
  readonly key: ConfigKey;
  /** `--node-id` */
  readonly flag: string;
  /** `KQUEUEY_NODE_ID` */
  readonly variable: string;
  /** `<number>`; undefined for a flag that stands alone. */
  readonly argument: string | undefined;
  /** The default as a text that the key accepts; undefined when it follows from other keys. */
  readonly fallback: string | undefined;
  /** The values that are right, as the end of "must be". */
  readonly form: string;
  readonly doc: string;
}

interface Meta {
  readonly argument: string | undefined;
  readonly fallback: string | undefined;
  readonly form: string;
  readonly doc: string;
}

const metas = z.registry<Meta>();

/** A schema that reads with `parse` and carries what is said of its key. */
function key<T>(parse: (value: unknown) => Parsed<T>, meta: Meta): z.ZodType<T> {
  const schema = z.unknown().transform((value, context): T => {
    const parsed = parse(value);
    if (parsed.ok) return parsed.value;
    context.addIssue({ code: "custom", message: parsed.problem });
    return z.NEVER;
  });
  metas.add(schema, meta);
  return schema;
}

function numberKey(range: NumberRange, fallback: string, doc: string): z.ZodType<number> {
  const argument = range.kind === "count" ? "<number>" : `<${range.kind}>`;
  return key((value) => parseNumber(value, range), {
    argument,
    fallback,
    form: rangeText(range),
    doc,
  });
}

function choiceKey<T extends string>(
  choices: readonly T[],
  fallback: T,
  doc: string,
): z.ZodType<T> {
  const form = `one of ${choices.join(", ")}`;
  const parse = (value: unknown): Parsed<T> => {
    const found = choices.find((choice) => choice === value);
    return found === undefined
      ? { ok: false, problem: `must be ${form}` }
      : { ok: true, value: found };
  };
  return key(parse, { argument: `<${choices.join("|")}>`, fallback, form, doc });
}

/** `parse` for a key that may be absent. */
function optional<T>(
  parse: (value: unknown) => Parsed<T>,
): (value: unknown) => Parsed<T | undefined> {
  return (value) => (value === undefined ? { ok: true, value: undefined } : parse(value));
}

const CLUSTER_ID_FORM = "1 to 100 letters, digits, dots, hyphens and underscores";

function parseClusterId(value: unknown): Parsed<string> {
  if (typeof value === "string" && /^[A-Za-z0-9._-]{1,100}$/.test(value))
    return { ok: true, value };
  return { ok: false, problem: `must be ${CLUSTER_ID_FORM}` };
}

function parseDirectory(value: unknown): Parsed<string> {
  if (typeof value === "string" && value.trim() !== "" && !value.includes("\0")) {
    return { ok: true, value };
  }
  return { ok: false, problem: "must be the path of a directory" };
}

function parseFile(value: unknown): Parsed<string> {
  if (typeof value === "string" && value.trim() !== "" && !value.includes("\0")) {
    return { ok: true, value };
  }
  return { ok: false, problem: "must be the path of a file" };
}

const REGION_FORM = "1 to 64 small letters, digits and hyphens, such as eu-west-1";

function parseRegion(value: unknown): Parsed<string> {
  if (typeof value === "string" && /^[a-z0-9-]{1,64}$/.test(value)) return { ok: true, value };
  return { ok: false, problem: `must be ${REGION_FORM}` };
}

const ACCOUNT_FORM = "twelve digits, in quotes in YAML if the first is 0";

function parseAccount(value: unknown): Parsed<string> {
  const text = typeof value === "number" ? String(value) : value;
  if (typeof text === "string" && /^\d{12}$/.test(text)) return { ok: true, value: text };
  return { ok: false, problem: `must be ${ACCOUNT_FORM}` };
}

const KIB = 1_024;
const MIB = 1_024 * KIB;

const shape = {
  clusterId: key(parseClusterId, {
    argument: "<text>",
    fallback: "kqueuey",
    form: CLUSTER_ID_FORM,
    doc: "Names the cluster: the same on every node, never changed. Nodes of another cluster are refused.",
  }),
  nodeId: numberKey(
    { kind: "count", min: 1, max: 65_535 },
    "1",
    "This node's number, unique in the cluster and never given to another machine's data.",
  ),
  clientListen: key((value) => parseAddress(value, 0), {
    argument: "<host:port>",
    fallback: "127.0.0.1:9324",
    form: "host:port; port 0 takes a free one",
    doc: "Where clients connect: SQS, the native API, health.",
  }),
  clientUrl: key(optional(parseClientUrl), {
    argument: "<url>",
    fallback: undefined,
    form: "a URL with no path, such as http://10.0.0.1:9324",
    doc: "What clients are told of this node. By default http:// and the client address.",
  }),
  peerListen: key((value) => parseAddress(value, 0), {
    argument: "<host:port>",
    fallback: "127.0.0.1:9325",
    form: "host:port",
    doc: "Where the other nodes connect.",
  }),
  peers: key(optional(parsePeers), {
    argument: "<list>",
    fallback: undefined,
    form: "a list with commas of id@host:peerPort, each with =http://host:clientPort if you like",
    doc: "All members, this node included. Without it the node is a cluster of one.",
  }),
  storageDirectory: key(parseDirectory, {
    argument: "<path>",
    fallback: "./kqueuey-data",
    form: "the path of a directory",
    doc: "Where this node keeps its log and checkpoints. One node uses it at a time.",
  }),
  bootstrap: key(parseBoolean, {
    argument: undefined,
    fallback: "false",
    form: "true or false",
    doc: "Begin a new cluster from an empty directory although not every peer says that it is empty too.",
  }),
  logLevel: choiceKey<LogLevel>(
    ["silent", "error", "warn", "info", "debug"],
    "info",
    "How much the log says.",
  ),
  logFormat: choiceKey<LogFormat>(
    ["text", "json"],
    "text",
    "A line for people, or one JSON object a line.",
  ),
  limits: choiceKey<LimitsProfile>(
    ["aws", "relaxed"],
    "aws",
    "The limits of SQS requests: the service's, or those that the engine bears. The same on every node.",
  ),
  auth: choiceKey<AuthMode>(
    ["off", "keys"],
    "off",
    "Whether SQS requests must be signed by one of the access keys. The native API, on the same port, is not covered.",
  ),
  accessKeysFile: key(optional(parseFile), {
    argument: "<path>",
    fallback: undefined,
    form: 'the path of a YAML file with one key a line, such as "AKIDEXAMPLE: secret"',
    doc: "The access keys of SQS clients, read at the start. Keep the file readable for the node alone.",
  }),
  sqsRegion: key(parseRegion, {
    argument: "<text>",
    fallback: "us-east-1",
    form: REGION_FORM,
    doc: "The region in the ARNs of queues. Signatures may be for any.",
  }),
  sqsAccount: key(parseAccount, {
    argument: "<digits>",
    fallback: "000000000000",
    form: ACCOUNT_FORM,
    doc: "The account in the ARNs and URLs of queues.",
  }),
  sqsUrl: key(optional(parseClientUrl), {
    argument: "<url>",
    fallback: undefined,
    form: "a URL with no path, such as https://queues.example.org",
    doc: "Scheme and host of the queue URLs that clients are given. By default those of each request.",
  }),
  createQueuesOnUse: key(parseBoolean, {
    argument: undefined,
    fallback: "false",
    form: "true or false",
    doc: "Create a queue with default attributes, a FIFO queue if its name ends in .fifo, when an SQS client first asks for its URL, sends to it or receives from it.",
  }),
  connectionsMax: numberKey(
    { kind: "count", min: 1, max: 100_000 },
    "2000",
    "Client connections at once; one more is refused.",
  ),
  waitingPollsMax: numberKey(
    { kind: "count", min: 1, max: 1_000_000 },
    "10000",
    "Long polls waiting at once; one more is throttled.",
  ),
  proposedBytesMax: numberKey(
    { kind: "bytes", min: 8 * MIB, max: 1_024 * MIB },
    "64MiB",
    "Bytes proposed and not yet durable; past it callers are throttled.",
  ),
  requestBodyBytesMax: numberKey(
    { kind: "bytes", min: MIB, max: 64 * MIB },
    "8MiB",
    "The largest request body that is read.",
  ),
  requestTimeoutMs: numberKey(
    { kind: "ms", min: 100, max: 300_000 },
    "10s",
    "How long a call waits for a leader or its answer before it is told to retry.",
  ),
  drainTimeoutMs: numberKey(
    { kind: "ms", min: 0, max: 300_000 },
    "10s",
    "How long a stopping node finishes what it has in hand.",
  ),
  electionTimeoutMs: numberKey(
    { kind: "ms", min: 50, max: 60_000 },
    "600",
    "Silence of the leader after which a node stands for election; drawn between this and twice as much.",
  ),
  heartbeatMs: numberKey(
    { kind: "ms", min: 5, max: 10_000 },
    "60",
    "How often an idle leader says that it lives.",
  ),
  walSegmentBytes: numberKey(
    { kind: "bytes", min: 16 * MIB, max: 1_024 * MIB },
    "64MiB",
    "Size of a log segment, allocated ahead; a multiple of 4KiB.",
  ),
  recentBodiesBytesMax: numberKey(
    { kind: "bytes", min: 0, max: 64 * 1_024 * MIB },
    "32MiB",
    "Memory for the bodies sent last, served without a disk read.",
  ),
} satisfies { readonly [K in ConfigKey]: z.ZodType };

const schema = z.object(shape);

function kebab(camel: string): string {
  return camel.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function isConfigKey(text: string): text is ConfigKey {
  return Object.hasOwn(shape, text);
}

/** `--node-id` for `nodeId`. */
function flagOf(configKey: ConfigKey): string {
  return `--${kebab(configKey)}`;
}

/** `KQUEUEY_NODE_ID` for `nodeId`. */
function variableOf(configKey: ConfigKey): string {
  return `KQUEUEY_${kebab(configKey).replaceAll("-", "_").toUpperCase()}`;
}

function fieldsOf(): readonly ConfigField[] {
  const fields: ConfigField[] = [];
  for (const [name, fieldSchema] of Object.entries(shape)) {
    const meta = metas.get(fieldSchema);
    if (!isConfigKey(name) || meta === undefined) continue;
    fields.push({ key: name, flag: flagOf(name), variable: variableOf(name), ...meta });
  }
  return fields;
}

/** Every key, in the order of the documentation. */
export const CONFIG_FIELDS: readonly ConfigField[] = fieldsOf();

/** A value that could not be read. */
export interface FieldProblem {
  readonly key: string;
  readonly problem: string;
}

/** What the keys' values are before the checks that need several of them. */
export type RawConfig = Omit<ServerConfig, "peers"> & {
  readonly peers: readonly PeerConfig[] | undefined;
};

/** Reads raw values (texts or YAML values by key; defaults filled in by the caller). */
export function readFields(
  raw: Readonly<Record<string, unknown>>,
):
  | { readonly ok: true; readonly value: RawConfig }
  | { readonly ok: false; readonly problems: readonly FieldProblem[] } {
  const result = schema.safeParse(raw);
  if (result.success) return { ok: true, value: result.data };
  const problems = result.error.issues.map((issue) => ({
    key: String(issue.path[0]),
    problem: issue.message,
  }));
  return { ok: false, problems };
}
