/** What the benchmark needs of a queue system's servers. */
import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { existsSync, openSync } from "node:fs";
import { delimiter, join } from "node:path";

/** How a load process reaches a system; it goes between processes as JSON. */
export interface Reach {
  readonly driver:
    | "kqueuey"
    | "nats"
    | "nats-minimal"
    | "rabbitmq"
    | "redis-streams"
    | "bullmq"
    | "beanstalkd";
  /** Addresses in the driver's own form, best first. */
  readonly addresses: readonly string[];
  readonly replicas: number;
}

/** A system that runs. */
export interface Running {
  readonly reach: Reach;
  /** Process ids of the servers, without the driver. */
  readonly pids: readonly number[];
  /** Where the servers keep their data. */
  readonly folder: string;
  /** Kills the server that leads `queue` with SIGKILL; answers its name. */
  killLeader(queue: string): Promise<string>;
  /** Restarts everything and waits until requests are served; ms from the start of the last process. */
  restart(): Promise<number>;
  /** Further figures of its own, by name. */
  figures?(): Promise<Readonly<Record<string, number>>>;
  stop(): Promise<void>;
}

/** One system in one configuration. */
export interface System {
  readonly name: string;
  readonly variant: string;
  /** Batches and windows worth trying, best is reported. */
  readonly tunings: readonly Tuning[];
  /** Why it cannot run here, if it cannot. */
  missing(): string | undefined;
  start(folder: string): Promise<Running>;
}

/** How a workload uses a driver. */
export interface Tuning {
  /** Messages in a send and at most in a receive. */
  readonly batch: number;
  readonly senders: number;
  readonly receivers: number;
}

/** The path of a program, by PATH or one of the other folders. */
export function findProgram(name: string, ...folders: string[]): string | undefined {
  const path = (process.env["PATH"] ?? "").split(delimiter);
  return [...folders, ...path].map((folder) => join(folder, name)).find((file) => existsSync(file));
}

/** Starts a server whose output goes to a file; it dies with us. */
export function startServer(
  program: string,
  args: readonly string[],
  options: { readonly log: string; readonly env?: Readonly<Record<string, string>> },
): ChildProcess {
  const out = openSync(options.log, "a");
  const child = spawn(program, args, {
    stdio: ["ignore", out, out],
    env: { ...process.env, ...options.env },
  });
  reapAtExit(child);
  return child;
}

/** The child dies with us. */
export function reapAtExit(child: ChildProcess): void {
  const reap = (): boolean => child.kill("SIGKILL");
  process.once("exit", reap);
  child.once("exit", () => process.off("exit", reap));
}

export async function stopServer(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill(signal);
  await ended;
}

/** Tries until `attempt` gives something, up to two minutes. */
export async function eventually<T>(
  what: string,
  attempt: () => Promise<T | undefined>,
): Promise<T> {
  const endMs = performance.now() + 120_000;
  let last: unknown;
  while (performance.now() < endMs) {
    try {
      const value = await attempt();
      if (value !== undefined) return value;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`no ${what} within two minutes`, { cause: last });
}
