/**
 * Delays and retentions in 32 bits: ms while there are fewer than 2^31 (24.8 days), else whole seconds beside a
 * set highest bit. A year fits, and what was written before there were such lengths means what it meant.
 */
const IN_SECONDS = 0x8000_0000;

/** `ms` as a word; a length in seconds is rounded up, so that nothing comes early. */
export function durationWord(ms: number): number {
  return ms < IN_SECONDS ? ms : IN_SECONDS + Math.ceil(ms / 1_000);
}

/** The ms of a word. */
export function durationMs(word: number): number {
  return word < IN_SECONDS ? word : (word - IN_SECONDS) * 1_000;
}
