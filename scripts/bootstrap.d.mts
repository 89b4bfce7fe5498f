/** Types of bootstrap.mjs, which has to be plain JavaScript. */

/** The folder of the root package.json. */
export const ROOT: string;
/** True when node_modules of `root` holds what its package-lock.json asks for. */
export function isInstalled(root: string): boolean;
