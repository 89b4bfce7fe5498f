/**
 * Which module may import which. Every rule is named for its intent and says in its comment what to
 * do instead. The packages' layers are drawn in docs/ARCHITECTURE.md.
 */

const PURE = "^packages/(base|contract|raft|queue|storage|replica)/src/";
const TEST = "\\.test\\.ts$|/test/|/testing/";
const NODE_CORE = { dependencyTypes: ["core"] };

/** One package may import only the named others; its tests may also use `extra`. */
function layer(name, allowed) {
  const others = ["base", "contract", "raft", "queue", "storage", "replica", "server", "client"];
  const forbidden = [...others, "cli", "sim"].filter(
    (other) => other !== name && !allowed.includes(other),
  );
  return {
    name: `${name}-imports-only-what-is-below`,
    comment:
      `packages/${name} may import ${allowed.join(", ") || "nothing of ours"}. ` +
      "Move what you need down, pass it in through a port, or put the code where it belongs.",
    severity: "error",
    from: { path: `^packages/${name}/` },
    to: { path: `^packages/(${forbidden.join("|")})/` },
  };
}

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    {
      name: "pure-imports-nothing-impure",
      comment:
        "Rings 1 and 2 do no I/O, read no clock, draw no randomness: they are told. Take a port or " +
        "an argument; the adapter belongs to packages/server/src/node.",
      severity: "error",
      from: { path: PURE, pathNot: TEST },
      to: NODE_CORE,
    },
    {
      name: "raft-and-queue-are-strangers",
      comment:
        "Consensus does not know what it agrees on, and a queue does not know how it is replicated. " +
        "packages/replica joins them.",
      severity: "error",
      from: { path: "^packages/(raft|queue)/" },
      to: { path: "^packages/(raft|queue)/", pathNot: "^packages/$1/" },
    },
    layer("base", []),
    layer("contract", []),
    layer("raft", ["base"]),
    layer("queue", ["base"]),
    layer("storage", ["base", "raft"]),
    layer("replica", ["base", "contract", "raft", "queue", "storage"]),
    layer("server", ["base", "contract", "raft", "queue", "storage", "replica"]),
    layer("client", ["contract"]),
    layer("cli", ["client", "contract", "server"]),
    layer("sim", ["base", "contract", "raft", "queue", "storage", "replica"]),
    {
      name: "storage-takes-only-types-of-raft",
      comment: "Storage keeps raft's records but runs none of its code: write `import type`.",
      severity: "error",
      from: { path: "^packages/storage/src/", pathNot: TEST },
      to: { path: "^packages/raft/", dependencyTypesNot: ["type-only"] },
    },
    {
      name: "api-sees-values-not-sockets",
      comment:
        "An API handler gets a request value and answers a response value. Sockets and HTTP belong " +
        "to packages/server/src/http.",
      severity: "error",
      from: { path: "^packages/server/src/api/", pathNot: TEST },
      to: {
        path: "^(node:)?(net|tls|http|http2|https|fs|fs/promises)$|^packages/server/src/node/",
      },
    },
    {
      name: "adapters-do-not-know-the-api",
      comment: "The host's adapters and the transport carry bytes; what they mean is the API's.",
      severity: "error",
      from: { path: "^packages/server/src/(node|transport)/", pathNot: TEST },
      to: { path: "^packages/server/src/api/" },
    },
    {
      name: "only-node-folder-touches-the-disk",
      comment: "The file system is reached through the Disk port: packages/server/src/node has it.",
      severity: "error",
      from: {
        path: "^packages/server/src/",
        pathNot: `^packages/server/src/(node|config)/|${TEST}`,
      },
      to: { path: "^(node:)?(fs|fs/promises)$" },
    },
    {
      name: "packages-through-the-front-door",
      comment: "Import another package by its name; what its index does not export is its own.",
      severity: "error",
      from: { path: "^packages/([^/]+)/" },
      to: {
        path: "^packages/[^/]+/(src|dist)/",
        pathNot: "^packages/($1/|[^/]+/(src|dist)/(index|testing/index)\\.)",
      },
    },
    {
      name: "outside-uses-what-users-use",
      comment:
        "System tests, benchmarks, the soak and examples use the published client and the command " +
        "line, as a user would. Micro benchmarks may look inside, and the judges of histories are the " +
        "simulator's.",
      severity: "error",
      from: { path: "^(system-test|bench|soak|examples)/", pathNot: "^bench/micro/" },
      to: { path: "^packages/", pathNot: "^packages/(client|contract|sim)/(src|dist)/index\\." },
    },
    {
      name: "fuzz-is-the-last",
      comment:
        "The fuzz targets look inside every package, because bytes come in through what no package " +
        "shows. So nothing may import them.",
      severity: "error",
      from: { pathNot: "^fuzz/" },
      to: { path: "^fuzz/" },
    },
    {
      name: "no-barrels-inside",
      comment: "index.ts is a package's public face; inside, import the file that has the thing.",
      severity: "error",
      from: { path: "^packages/([^/]+)/src/", pathNot: TEST },
      to: { path: "^packages/$1/src/index\\.ts$" },
    },
    {
      name: "no-tests-in-production",
      comment: "Code that ships does not import tests or their helpers.",
      severity: "error",
      from: { path: "^packages/", pathNot: TEST },
      to: { path: TEST, pathNot: "^node_modules/" },
    },
    {
      name: "no-circular",
      comment: "Two files that need each other are one thing, or miss a third that both need.",
      severity: "error",
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
    {
      name: "no-orphans",
      comment: "Nothing imports this file: remove it, or use it.",
      severity: "error",
      from: {
        orphan: true,
        path: "^packages/",
        pathNot: `/bin/|/src/(index|main|[^/]*worker[^/]*)\\.ts$|/src/gen/|${TEST}|\\.d\\.ts$`,
      },
      to: {},
    },
    {
      name: "not-to-dev-dependencies",
      comment: "What ships may need only what its package.json lists under dependencies.",
      severity: "error",
      from: { path: "^packages/[^/]+/src/", pathNot: TEST },
      to: { dependencyTypes: ["npm-dev"], dependencyTypesNot: ["type-only"] },
    },
    {
      name: "resolvable",
      comment: "The import leads nowhere: a wrong path, or a dependency that is not installed.",
      severity: "error",
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.tests.json" },
    doNotFollow: { path: "node_modules" },
    exclude: { path: "(^|/)(dist|coverage)/" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["dev", "import", "default"],
      extensions: [".ts", ".mjs", ".js"],
    },
    skipAnalysisNotInRules: true,
  },
};
