/** Addresses of nodes, as people write them. */
import { KQueueyError, STREAM_PATH } from "@kqueuey/contract";

const SCHEMES: Readonly<Record<string, string>> = {
  "http:": "ws:",
  "https:": "wss:",
  "ws:": "ws:",
  "wss:": "wss:",
};
const DEFAULT_PORT = 9_324;

/**
 * The URL of the stream at an endpoint (`http://host:9324`, `https://host`, `host:9324`, `host`), or undefined
 * when it is no endpoint. Equal endpoints give equal URLs.
 */
export function streamUrl(endpoint: string): string | undefined {
  const trimmed = endpoint.trim();
  const hasScheme = /^[a-z]+:\/\//i.test(trimmed);
  try {
    const url = new URL(hasScheme ? trimmed : `http://${trimmed}`);
    const scheme = SCHEMES[url.protocol];
    if (scheme === undefined || url.hostname === "") return undefined;
    // Without a scheme and a port it is the default port; with a scheme, the scheme's.
    const bare = !hasScheme && url.port === "" && !/:\d+$/.test(trimmed);
    const host = bare ? `${url.hostname}:${DEFAULT_PORT}` : url.host;
    return `${scheme}//${host}${url.pathname.replace(/\/+$/, "")}${STREAM_PATH}`;
  } catch {
    return undefined;
  }
}

/** The stream URLs of a client's endpoints, each once. Throws INVALID_ARGUMENT. */
export function streamUrls(endpoints: readonly string[]): string[] {
  if (endpoints.length === 0) {
    throw new KQueueyError("INVALID_ARGUMENT", "endpoints is empty; name at least one node");
  }
  const urls = endpoints.map((endpoint) => {
    const url = streamUrl(endpoint);
    if (url === undefined) {
      throw new KQueueyError(
        "INVALID_ARGUMENT",
        `${JSON.stringify(endpoint)} is not an endpoint; write http://host:port or host:port`,
      );
    }
    return url;
  });
  return [...new Set(urls)];
}
