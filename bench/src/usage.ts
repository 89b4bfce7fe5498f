/** What a system's processes used so far, by the kernel's account. Linux only; elsewhere all is 0. */
import { readdirSync, readFileSync, statSync } from "node:fs";

export interface Usage {
  /** Processor time, user and system. */
  readonly cpuSeconds: number;
  readonly residentMiB: number;
}

const TICKS_PER_SECOND = 100;
const SECTOR_BYTES = 512;

/** The sum over the processes and their children. */
export function usageOf(pids: readonly number[]): Usage {
  const sum = { cpuSeconds: 0, residentMiB: 0 };
  for (const pid of familyOf(pids)) {
    sum.cpuSeconds += cpuSecondsOf(pid);
    sum.residentMiB += numberIn(`/proc/${pid}/status`, /^VmRSS:\s+(\d+) kB/m) / 1_024;
  }
  return sum;
}

/**
 * Bytes that the device of `folder` was given to write since it was found, by whomever: also what the file system
 * adds. A process's own `write_bytes` is no measure of it: of a write into a large folio of the page cache it
 * counts the whole folio, up to 2 MiB for a write of 4 KiB.
 */
export function deviceBytesWritten(folder: string): number {
  const { dev } = statSync(folder);
  const device = `${(dev >> 8) & 0xfff}:${dev & 0xff}`;
  const sectors = read(`/sys/dev/block/${device}/stat`).trim().split(/\s+/)[6];
  return Number(sectors ?? 0) * SECTOR_BYTES;
}

/** Resident memory of the largest single process, MiB. */
export function largestResidentMiB(pids: readonly number[]): number {
  return Math.max(
    0,
    ...pids.map((pid) => numberIn(`/proc/${pid}/status`, /^VmRSS:\s+(\d+) kB/m) / 1_024),
  );
}

function cpuSecondsOf(pid: number): number {
  const text = read(`/proc/${pid}/stat`);
  // The name is in brackets and may hold anything.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / TICKS_PER_SECOND;
}

function familyOf(pids: readonly number[]): number[] {
  const family = [...pids];
  for (const pid of family) family.push(...childrenOf(pid));
  return [...new Set(family)];
}

function childrenOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
      read(`/proc/${pid}/task/${task}/children`)
        .split(" ")
        .filter((word) => word !== "")
        .map(Number),
    );
  } catch {
    return [];
  }
}

function numberIn(file: string, pattern: RegExp): number {
  return Number(pattern.exec(read(file))?.[1] ?? 0);
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
