/**
 * A bound on what a JSON body becomes in memory. A mebibyte of "[[[[" or "{},{}," is some hundred mebibytes
 * of objects; a mebibyte of text is a mebibyte. So values are counted before the text is parsed.
 */

/** Below this many bytes nothing bad fits in. */
const UNCHECKED_BYTES_MAX = 65_536;
/** A batch of 1,000 messages with ten attributes each has some 40,000. */
const VALUES_MAX = 100_000;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPENING_BRACKET = 0x5b;
const OPENING_BRACE = 0x7b;

/** Whether `json` has more values than any request of SQS needs. It need not be JSON. */
export function hasTooManyValues(json: Uint8Array): boolean {
  if (json.length <= UNCHECKED_BYTES_MAX) return false;
  let values = 0;
  for (let at = 0; at < json.length; at++) {
    const byte = json[at];
    if (byte === QUOTE) {
      at = endOfText(json, at + 1);
    } else if (byte === COMMA || byte === OPENING_BRACKET || byte === OPENING_BRACE) {
      values += 1;
      if (values > VALUES_MAX) return true;
    }
  }
  return false;
}

/** Where the quote is that ends the text which begins at `from`. */
function endOfText(json: Uint8Array, from: number): number {
  let at = json.indexOf(QUOTE, from);
  while (at >= 0 && isEscaped(json, from, at)) at = json.indexOf(QUOTE, at + 1);
  return at < 0 ? json.length : at;
}

function isEscaped(json: Uint8Array, from: number, at: number): boolean {
  let backslashes = 0;
  while (at - 1 - backslashes >= from && json[at - 1 - backslashes] === BACKSLASH) backslashes += 1;
  return backslashes % 2 === 1;
}
