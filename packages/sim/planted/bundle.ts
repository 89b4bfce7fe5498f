/** Builds the simulator as one file, with a planted bug in it or without. */
import { readFile } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type Plugin } from "esbuild";
import type { Patch } from "./bug.ts";
import { applyPatches, StalePatch } from "./patch.ts";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const PACKAGES = join(HERE, "..", "..");

/** Writes the bundle to `outfile`. Throws `StalePatch` when a patch does not fit. */
export async function bundle(patches: readonly Patch[], outfile: string): Promise<void> {
  const applied = new Set<string>();
  await build({
    entryPoints: [join(HERE, "trial-worker.ts")],
    outfile,
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    conditions: ["dev"],
    sourcemap: "inline",
    logLevel: "silent",
    plugins: [patching(patches, applied)],
  }).catch((error: unknown) => {
    throw staleIn(error) ?? error;
  });
  for (const { file } of patches) {
    if (!applied.has(file)) throw new StalePatch(`${file} is not part of the simulator`);
  }
}

function patching(patches: readonly Patch[], applied: Set<string>): Plugin {
  return {
    name: "planted-bug",
    setup: ({ onLoad }) => {
      onLoad({ filter: /\.ts$/ }, async ({ path }) => {
        const file = relative(PACKAGES, path).split(sep).join("/");
        const own = patches.filter((patch) => patch.file === file);
        if (own.length === 0) return undefined;
        applied.add(file);
        const source = await readFile(path, "utf8");
        return { contents: applyPatches(source, own), loader: "ts" };
      });
    },
  };
}

/** What the plugin threw, out of what the bundler made of it. */
function staleIn(error: unknown): StalePatch | undefined {
  if (typeof error !== "object" || error === null || !("errors" in error)) return undefined;
  const { errors } = error;
  if (!Array.isArray(errors)) return undefined;
  for (const each of errors as readonly { readonly detail?: unknown }[]) {
    if (each.detail instanceof StalePatch) return each.detail;
  }
  return undefined;
}

/** The source of a file below `packages/`. */
export function sourceOf(file: string): Promise<string> {
  return readFile(join(PACKAGES, file), "utf8");
}
