/**
 * What this host lets a test do. Each answer is a reason why not, or undefined: a test that is left out
 * says so by name. Asked by trying, once, since root in a container may do less than root.
 */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runNow } from "./command.ts";

/** Set to prove that the rest runs on a host that allows nothing of it. */
const NONE = process.env["SYSTEM_TEST_WITHOUT_RIGHTS"] === "1";

/** Network namespaces with bridges, cables and packet filters. */
export const networkReason: () => string | undefined = once("network namespaces", () => {
  const name = `kqp${process.pid}`;
  const space = `kqueuey-try-${process.pid}`;
  return attempt(
    [
      ["ip", "netns", "add", space],
      ["ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", space],
      ["tc", "qdisc", "add", "dev", name, "clsact"],
      ["tc", "filter", "add", "dev", name, "ingress", "bpf", "da", "bytecode", "1,6 0 0 0"],
      [
        "tc",
        "qdisc",
        "add",
        "dev",
        name,
        "root",
        "tbf",
        "rate",
        "1mbit",
        "burst",
        "8kb",
        "latency",
        "1ms",
      ],
      ["nsenter", `--net=/run/netns/${space}`, "--", "true"],
    ],
    [["ip", "netns", "del", space]],
  );
});

/** Delays and losses in the kernel's network emulator. */
export const netemReason: () => string | undefined = once("tc netem", () => {
  const name = `kqe${process.pid}`;
  return attempt(
    [
      ["ip", "link", "add", name, "type", "veth", "peer", "name", `${name}b`],
      ["tc", "qdisc", "add", "dev", name, "root", "netem", "delay", "1ms"],
    ],
    [["ip", "link", "del", name]],
  );
});

/** File systems of one's own in images, frozen at will. */
export const diskReason: () => string | undefined = once("mounted disk images", () =>
  withImage((image, mount) =>
    attempt(
      [
        ["mkfs.ext4", "-q", "-F", image],
        ["mount", "-o", "loop", image, mount],
        ["fsfreeze", "--freeze", mount],
        ["fsfreeze", "--unfreeze", mount],
      ],
      [["umount", mount]],
    ),
  ),
);

/** Taking a file system's power: what was not synced is lost. */
export const powerReason: () => string | undefined = once("power loss of a disk", () =>
  withImage((image, mount) =>
    attempt(
      [
        ["mkfs.ext4", "-q", "-F", image],
        ["mount", "-o", "loop", image, mount],
        ["perl", "-e", SHUTDOWN_PROGRAM, mount],
      ],
      [["umount", mount]],
    ),
  ),
);

/** Limits on the writes a second of one process to one disk. */
export const throttleReason: () => string | undefined = once("slow disks", () => {
  const file = "/sys/fs/cgroup/blkio/blkio.throttle.write_iops_device";
  return diskReason() ?? (existsSync(file) ? undefined : `there is no ${file}`);
});

/**
 * EXT4_IOC_SHUTDOWN without flushing the journal, for each mount named: from then on nothing reaches the
 * image, and what the cache held is gone.
 */
export const SHUTDOWN_PROGRAM: string = [
  "for (@ARGV) { open(my $d, '<', $_) or die $!; push @open, $d; }",
  "for (@open) { my $flag = pack('L', 2); ioctl($_, 0x8004587D, $flag) or die $!; }",
].join(" ");

function once(what: string, find: () => string | undefined): () => string | undefined {
  let known: { readonly reason: string | undefined } | undefined;
  return () => {
    known ??= {
      reason: NONE ? `${what}: SYSTEM_TEST_WITHOUT_RIGHTS is set` : reasonOf(what, find),
    };
    return known.reason;
  };
}

function reasonOf(what: string, find: () => string | undefined): string | undefined {
  if (process.platform !== "linux") return `${what}: this is no Linux`;
  if (process.getuid?.() !== 0) return `${what}: this is not root`;
  const reason = find();
  return reason === undefined ? undefined : `${what}: ${reason}`;
}

type Command = readonly [string, ...string[]];

/** Runs `steps` until one fails, then `undo` whatever happened; answers why it failed. */
function attempt(steps: readonly Command[], undo: readonly Command[]): string | undefined {
  try {
    for (const [command, ...args] of steps) runNow(command, ...args);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message.split("\n").slice(0, 2).join(" ") : String(error);
  } finally {
    for (const [command, ...args] of undo) {
      try {
        runNow(command, ...args);
      } catch {
        // The step that it undoes was the one that failed.
      }
    }
  }
}

function withImage(
  probe: (image: string, mount: string) => string | undefined,
): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), "kqueuey-try-"));
  try {
    const image = join(folder, "image");
    runNow("truncate", "--size", "16M", image);
    const mount = join(folder, "mount");
    runNow("mkdir", mount);
    return probe(image, mount);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
