/** `node scripts/run.mjs FILE.ts …`: install and build if needed, then run a TypeScript program. */
import { join } from "node:path";
import { build, ensureInstalled, ROOT, requireNode, run } from "./bootstrap.mjs";

requireNode();
const [first, ...rest] = process.argv.slice(2);
const bare = first === "--no-build";
const [file, ...args] = bare ? rest : [first, ...rest];
await ensureInstalled();
// The gate builds as one of its own parts, so that a type error is a failure in its list.
if (!bare) await build();
process.exitCode = await run(process.execPath, ["--import", "tsx", join(ROOT, file), ...args]);
