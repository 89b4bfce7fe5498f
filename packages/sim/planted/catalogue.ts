/** Every planted bug. */
import type { PlantedBug } from "./bug.ts";
import { CONSENSUS_BUGS } from "./catalogue/consensus.ts";
import { FAIR_BUGS } from "./catalogue/fair.ts";
import { FIFO_BUGS } from "./catalogue/fifo.ts";
import { MOVE_BUGS } from "./catalogue/moves.ts";
import { QUEUE_BUGS } from "./catalogue/queue.ts";
import { RARE_BUGS } from "./catalogue/rare.ts";
import { REPLICA_BUGS } from "./catalogue/replica.ts";
import { STORAGE_BUGS } from "./catalogue/storage.ts";

export const PLANTED_BUGS: readonly PlantedBug[] = [
  ...CONSENSUS_BUGS,
  ...REPLICA_BUGS,
  ...QUEUE_BUGS,
  ...MOVE_BUGS,
  ...FIFO_BUGS,
  ...FAIR_BUGS,
  ...RARE_BUGS,
  ...STORAGE_BUGS,
];
