import type { RequestHead } from "../exchange.ts";
import type { NodeRequest } from "./node-types.ts";

/** A request's head as plain values. */
export function readHead(request: NodeRequest): RequestHead {
  const target = pathOf(request.url ?? "/");
  const at = target.indexOf("?");
  const { headers } = request;
  return {
    method: request.method ?? "GET",
    path: at < 0 ? target : target.slice(0, at),
    query: at < 0 ? "" : target.slice(at + 1),
    header(name) {
      const value = headers[name];
      return typeof value === "object" ? value.join(", ") : value;
    },
  };
}

/** A proxy may be sent the absolute form, "http://host/path": what counts is the path. */
function pathOf(target: string): string {
  if (target.startsWith("/")) return target;
  const scheme = target.indexOf("://");
  if (scheme < 0) return "/";
  const path = target.indexOf("/", scheme + 3);
  return path < 0 ? "/" : target.slice(path);
}
