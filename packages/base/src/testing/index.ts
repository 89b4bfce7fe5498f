/** Helpers for tests, free of any test runner: they throw on failure. */
export type { ScriptCommand, ScriptResult } from "./datadriven.ts";
export { parseScript, runScript } from "./datadriven.ts";
