/** What client and server agree on. Browser-safe. */
export type { ErrorCode, ErrorDetails, ErrorSpec } from "./errors.ts";
export { ERRORS, isErrorCode, KQueueyError } from "./errors.ts";
