/**
 * From flags, environment and file to one checked configuration. A flag wins over a variable, a variable
 * over the file, the file over the default. Everything that is wrong is said at once, by name, with what
 * would be right: a node that starts on a misread configuration is worse than one that does not start.
 */
import { KQueueyError } from "@kqueuey/contract";
import { parse as parseYaml } from "yaml";
import { readAccessKeys } from "./access-keys.ts";
import type { Address, PeerConfig } from "./parse.ts";
import { formatAddress, isWildcard, parseClientUrl } from "./parse.ts";
import type { ConfigField, ConfigKey, RawConfig, ServerConfig } from "./spec.ts";
import { CONFIG_FIELDS, readFields } from "./spec.ts";

/** Where values come from. */
export interface ConfigSources {
  /** Flag values by key (`nodeId`), as the command line parser gives them; `config` is the YAML file's path. */
  readonly flags: Readonly<Record<string, unknown>>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Reads a file as UTF-8; throws when it can't. */
  readonly readFile: (path: string) => string;
}

/** Which source an effective value came from. */
export type ConfigOrigin = "flag" | "variable" | "file" | "default";

/** A configuration and where each value came from. */
export interface LoadedConfig {
  readonly config: ServerConfig;
  readonly origins: Readonly<Record<ConfigKey, ConfigOrigin>>;
}

/** The variable that names the YAML file, as `--config` does. */
const FILE_VARIABLE = "KQUEUEY_CONFIG";

/** Variables with our prefix that are not configuration of a node. */
function isForeignVariable(name: string): boolean {
  // KQUEUEY_ENDPOINT is the command line's. Kubernetes sets the others in every container near a
  // service that is called kqueuey; refusing them would refuse to start there.
  return (
    name === "KQUEUEY_ENDPOINT" ||
    name === FILE_VARIABLE ||
    /^KQUEUEY_(SERVICE_|PORT$|PORT_\d)/.test(name)
  );
}

/**
 * The checked configuration.
 * @throws KQueueyError CONFIG_INVALID, naming every wrong key and what would be right.
 */
export function loadConfig(sources: ConfigSources): LoadedConfig {
  const problems: string[] = [];
  const layers = [flagLayer(sources, problems), variableLayer(sources, problems)];
  layers.push(fileLayer(sources, problems));
  const raw: Record<string, unknown> = {};
  const origins: Partial<Record<ConfigKey, ConfigOrigin>> = {};
  const from = new Map<string, string>();
  for (const field of CONFIG_FIELDS) {
    const layer = layers.find((candidate) => candidate.values.has(field.key));
    raw[field.key] = layer === undefined ? field.fallback : layer.values.get(field.key);
    origins[field.key] = layer === undefined ? "default" : layer.origin;
    from.set(field.key, layer === undefined ? "default" : layer.nameOf(field));
  }
  const read = readFields(raw);
  if (!read.ok) {
    for (const { key, problem } of read.problems) {
      problems.push(`${named(key, from)} ${problem}, not ${shown(raw[key])}`);
    }
    throw invalid(problems);
  }
  if (problems.length > 0) throw invalid(problems);
  const config = complete(read.value, origins, problems);
  checkTogether(config, sources.readFile, problems);
  if (problems.length > 0) throw invalid(problems);
  return { config, origins: completeOrigins(origins) };
}

function completeOrigins(
  origins: Partial<Record<ConfigKey, ConfigOrigin>>,
): Readonly<Record<ConfigKey, ConfigOrigin>> {
  const all = Object.fromEntries(CONFIG_FIELDS.map((field) => [field.key, origins[field.key]]));
  return all as Record<ConfigKey, ConfigOrigin>;
}

interface Layer {
  readonly origin: ConfigOrigin;
  readonly values: ReadonlyMap<string, unknown>;
  /** How a person would find the value in this source. */
  readonly nameOf: (field: ConfigField) => string;
}

function flagLayer(sources: ConfigSources, problems: string[]): Layer {
  const values = new Map<string, unknown>();
  for (const [key, value] of Object.entries(sources.flags)) {
    if (value === undefined || key === "config") continue;
    if (CONFIG_FIELDS.some((field) => field.key === key)) values.set(key, value);
    else problems.push(unknownKey(key, "flag", (field) => field.key));
  }
  return { origin: "flag", values, nameOf: (field) => field.flag };
}

function variableLayer(sources: ConfigSources, problems: string[]): Layer {
  const values = new Map<string, unknown>();
  for (const [name, value] of Object.entries(sources.env)) {
    if (value === undefined || !name.startsWith("KQUEUEY_") || isForeignVariable(name)) continue;
    const field = CONFIG_FIELDS.find((candidate) => candidate.variable === name);
    if (field === undefined) {
      problems.push(unknownKey(name, "variable", (candidate) => candidate.variable));
    } else values.set(field.key, value);
  }
  return { origin: "variable", values, nameOf: (field) => field.variable };
}

function fileLayer(sources: ConfigSources, problems: string[]): Layer {
  const values = new Map<string, unknown>();
  const path = sources.flags["config"] ?? sources.env[FILE_VARIABLE];
  const layer: Layer = { origin: "file", values, nameOf: (field) => `${field.key} in ${path}` };
  if (path === undefined) return layer;
  if (typeof path !== "string" || path === "") {
    problems.push("config (--config) must be the path of a YAML file");
    return layer;
  }
  const parsed = readYaml(sources, path, problems);
  if (parsed === undefined || parsed === null) return layer;
  if (typeof parsed !== "object" || Array.isArray(parsed)) {
    problems.push(`config (--config): ${path} must hold keys and values, such as "nodeId: 1"`);
    return layer;
  }
  for (const [key, value] of Object.entries(parsed)) {
    if (CONFIG_FIELDS.some((field) => field.key === key)) values.set(key, value);
    else problems.push(unknownKey(key, `key in ${path}`, (field) => field.key));
  }
  return layer;
}

function readYaml(sources: ConfigSources, path: string, problems: string[]): unknown {
  let text: string;
  try {
    text = sources.readFile(path);
  } catch (error) {
    problems.push(`config (--config): ${path} could not be read: ${messageOf(error)}`);
    return undefined;
  }
  try {
    return parseYaml(text);
  } catch (error) {
    problems.push(`config (--config): ${path} is not YAML: ${messageOf(error)}`);
    return undefined;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message.split("\n", 1).join("") : String(error);
}

function unknownKey(key: string, kind: string, nameOf: (field: ConfigField) => string): string {
  let best = "";
  let bestDistance = 4;
  for (const field of CONFIG_FIELDS) {
    const distance = editDistance(key.toLowerCase(), nameOf(field).toLowerCase());
    if (distance < bestDistance) {
      best = nameOf(field);
      bestDistance = distance;
    }
  }
  const hint = best === "" ? "see kqueuey serve --help for all of them" : `did you mean ${best}?`;
  return `${key} is an unknown ${kind}; ${hint}`;
}

/** Levenshtein's distance; the inputs are names, so quadratic is fine. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(replaced, (previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}

function named(key: string, from: ReadonlyMap<string, string>): string {
  const source = from.get(key);
  return source === undefined || source === "default" || source === key
    ? key
    : `${key} (${source})`;
}

function shown(value: unknown): string {
  const text = value === undefined ? "nothing" : JSON.stringify(value);
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}

function invalid(problems: readonly string[]): KQueueyError {
  const [first = ""] = problems;
  const message =
    problems.length === 1 ? first : `${problems.length} problems:\n  ${problems.join("\n  ")}`;
  return new KQueueyError("CONFIG_INVALID", message, { details: { problems: problems.length } });
}

/** Fills in what follows from other keys. */
function complete(
  raw: RawConfig,
  origins: Partial<Record<ConfigKey, ConfigOrigin>>,
  problems: string[],
): ServerConfig {
  const peers = raw.peers ?? [
    {
      id: raw.nodeId,
      peerAddress: dialable(raw.peerListen),
      clientUrl: undefined,
    },
  ];
  if (raw.peers !== undefined && origins.nodeId === "default") {
    problems.push("nodeId must be given when peers are: the id that this node has among them");
  }
  if (raw.peers !== undefined && raw.peers.length > 1 && origins.clusterId === "default") {
    problems.push("clusterId must be given when peers are: one name that every node has");
  }
  const own = peers.find((peer) => peer.id === raw.nodeId);
  const clientUrl = ownClientUrl(raw, peers, own, problems);
  const withUrl = peers.map((peer) => (peer === own ? { ...peer, clientUrl } : peer));
  return { ...raw, clientUrl, peers: withUrl };
}

function ownClientUrl(
  raw: RawConfig,
  peers: readonly PeerConfig[],
  own: PeerConfig | undefined,
  problems: string[],
): string | undefined {
  const listed = own?.clientUrl;
  if (raw.clientUrl !== undefined && listed !== undefined && raw.clientUrl !== listed) {
    problems.push(
      `clientUrl is ${raw.clientUrl}, but peers gives node ${raw.nodeId} ${listed}; make them equal or drop one`,
    );
  }
  const given = raw.clientUrl ?? listed;
  if (given !== undefined) return given;
  if (isWildcard(raw.clientListen.host) && peers.length > 1) {
    problems.push(
      `clientUrl must be given when clientListen is ${formatAddress(raw.clientListen)}: ` +
        "the URL under which clients reach this node",
    );
  }
  if (raw.clientListen.port === 0) return undefined;
  const derived = parseClientUrl(`http://${formatAddress(dialable(raw.clientListen))}`);
  if (derived.ok) return derived.value;
  problems.push(
    `clientUrl must be given when clientListen is ${formatAddress(raw.clientListen)}: no URL has that host`,
  );
  return undefined;
}

function dialable(address: Address): Address {
  return isWildcard(address.host) ? { host: "127.0.0.1", port: address.port } : address;
}

/** Voters beyond this cost every write and add little. */
const PEERS_MAX = 15;

function checkTogether(
  config: ServerConfig,
  readFile: ConfigSources["readFile"],
  problems: string[],
): void {
  checkPeers(config, problems);
  checkAccessKeys(config, readFile, problems);
  if (clash(config.clientListen, config.peerListen)) {
    problems.push(
      `peerListen is ${formatAddress(config.peerListen)}, the same as clientListen; give it a port of its own`,
    );
  }
  if (config.electionTimeoutMs < 5 * config.heartbeatMs) {
    problems.push(
      `electionTimeoutMs is ${config.electionTimeoutMs} with heartbeatMs ${config.heartbeatMs}; ` +
        `it must be at least five heartbeats, ${5 * config.heartbeatMs}`,
    );
  }
  if (config.proposedBytesMax < 2 * config.requestBodyBytesMax) {
    problems.push(
      `proposedBytesMax is ${config.proposedBytesMax} with requestBodyBytesMax ` +
        `${config.requestBodyBytesMax}; it must hold at least two requests, ${2 * config.requestBodyBytesMax}`,
    );
  }
  if (config.walSegmentBytes % 4_096 !== 0) {
    problems.push(`walSegmentBytes is ${config.walSegmentBytes}; it must be a multiple of 4096`);
  }
  if (config.walSegmentBytes < 2 * config.requestBodyBytesMax) {
    problems.push(
      `walSegmentBytes is ${config.walSegmentBytes} with requestBodyBytesMax ` +
        `${config.requestBodyBytesMax}; it must hold at least two requests, ${2 * config.requestBodyBytesMax}`,
    );
  }
}

function checkAccessKeys(
  config: ServerConfig,
  readFile: ConfigSources["readFile"],
  problems: string[],
): void {
  const { auth, accessKeysFile } = config;
  if (accessKeysFile === undefined) {
    if (auth === "keys") problems.push("accessKeysFile must be given when auth is keys");
    return;
  }
  // Keys that protect nothing: whoever gave them thinks otherwise.
  if (auth === "off") {
    problems.push("accessKeysFile is given but auth is off; set auth to keys, or drop the file");
    return;
  }
  try {
    const keys = readAccessKeys(accessKeysFile, readFile);
    if (keys.size === 0) problems.push(`accessKeysFile ${accessKeysFile} has no keys`);
  } catch (error) {
    problems.push(messageOf(error));
  }
}

function checkPeers(config: ServerConfig, problems: string[]): void {
  const { peers } = config;
  if (!peers.some((peer) => peer.id === config.nodeId)) {
    const ids = peers.map((peer) => peer.id).join(", ");
    problems.push(
      `peers lacks node ${config.nodeId} itself; it has ${ids}. Add it, or correct nodeId`,
    );
  }
  if (peers.length > PEERS_MAX) {
    problems.push(`peers has ${peers.length} members; at most ${PEERS_MAX} can vote`);
  }
  for (const [index, peer] of peers.entries()) {
    for (const other of peers.slice(0, index)) {
      if (peer.id === other.id) problems.push(`peers has the id ${peer.id} twice; ids must differ`);
      const address = formatAddress(peer.peerAddress);
      if (address === formatAddress(other.peerAddress)) {
        problems.push(`peers has the address ${address} for nodes ${other.id} and ${peer.id}`);
      }
      if (peer.clientUrl !== undefined && peer.clientUrl === other.clientUrl) {
        problems.push(`peers has ${peer.clientUrl} for nodes ${other.id} and ${peer.id}`);
      }
    }
  }
}

function clash(a: Address, b: Address): boolean {
  if (a.port === 0 || a.port !== b.port) return false;
  return a.host === b.host || isWildcard(a.host) || isWildcard(b.host);
}

/**
 * Checks the configurations of nodes that share one machine: no id, address or storage directory may
 * stand twice. Directories are compared as given; pass absolute paths.
 * @throws KQueueyError CONFIG_INVALID, naming each clash.
 */
export function checkSharedHost(configs: readonly ServerConfig[]): void {
  const problems: string[] = [];
  for (const [index, config] of configs.entries()) {
    for (const other of configs.slice(0, index)) {
      const both = `nodes ${other.nodeId} and ${config.nodeId}`;
      if (config.nodeId === other.nodeId) problems.push(`nodeId ${config.nodeId} stands twice`);
      if (config.storageDirectory === other.storageDirectory) {
        problems.push(`storageDirectory ${config.storageDirectory} stands twice, for ${both}`);
      }
      for (const mine of [config.clientListen, config.peerListen]) {
        for (const theirs of [other.clientListen, other.peerListen]) {
          if (clash(mine, theirs))
            problems.push(`${formatAddress(mine)} stands twice, for ${both}`);
        }
      }
    }
  }
  if (problems.length > 0) throw invalid(problems);
}
