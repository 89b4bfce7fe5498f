/** What goes on inside of a node, for tools that are loaded into its process: Node's diagnostics channels. */
import { type Channel, channel } from "node:diagnostics_channel";

/**
 * A checkpoint of a group began or ended: `{ group: number, running: boolean }`. The benchmark tells by it which
 * stalls of the event loop fell into a checkpoint.
 */
export const checkpointChannel: Channel = channel("kqueuey:checkpoint");
