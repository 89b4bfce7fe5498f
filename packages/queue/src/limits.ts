/**
 * Hard limits of the state machine. They are part of the replicated behaviour: every replica of a
 * cluster runs with the same values, so a change of one is a new machine version. APIs have narrower
 * limits of their own.
 */

/** Indexes of entries are below it: a body's reference has 40 bits for its entry. */
export const ENTRY_INDEX_END = 0x100_0000_0000;
/**
 * Cluster time is below it, 33 years and some: deadlines have 40 bits, and lie a year ahead at most. A later time was
 * made by no clock.
 */
export const CLUSTER_TIME_END = 0xf8_0000_0000;
/** Message operations (messages sent, receive limits, receipts) in one entry. */
export const ENTRY_OPERATIONS_MAX = 4_096;
/** Commands in one entry. */
export const ENTRY_COMMANDS_MAX = 4_096;
/** Bytes of one entry's data. A body's offset in its entry has 24 bits. */
export const ENTRY_BYTES_MAX: number = 8 * 1024 * 1024;
/** Messages, receipts or the receive limit of one command. */
export const COMMAND_OPERATIONS_MAX = 1_000;
/** Bytes of one body record, its header included. */
export const BODY_RECORD_BYTES_MAX: number = 4 * 1024 * 1024;
/** Longest lease, and delay of a message that is given back: 12 hours. Leases have 26 bits of ms. */
export const LEASE_MS_MAX = 43_200_000;
/** Longest delay of a message that is sent: 365 days. */
export const DELAY_MS_MAX = 31_536_000_000;
/** Longest time from a grant to the end of its lease, extensions included: 12 hours. */
export const LEASE_TOTAL_MS_MAX = 43_200_000;
/** Retention, in ms. */
export const RETENTION_MS_MIN = 1_000;
export const RETENTION_MS_MAX = 63_072_000_000;
/** Longest wait that a queue may have as its default. */
export const RECEIVE_WAIT_MS_MAX = 900_000;
/** Receives after which a message may at the latest become a dead letter. */
export const MAXIMUM_RECEIVES_MAX = 1_000;
/** Bytes of a queue's name in UTF-8. */
export const NAME_BYTES_MAX = 255;
/** Extra texts, and tags, of one queue. */
export const TEXTS_MAX = 64;
/** Bytes of all extra texts, and of all tags, of one queue, names included. */
export const TEXTS_BYTES_MAX: number = 24 * 1024;
/** Deadlines and retentions that one entry handles; what is left waits for the next entry. */
export const HOUSEKEEPING_STEPS_MAX = 1_024;
/** Sessions kept; opening one more forgets the one that was unused for longest. */
export const SESSIONS_MAX = 2_048;
/** How far behind a session's highest sequence its outcomes are kept. */
export const SESSION_WINDOW = 64;
/** How long a request id is remembered at least, while the cap is not reached. */
export const IDEMPOTENCY_WINDOW_MS = 60_000;
/** Bytes of records in one generation of the idempotency window, per Raft group. */
export const IDEMPOTENCY_BYTES_MAX: number = 16 * 1024 * 1024;
/** Source queues whose moved messages one queue may accept from other groups. */
export const ACCEPT_SOURCES_MAX = 4_096;
/** Queues remembered as deleted, so that a late duplicate of their creation is refused. */
export const DELETED_QUEUES_MAX = 1_024;
/** Move tasks remembered of one queue, the running one included. */
export const MOVE_TASKS_MAX = 10;
/** Move tasks that run at a time in one group. */
export const MOVES_RUNNING_MAX = 100;
/** Messages a second that a move task may be asked to move. */
export const MOVE_RATE_MAX = 100_000;
/** Messages a second of a move task that was given no rate. */
export const MOVE_RATE_USUAL = 10_000;
/** ms between two steps of a move task, at least. */
export const MOVE_STEP_MS = 100;
/** A move task that took no steps for longer than this does not make up for it. */
export const MOVE_CREDIT_MS = 200;
/** How long a move task may run: 36 hours. */
export const MOVE_DURATION_MS_MAX = 129_600_000;
/** Message groups that a FIFO queue has messages of: numbers have 24 bits. */
export const FIFO_GROUPS_MAX = 0xff_ffff;
/** A message group of a standard queue is noisy with this many messages in flight, unless its queue says otherwise … */
export const FAIR_IN_FLIGHT_MIN = 30;
/** The most that a queue may say there. */
export const FAIR_IN_FLIGHT_MIN_MAX = 1_000_000;
/** … when these are more of all in flight than this, percent. With 100 no group is noisy ever. */
export const FAIR_PERCENT = 10;
/** How long a FIFO queue remembers deduplication ids and receive attempt ids. */
export const FIFO_WINDOW_MS = 300_000;
/** Bytes of deduplication ids that one FIFO queue remembers, 30 for each: past it, it takes no messages. */
export const DEDUPLICATION_BYTES_MAX: number = 128 * 1024 * 1024;
/** Bytes of receive attempts that one FIFO queue remembers: past it, the oldest are forgotten. */
export const ATTEMPT_BYTES_MAX: number = 16 * 1024 * 1024;
/** Messages of a FIFO queue that may be in flight at once: a receive takes no more. */
export const FIFO_IN_FLIGHT_MAX = 120_000;
/** Nodes in a match vector. */
export const MATCH_VECTOR_MAX = 64;
