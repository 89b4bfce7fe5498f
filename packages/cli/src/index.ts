/** The `kqueuey` command as a function, for those who embed or document it. */
export type { CliContext, ConnectOptions } from "./context.ts";
export { EXIT_CODE, EXIT_CODE_HELP } from "./exit-code.ts";
export { runCli } from "./program.ts";
