/** Flags, variables and the YAML file: a configuration is read, or refused in words that name what is wrong. */
import { isDeepStrictEqual } from "node:util";
import { encodeUtf8 } from "@kqueuey/base";
import { KQueueyError } from "@kqueuey/contract";
import {
  CONFIG_FIELDS,
  type ConfigSources,
  configToFlags,
  type LoadedConfig,
  loadConfig,
  printConfig,
} from "@kqueuey/server";
import { promise, type Target } from "../target.ts";

const decoder = new TextDecoder();

export const configuration: Target = {
  name: "configuration",
  promise: "A configuration is read or refused by name, at once; what was read, prints as it is.",
  smokeInputs: 400,
  open: () => {
    // The YAML reader warns of odd documents by the process's own warnings: thousands of them here.
    process.removeAllListeners("warning");
    return { samples: SAMPLES.map(encodeUtf8), run };
  },
};

/**
 * The input is text: lines of `flag key value` and `env NAME value`, and after a line `---` the YAML file.
 */
function run(input: Uint8Array): void {
  const sources = sourcesOf(decoder.decode(input));
  const loaded = load(sources);
  if (loaded === undefined) return;
  const fromFlags = load({ flags: flagsOf(configToFlags(loaded.config)), env: {}, readFile });
  promise(fromFlags !== undefined, "its own flags are refused");
  // Texts may have been made plainer by then (a URL without its usual port), but not twice.
  const again = load({ flags: flagsOf(configToFlags(fromFlags.config)), env: {}, readFile });
  promise(isDeepStrictEqual(again?.config, fromFlags.config), "its flags mean something else");
  const printed = printConfig(fromFlags);
  const file = load({ flags: { config: "file" }, env: {}, readFile: () => printed });
  promise(isDeepStrictEqual(file?.config, fromFlags.config), "its print means something else");
}

function readFile(): string {
  return "";
}

function load(sources: ConfigSources): LoadedConfig | undefined {
  try {
    return loadConfig(sources);
  } catch (error) {
    if (error instanceof KQueueyError && error.code === "CONFIG_INVALID") return undefined;
    throw error;
  }
}

function sourcesOf(text: string): ConfigSources {
  const [head = "", ...file] = text.split(/^---\n/m);
  const flags: Record<string, string> = {};
  const env: Record<string, string> = {};
  for (const line of head.split("\n")) {
    const [kind, name = "", ...value] = line.split(" ");
    if (kind === "flag") flags[name] = value.join(" ");
    else if (kind === "env") env[name] = value.join(" ");
  }
  return { flags, env, readFile: () => file.join("---\n") };
}

/** As the command line's parser would give them. */
function flagsOf(args: readonly string[]): Record<string, unknown> {
  const flags: Record<string, unknown> = {};
  for (let i = 0; i < args.length; i++) {
    const field = CONFIG_FIELDS.find(({ flag }) => flag === args[i]);
    if (field === undefined) continue;
    flags[field.key] = field.argument === undefined ? true : args[++i];
  }
  return flags;
}

const PEERS = "1@10.0.0.1:9325=http://10.0.0.1:9324,2@10.0.0.2:9325,3@[fd00::3]:9325";

const SAMPLES: readonly string[] = [
  "flag nodeId 1\nflag clusterId orders\nenv KQUEUEY_LOG_LEVEL debug\n",
  `flag nodeId 2\nflag clusterId orders\nflag peers ${PEERS}\nflag heartbeatMs 100ms\n`,
  "env KQUEUEY_CLIENT_LISTEN [::]:80\nenv KQUEUEY_WAL_SEGMENT_BYTES 64MiB\n",
  `flag config file\n---\nnodeId: 1\nclusterId: orders\npeers: "${PEERS}"\nlogFormat: text\n`,
  "flag config file\n---\npeers:\n  - id: 1\n    peerAddress: a:1\n    clientUrl: http://a\nnodeId: 1\n",
  "flag config file\n---\na: &a [x, x]\nb: &b [*a, *a, *a]\nc: [*b, *b, *b]\nnodeId: !!int 1\n",
  "flag bootstrap true\nflag electionTimeoutMs 600\nflag storageDirectory ./data\n",
];
