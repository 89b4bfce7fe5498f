/** The KQueuey node: its configuration, its log, and (for `kqueuey serve`) the process itself. */
export type { ConfigOrigin, ConfigSources, LoadedConfig } from "./config/load.ts";
export { checkSharedHost, loadConfig } from "./config/load.ts";
export type { Address, PeerConfig } from "./config/parse.ts";
export { formatAddress } from "./config/parse.ts";
export { configToFlags, describeConfig, printConfig } from "./config/print.ts";
export type {
  AuthMode,
  ConfigField,
  ConfigKey,
  LimitsProfile,
  LogFormat,
  LogLevel,
  ServerConfig,
} from "./config/spec.ts";
export { CONFIG_FIELDS } from "./config/spec.ts";
export { paceCollector } from "./node/collector.ts";
export type { LogFields, Logger, LogOptions, RootLogger } from "./observe/log.ts";
export { createLogger } from "./observe/log.ts";
export type { RunningServer, StartOptions } from "./server.ts";
export { startServer } from "./server.ts";
