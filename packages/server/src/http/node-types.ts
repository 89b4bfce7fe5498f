/** Node's request and response, of HTTP/1.1 and of HTTP/2 alike, as Connect's Node adapter takes them. */
import type { connectNodeAdapter } from "@connectrpc/connect-node";

/** What `connectNodeAdapter` gives; any handler of Node's own objects has this form. */
export type NodeHandler = ReturnType<typeof connectNodeAdapter>;

export type NodeRequest = Parameters<NodeHandler>[0];

/** The two versions declare `write` and `writeHead` unlike for the same thing: this has what both take. */
export type NodeResponse = Parameters<NodeHandler>[1];
