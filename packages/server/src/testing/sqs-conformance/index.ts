/** Every behaviour of the conformance page, in its order. */
import type { Behaviour } from "./behaviour.ts";
import { FIFO } from "./fifo.ts";
import { MESSAGES } from "./messages.ts";
import { PROTOCOLS } from "./protocols.ts";
import { QUEUES } from "./queues.ts";

export const BEHAVIOURS: readonly Behaviour[] = [...PROTOCOLS, ...QUEUES, ...MESSAGES, ...FIFO];
