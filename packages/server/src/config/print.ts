/** The configuration as text: what is in force, and what each key means. */
import { parse as parseYaml } from "yaml";
import type { LoadedConfig } from "./load.ts";
import type { Address, PeerConfig } from "./parse.ts";
import { formatAddress } from "./parse.ts";
import type { ConfigField, ConfigKey, ServerConfig } from "./spec.ts";
import { CONFIG_FIELDS } from "./spec.ts";

function formatPeer(peer: PeerConfig): string {
  const url = peer.clientUrl === undefined ? "" : `=${peer.clientUrl}`;
  return `${peer.id}@${formatAddress(peer.peerAddress)}${url}`;
}

/** A key's value as its flag would take it; "" when it has none. */
export function formatConfigValue(config: ServerConfig, key: ConfigKey): string {
  const value = config[key];
  if (value === undefined) return "";
  if (key === "peers") return config.peers.map(formatPeer).join(",");
  return isAddress(value) ? formatAddress(value) : String(value);
}

function isAddress(value: ServerConfig[ConfigKey]): value is Address {
  return typeof value === "object" && "port" in value;
}

/** The effective configuration as YAML that `--config` accepts, with where each value came from. */
export function printConfig(loaded: LoadedConfig): string {
  const lines = CONFIG_FIELDS.map((field) => {
    const value = formatConfigValue(loaded.config, field.key);
    const isText = !["number", "boolean"].includes(typeof loaded.config[field.key]);
    const shown = isText ? quoted(value) : value;
    const assignment = value === "" ? `# ${field.key}:` : `${field.key}: ${shown}`;
    return `${assignment}  # ${loaded.origins[field.key]}`;
  });
  return `${lines.join("\n")}\n`;
}

/** A plain word stays as it is; what YAML would take for something else, such as a number, goes in quotes. */
function quoted(text: string): string {
  const plain = /^[A-Za-z0-9_./][A-Za-z0-9_./-]*$/.test(text) && parseYaml(text) === text;
  return plain ? text : JSON.stringify(text);
}

/** The flags that give a child process exactly this configuration. */
export function configToFlags(config: ServerConfig): readonly string[] {
  const flags: string[] = [];
  for (const field of CONFIG_FIELDS) {
    const value = formatConfigValue(config, field.key);
    if (field.argument === undefined) {
      if (value === "true") flags.push(field.flag);
    } else if (value !== "") flags.push(field.flag, value);
  }
  return flags;
}

function fieldRow(field: ConfigField): string {
  const fallback = field.fallback === undefined ? "" : `\`${field.fallback}\``;
  const cells = [`\`${field.key}\``, `\`${field.flag}\``, `\`${field.variable}\``, fallback];
  return `| ${[...cells, field.form, field.doc].join(" | ").replaceAll("||", "\\|\\|")} |`;
}

/** Every key as a table in Markdown: the reference page is this text. */
export function describeConfig(): string {
  const head = "| key | flag | variable | default | values | meaning |\n|---|---|---|---|---|---|";
  return `${head}\n${CONFIG_FIELDS.map(fieldRow).join("\n")}\n`;
}
