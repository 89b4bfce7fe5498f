/** `npm start`: install if needed, build, then `kqueuey dev` with the arguments after `--`. */
import { join } from "node:path";
import { build, ensureInstalled, ROOT, requireNode, run } from "./bootstrap.mjs";

requireNode();
await ensureInstalled();
await build();
const cli = join(ROOT, "packages", "cli", "dist", "main.js");
process.exitCode = await run(process.execPath, [cli, "dev", ...process.argv.slice(2)]);
