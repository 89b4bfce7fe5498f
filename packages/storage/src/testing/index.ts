/** Helpers for tests of what stands on the Disk port, free of any test runner. */
export type { DiskContractCase, DiskFixture } from "./disk-contract.ts";
export { DISK_CONTRACT } from "./disk-contract.ts";
export type { DiskRequest, FaultPlan } from "./memory-disk.ts";
export { MemoryDisk } from "./memory-disk.ts";
export type { ToyEntry } from "./toy-machine.ts";
export { encodeToyEntry, TOY_FRAMING, ToyMachine, toyBody } from "./toy-machine.ts";
