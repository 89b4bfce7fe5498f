/** Makes a network and a disk, says which, and waits to be killed: what it can't give back is the test's. */
import { HostNetwork } from "../host-network.ts";
import { SmallDisks } from "../small-disks.ts";

const network = await HostNetwork.create([1, 2]);
const disks = await SmallDisks.create([1], 32 * 1_048_576);
console.log(`kqbridge${network.hostOf(1).split(".")[2] ?? ""} ${disks.folder}`);
setInterval(() => undefined, 60_000);
