/** That the instruments do what tests believe they do: a fault that isn't there proves nothing. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import { until } from "../harness/condition.ts";
import { freePorts } from "../harness/ports.ts";
import { testNeeding } from "../nemesis/fixture.ts";
import { runNow, succeeds } from "./command.ts";
import { HostNetwork } from "./host-network.ts";
import { packetFilter } from "./packet-filter.ts";
import { RelayNetwork } from "./relay-network.ts";
import { diskReason, networkReason, powerReason } from "./rights.ts";
import { SmallDisks } from "./small-disks.ts";

const MIB = 1_048_576;
const LEFTOVERS = fileURLToPath(new URL("./testing/leave-behind.ts", import.meta.url));

/** Whether node `from` gets an answer to one UDP packet sent to node `to`, which answers whatever comes. */
async function answers(network: HostNetwork, from: number, to: number): Promise<boolean> {
  const server = runIn(
    network,
    to,
    "const s = D(); s.on('message', (m, r) => s.send(m, r.port, r.address)); s.bind(7777, () => console.log('bound'));",
  );
  onTestFinished(() => void server.kill("SIGKILL"));
  await once(server.stdout, "data");
  const asker = runIn(
    network,
    from,
    `const s = D(); s.on('message', () => process.exit(0)); setTimeout(() => process.exit(1), 400); s.send('x', 7777, '${network.hostOf(to)}');`,
  );
  const [code] = await once(asker, "exit");
  server.kill("SIGKILL");
  await once(server, "exit");
  return code === 0;
}

function runIn(network: HostNetwork, id: number, code: string): ReturnType<typeof spawnPiped> {
  const program = `const D = () => require('node:dgram').createSocket('udp4'); ${code}`;
  const [command = "", ...words] = [...network.enter(id), process.execPath, "-e", program];
  return spawnPiped(command, words);
}

function spawnPiped(command: string, words: readonly string[]) {
  return spawn(command, words, { stdio: ["ignore", "pipe", "inherit"] });
}

describe("hosts of the nodes' own", () => {
  testNeeding(networkReason(), "a cut goes one way or both, and heals", async () => {
    const network = await HostNetwork.create([1, 2, 3]);
    onTestFinished(() => network.close());
    expect(await answers(network, 1, 2)).toBe(true);
    // The question arrives and the answer does not: one way is enough for silence, either way.
    await network.setLink({ from: 2, to: 1 }, { cut: true });
    expect(await answers(network, 1, 2)).toBe(false);
    expect(await answers(network, 3, 2)).toBe(true);
    await network.setLink({ from: 2, to: 1 }, { lost: 0 });
    await network.setLink({ from: 1, to: 2 }, { lost: 0.999 });
    expect(await answers(network, 1, 2)).toBe(false);
    await network.heal();
    expect(await answers(network, 1, 2)).toBe(true);
  });

  testNeeding(
    networkReason() ?? diskReason(),
    "what a killed run left behind is removed by the next",
    async () => {
      const child = spawn(process.execPath, ["--import", "tsx", LEFTOVERS], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      const [line] = await once(child.stdout, "data");
      const [bridge = "", folder = ""] = String(line).trim().split(" ");
      child.kill("SIGKILL");
      await once(child, "exit");
      expect(succeeds("ip", "link", "show", bridge)).toBe(true);
      const next = await HostNetwork.create([1]);
      onTestFinished(() => next.close());
      const alias = succeeds("ip", "link", "show", bridge)
        ? runNow("ip", "link", "show", bridge)
        : "";
      expect(alias).not.toContain(`alias ${child.pid}-`);
      expect(existsSync(folder)).toBe(false);
      expect(readFileSync("/proc/mounts", "utf8")).not.toContain(folder);
    },
  );

  test("a filter's program is what the kernel's notation says", () => {
    expect(packetFilter([])).toBe("4,40 0 0 12,21 1 0 2048,6 0 0 0,6 0 0 0");
    expect(packetFilter([{ to: "10.77.0.2", lost: 1 }])).toBe(
      "7,40 0 0 12,21 1 0 2048,6 0 0 0,32 0 0 30,21 0 1 172818434,6 0 0 2,6 0 0 0",
    );
  });
});

describe("relays between nodes", () => {
  test("hold what goes one way while it is cut, and pass it on afterwards", async () => {
    const [port = 0, other = 0] = await freePorts(2);
    const heard: string[] = [];
    const accepted: Socket[] = [];
    const server: Server = createServer((socket) => {
      accepted.push(socket);
      socket.on("data", (chunk: Buffer) => heard.push(chunk.toString()));
    });
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    const network = await RelayNetwork.create(
      [
        { id: 1, port: other },
        { id: 2, port },
      ],
      "to test it",
    );
    const dialled = Number(network.peerAddress({ from: 1, to: 2 }).split(":")[1]);
    const client = connect(dialled, "127.0.0.1");
    onTestFinished(async () => {
      client.destroy();
      await network.close();
      server.close();
    });
    client.write("a");
    await until(() => heard.join("") === "a", { what: "the first byte" });
    await network.setLink({ from: 1, to: 2 }, { cut: true });
    client.write("b");
    // The other way is open: a byte that comes through it is later than any that was let through.
    const answer = once(client, "data");
    accepted[0]?.write("c");
    expect(String((await answer)[0])).toBe("c");
    expect(heard.join("")).toBe("a");
    await network.heal();
    await until(() => heard.join("") === "ab", { what: "the byte that was held" });
  });
});

describe("disks of the nodes' own", () => {
  testNeeding(
    powerReason(),
    "that lose their power lose what was not synced, and only that",
    async () => {
      const disks = await SmallDisks.create([1], 32 * MIB);
      onTestFinished(() => disks.close());
      const path = (name: string): string => join(disks.mountOf(1), name);
      const file = openSync(path("synced"), "w");
      writeSync(file, "kept");
      fsyncSync(file);
      closeSync(file);
      writeFileSync(path("cached"), "gone");
      await disks.cutPower([1]);
      expect(() => writeFileSync(path("later"), "x")).toThrow();
      await disks.restorePower([1]);
      expect(readFileSync(path("synced"), "utf8")).toBe("kept");
      expect(existsSync(path("cached")) ? readFileSync(path("cached"), "utf8") : "").toBe("");
      writeFileSync(path("later"), "x");
    },
  );

  testNeeding(
    diskReason(),
    "that are full refuse a write, and take it when there is room",
    async () => {
      const disks = await SmallDisks.create([1], 32 * MIB);
      onTestFinished(() => disks.close());
      const path = join(disks.mountOf(1), "file");
      await disks.fill(1);
      expect(() => writeFileSync(path, Buffer.alloc(MIB))).toThrow(/ENOSPC/);
      disks.empty(1);
      writeFileSync(path, Buffer.alloc(MIB));
    },
  );
});

test("a shifted wall clock is shifted for its process alone", () => {
  const preload = new URL("./wall-clock.mjs", import.meta.url).href;
  const file = fileURLToPath(new URL("./testing/one-day.txt", import.meta.url));
  const program = "console.log(Date.now(), new Date().getTime(), performance.now())";
  const output = runNow(
    "env",
    `SYSTEM_TEST_CLOCK_FILE=${file}`,
    process.execPath,
    "--import",
    preload,
    "-e",
    program,
  );
  const [now = 0, made = 0, monotonic = 0] = output.trim().split(" ").map(Number);
  expect(now - Date.now()).toBeGreaterThan(86_000_000);
  expect(made - Date.now()).toBeGreaterThan(86_000_000);
  expect(monotonic).toBeLessThan(60_000);
});
