/** Free TCP ports of 127.0.0.1. */
import { createServer, type Server } from "node:net";

/** Below the range from which outgoing connections take theirs: a killed node must get its port back. */
const FIRST = 15_000;
const LAST = 31_000;

/** `count` different ports on which nothing listens now. */
export async function freePorts(count: number): Promise<number[]> {
  const held: Server[] = [];
  const ports: number[] = [];
  try {
    while (ports.length < count) {
      const port = FIRST + Math.floor(Math.random() * (LAST - FIRST));
      const server = await tryListen(port);
      if (server === undefined) continue;
      held.push(server);
      ports.push(port);
    }
    return ports;
  } finally {
    await Promise.all(held.map((server) => new Promise((done) => server.close(done))));
  }
}

function tryListen(port: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(undefined));
    server.listen(port, "127.0.0.1", () => resolve(server));
  });
}

/** A port of which each of `offsets` further is free too. */
export async function freePortBase(offsets: readonly number[]): Promise<number> {
  for (;;) {
    const base = FIRST + Math.floor(Math.random() * (LAST - FIRST));
    const servers = await Promise.all(offsets.map((offset) => tryListen(base + offset)));
    const free = servers.every((server) => server !== undefined);
    await Promise.all(
      servers.map((server) => new Promise((done) => (server ? server.close(done) : done(0)))),
    );
    if (free) return base;
  }
}
