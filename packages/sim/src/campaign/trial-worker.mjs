/** Lets a thread run TypeScript: older versions of Node give a thread none of the main one's loaders. */
import { register } from "tsx/esm/api";

register();
await import("./trial-worker.ts");
