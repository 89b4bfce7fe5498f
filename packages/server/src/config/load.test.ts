import { KQueueyError } from "@kqueuey/contract";
import { describe, expect, it } from "vitest";
import { checkSharedHost, loadConfig } from "./load.ts";
import { configToFlags, describeConfig, printConfig } from "./print.ts";
import type { ServerConfig } from "./spec.ts";
import { CONFIG_FIELDS } from "./spec.ts";

interface Given {
  readonly flags?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly file?: string;
}

function load(given: Given): ReturnType<typeof loadConfig> {
  return loadConfig({
    flags: { ...given.flags, ...(given.file === undefined ? {} : { config: "k.yaml" }) },
    env: given.env ?? {},
    readFile: (path) => {
      if (path === "k.yaml" && given.file !== undefined) return given.file;
      throw new Error(`ENOENT: no such file, open '${path}'`);
    },
  });
}

function refusal(given: Given): string {
  try {
    load(given);
  } catch (error) {
    if (!KQueueyError.is(error)) throw error;
    expect(error.code).toBe("CONFIG_INVALID");
    return error.message;
  }
  throw new Error("the configuration was accepted");
}

const THREE = "1@10.0.0.1:9325,2@10.0.0.2:9325,3@10.0.0.3:9325";
const MEMBER = { clusterId: "prod", nodeId: "1", peers: THREE };

describe("where values come from", () => {
  it("needs nothing for a cluster of one", () => {
    const { config } = load({});
    expect(config.nodeId).toBe(1);
    expect(config.clientUrl).toBe("http://127.0.0.1:9324");
    expect(config.peers).toEqual([
      {
        id: 1,
        peerAddress: { host: "127.0.0.1", port: 9325 },
        clientUrl: "http://127.0.0.1:9324",
      },
    ]);
    expect(config.walSegmentBytes).toBe(67_108_864);
    expect(config.requestTimeoutMs).toBe(10_000);
  });

  it("takes a flag before a variable before the file before the default", () => {
    const file = "nodeId: 3\nlogLevel: debug\nheartbeatMs: 20\nclientListen: 127.0.0.1:4000\n";
    const env = { KQUEUEY_LOG_LEVEL: "warn", KQUEUEY_HEARTBEAT_MS: "30" };
    const { config, origins } = load({ flags: { heartbeatMs: "40" }, env, file });
    expect(config).toMatchObject({ nodeId: 3, logLevel: "warn", heartbeatMs: 40 });
    expect(origins).toMatchObject({
      nodeId: "file",
      logLevel: "variable",
      heartbeatMs: "flag",
      logFormat: "default",
    });
  });

  it("reads lengths of time and sizes with their units", () => {
    const { config } = load({
      flags: { electionTimeoutMs: "2s", walSegmentBytes: "128MiB" },
      env: { KQUEUEY_REQUEST_TIMEOUT_MS: "1500" },
    });
    expect(config).toMatchObject({
      electionTimeoutMs: 2_000,
      walSegmentBytes: 134_217_728,
      requestTimeoutMs: 1_500,
    });
  });

  it("reads peers as text and as YAML mappings alike", () => {
    const file = `
clusterId: prod
nodeId: 2
peers:
  - 1@10.0.0.1:9325=http://10.0.0.1:9324
  - { id: 2, peerAddress: "[fd00::2]:9325" }
`;
    const { config } = load({ file });
    expect(config.peers).toEqual([
      { id: 1, peerAddress: { host: "10.0.0.1", port: 9325 }, clientUrl: "http://10.0.0.1:9324" },
      { id: 2, peerAddress: { host: "fd00::2", port: 9325 }, clientUrl: "http://127.0.0.1:9324" },
    ]);
  });

  it("takes this node's client URL from its own entry of the peers", () => {
    const peers = "1@a:1=http://a:9324,2@b:1=http://b:9324";
    const flags = { ...MEMBER, peers, clientListen: "0.0.0.0:9324" };
    expect(load({ flags }).config.clientUrl).toBe("http://a:9324");
  });

  it("leaves the client URL open when the system chooses the port", () => {
    expect(load({ flags: { clientListen: "127.0.0.1:0" } }).config.clientUrl).toBeUndefined();
    expect(load({ flags: { clientListen: "[::]:80" } }).config.clientUrl).toBe("http://127.0.0.1");
  });

  it("ignores what Kubernetes sets for a service called kqueuey, and the command line's own", () => {
    const env = {
      KQUEUEY_PORT: "tcp://10.0.0.1:9324",
      KQUEUEY_PORT_9324_TCP_ADDR: "10.0.0.1",
      KQUEUEY_SERVICE_HOST: "10.0.0.1",
      KQUEUEY_ENDPOINT: "http://10.0.0.1:9324",
      PATH: "/bin",
    };
    expect(load({ env }).config.nodeId).toBe(1);
  });
});

describe("refusals, by name and with what would be right", () => {
  it.each<readonly [title: string, given: Given, message: string]>([
    [
      "a number that is none",
      { flags: { nodeId: "zero" } },
      'nodeId (--node-id) must be a whole number from 1 to 65535, not "zero"',
    ],
    [
      "a number out of its range",
      { env: { KQUEUEY_NODE_ID: "70000" } },
      'nodeId (KQUEUEY_NODE_ID) must be a whole number from 1 to 65535, not "70000"',
    ],
    [
      "a fraction",
      { file: "nodeId: 1.5" },
      "nodeId (nodeId in k.yaml) must be a whole number from 1 to 65535, not 1.5",
    ],
    ["an empty value in the file", { file: "nodeId:" }, "from 1 to 65535, not null"],
    [
      "an address in brackets that is no IPv6 address",
      { flags: { clientListen: "[:]:8" } },
      'clientListen (--client-listen) must be host:port with a port from 0 to 65535, not "[:]:8"',
    ],
    [
      "an address without a port",
      { flags: { clientListen: "localhost" } },
      'clientListen (--client-listen) must be host:port with a port from 0 to 65535, not "localhost"',
    ],
    [
      "an address with an impossible port",
      { flags: { peerListen: "localhost:99999" } },
      "peerListen (--peer-listen) must be host:port with a port from 0 to 65535",
    ],
    [
      "an unknown choice",
      { flags: { logLevel: "loud" } },
      'logLevel (--log-level) must be one of silent, error, warn, info, debug, not "loud"',
    ],
    [
      "a cluster id with spaces",
      { flags: { clusterId: "my cluster" } },
      "clusterId (--cluster-id) must be 1 to 100 letters, digits, dots, hyphens and underscores",
    ],
    [
      "a client URL with a path",
      { flags: { clientUrl: "http://a:1/x" } },
      "clientUrl (--client-url) must be a URL such as http://10.0.0.1:9324, with no path",
    ],
    [
      "an empty directory name",
      { flags: { storageDirectory: " " } },
      "storageDirectory (--storage-directory) must be the path of a directory",
    ],
    ["a boolean that is none", { env: { KQUEUEY_BOOTSTRAP: "yes" } }, "must be true or false"],
    [
      "an unknown variable",
      { env: { KQUEUEY_NODE_IDD: "1" } },
      "KQUEUEY_NODE_IDD is an unknown variable; did you mean KQUEUEY_NODE_ID?",
    ],
    [
      "an unknown key of the file",
      { file: "nodeID: 1\nstorage: /x\n" },
      "nodeID is an unknown key in k.yaml; did you mean nodeId?",
    ],
    [
      "an unknown key without a likeness",
      { file: "colour: red" },
      "colour is an unknown key in k.yaml; see kqueuey serve --help for all of them",
    ],
    [
      "a file that is not there",
      { flags: { config: "other.yaml" } },
      "config (--config): other.yaml could not be read: ENOENT",
    ],
    ["a file that is not YAML", { file: "a: [1" }, "config (--config): k.yaml is not YAML"],
    ["a key twice in the file", { file: "nodeId: 1\nnodeId: 2" }, "k.yaml is not YAML: Map keys"],
    ["a file with a list", { file: "- 1" }, "k.yaml must hold keys and values"],
    [
      "a peer without an id",
      { flags: { ...MEMBER, peers: "10.0.0.1:9325" } },
      'peers (--peers) has "10.0.0.1:9325"; each must be id@host:peerPort',
    ],
    [
      "a peer with an impossible id",
      { flags: { ...MEMBER, peers: "x@10.0.0.1:9325" } },
      'peers (--peers) has the id "x"; it must be a whole number from 1 to 65535',
    ],
    [
      "a peer that nobody can dial",
      { flags: { ...MEMBER, peers: "1@0.0.0.0:9325" } },
      "peers (--peers) has the address 0.0.0.0:9325, which no other node can dial",
    ],
    [
      "an unknown key of a peer",
      { file: "peers: [{ id: 1, adress: a:1 }]" },
      "peers (peers in k.yaml) has an unknown key adress; a peer has id, peerAddress and clientUrl",
    ],
    [
      "one id twice",
      { flags: { ...MEMBER, peers: "1@a:1,1@b:1" } },
      "peers has the id 1 twice; ids must differ",
    ],
    [
      "one address twice",
      { flags: { ...MEMBER, peers: "1@a:1,2@a:1" } },
      "peers has the address a:1 for nodes 1 and 2",
    ],
    [
      "one client URL twice",
      { flags: { ...MEMBER, peers: "1@a:1=http://h:1,2@b:1=http://h:1" } },
      "peers has http://h:1 for nodes 1 and 2",
    ],
    [
      "peers without this node",
      { flags: { ...MEMBER, nodeId: "4" } },
      "peers lacks node 4 itself; it has 1, 2, 3. Add it, or correct nodeId",
    ],
    [
      "peers without a node id",
      { flags: { clusterId: "prod", peers: THREE } },
      "nodeId must be given when peers are",
    ],
    [
      "peers without a cluster id",
      { flags: { nodeId: "1", peers: THREE } },
      "clusterId must be given when peers are",
    ],
    [
      "a client address that no URL can have",
      { flags: { clientListen: "[fe80::1%eth0]:9324" } },
      "clientUrl must be given when clientListen is [fe80::1%eth0]:9324: no URL has that host",
    ],
    [
      "a client address that says nothing to clients",
      { flags: { ...MEMBER, clientListen: "0.0.0.0:9324" } },
      "clientUrl must be given when clientListen is 0.0.0.0:9324",
    ],
    [
      "two client URLs for one node",
      { flags: { ...MEMBER, peers: "1@a:1=http://a:1", clientUrl: "http://b:1" } },
      "clientUrl is http://b:1, but peers gives node 1 http://a:1",
    ],
    [
      "one address for clients and peers",
      { flags: { peerListen: "0.0.0.0:9324" } },
      "peerListen is 0.0.0.0:9324, the same as clientListen",
    ],
    [
      "an election faster than heartbeats",
      { flags: { electionTimeoutMs: "100", heartbeatMs: "50" } },
      "electionTimeoutMs is 100 with heartbeatMs 50; it must be at least five heartbeats, 250",
    ],
    [
      "fewer proposed bytes than requests have",
      { flags: { proposedBytesMax: "8MiB", requestBodyBytesMax: "8MiB" } },
      "it must hold at least two requests, 16777216",
    ],
    [
      "a segment that is not whole pages",
      { flags: { walSegmentBytes: "67108865" } },
      "walSegmentBytes is 67108865; it must be a multiple of 4096",
    ],
    [
      "a segment smaller than requests",
      { flags: { walSegmentBytes: "16MiB", requestBodyBytesMax: "16MiB" } },
      "walSegmentBytes is 16777216 with requestBodyBytesMax 16777216",
    ],
  ])("%s", (_title, given, message) => {
    expect(refusal(given)).toContain(message);
  });

  it.each([
    ["auth without keys", { auth: "keys" }, "accessKeysFile must be given when auth is keys"],
    [
      "keys without auth",
      { accessKeysFile: "keys.yaml" },
      "accessKeysFile is given but auth is off",
    ],
    [
      "a file of keys that is not there",
      { auth: "keys", accessKeysFile: "none.yaml" },
      "accessKeysFile none.yaml could not be read",
    ],
    ["another way to authenticate", { auth: "basic" }, "must be one of off, keys"],
    ["an account that is none", { sqsAccount: "1234" }, "must be twelve digits"],
    ["a region that is none", { sqsRegion: "Mars!" }, "must be 1 to 64 small letters"],
    ["a URL with a path", { sqsUrl: "http://a/b" }, "with no path"],
  ])("%s", (_title, flags, message) => {
    expect(refusal({ flags })).toContain(message);
  });

  it("says everything that is wrong at once", () => {
    const message = refusal({ flags: { nodeId: "0", logFormat: "xml" }, env: { KQUEUEY_X: "1" } });
    expect(message).toMatch(/^3 problems:\n/);
    expect(message).toContain("KQUEUEY_X");
    expect(message).toContain("nodeId");
    expect(message).toContain("logFormat");
  });
});

describe("nodes that share a machine", () => {
  function node(changes: Partial<ServerConfig>): ServerConfig {
    return { ...load({}).config, ...changes };
  }

  it("have ids, addresses and directories of their own", () => {
    const first = node({});
    expect(() => checkSharedHost([first])).not.toThrow();
    expect(() => checkSharedHost([first, first])).toThrow(/^CONFIG|nodeId 1 stands twice/);
    const second = node({
      nodeId: 2,
      storageDirectory: "/b",
      clientListen: { host: "127.0.0.1", port: 9325 },
      peerListen: { host: "127.0.0.1", port: 9335 },
    });
    expect(() => checkSharedHost([first, second])).toThrow(
      "127.0.0.1:9325 stands twice, for nodes 1 and 2",
    );
    expect(() =>
      checkSharedHost([first, { ...second, storageDirectory: "./kqueuey-data" }]),
    ).toThrow("storageDirectory ./kqueuey-data stands twice, for nodes 1 and 2");
  });
});

describe("a configuration as text", () => {
  it("prints what it would read again, with origins", () => {
    const loaded = load({ flags: { ...MEMBER, logFormat: "json" } });
    const text = printConfig(loaded);
    expect(text).toContain("nodeId: 1  # flag");
    expect(text).toContain("heartbeatMs: 60  # default");
    expect(load({ file: text }).config).toEqual(loaded.config);
  });

  it.each(["1", "0x10", "true", "null", "1e3", "007", "2026-11-24", "~"])(
    "prints the name %s so that it stays a text",
    (directory) => {
      const loaded = load({ flags: { storageDirectory: directory } });
      const again = load({ file: printConfig(loaded) });
      expect(again.config.storageDirectory).toBe(directory);
    },
  );

  it("becomes the flags of a child process", () => {
    const { config } = load({ flags: { ...MEMBER, bootstrap: true } });
    const flags: Record<string, unknown> = {};
    const words = [...configToFlags(config)];
    for (const field of CONFIG_FIELDS) {
      const at = words.indexOf(field.flag);
      if (at >= 0) flags[field.key] = field.argument === undefined ? true : words[at + 1];
    }
    expect(load({ flags }).config).toEqual(config);
  });

  it("names every key once in the reference", () => {
    const text = describeConfig();
    for (const field of CONFIG_FIELDS) expect(text).toContain(`\`${field.variable}\``);
    expect(text).toContain("| `nodeId` | `--node-id` | `KQUEUEY_NODE_ID` | `1` |");
  });
});
