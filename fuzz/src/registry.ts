/** Every fuzz target there is. A new door gets one here; the smoke run and `all` take it from this list. */
import type { Target } from "./target.ts";
import { bodyRecords } from "./targets/body-records.ts";
import { canary } from "./targets/canary.ts";
import { checkpointUnits } from "./targets/checkpoint-units.ts";
import { clientCodecs } from "./targets/client-codecs.ts";
import { clientPort } from "./targets/client-port.ts";
import { commands } from "./targets/commands.ts";
import { configuration } from "./targets/configuration.ts";
import { handshake } from "./targets/handshake.ts";
import { logEntries } from "./targets/log-entries.ts";
import { peerFrames } from "./targets/peer-frames.ts";
import { peerLies } from "./targets/peer-lies.ts";
import { peerPort } from "./targets/peer-port.ts";
import { raftMessagesTarget } from "./targets/raft-messages.ts";
import { receipts } from "./targets/receipts.ts";
import { rpcBodies } from "./targets/rpc-bodies.ts";
import { snapshots } from "./targets/snapshots.ts";
import { sqsBodies } from "./targets/sqs-bodies.ts";
import { store } from "./targets/store.ts";
import { streamFrames } from "./targets/stream-frames.ts";
import { wal } from "./targets/wal.ts";

export const TARGETS: readonly Target[] = [
  canary,
  peerFrames,
  handshake,
  raftMessagesTarget,
  peerLies,
  logEntries,
  commands,
  bodyRecords,
  receipts,
  checkpointUnits,
  wal,
  store,
  snapshots,
  configuration,
  clientCodecs,
  streamFrames,
  rpcBodies,
  sqsBodies,
  clientPort,
  peerPort,
];
