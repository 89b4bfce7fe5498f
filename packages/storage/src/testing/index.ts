/** Helpers for tests of what stands on the Disk port, free of any test runner. */
export type { DiskContractCase, DiskFixture } from "./disk-contract.ts";
export { DISK_CONTRACT } from "./disk-contract.ts";
export type { DiskRequest, FaultPlan } from "./memory-disk.ts";
export { MemoryDisk } from "./memory-disk.ts";
