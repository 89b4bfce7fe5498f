/** Which characters a message may have: those of XML 1.0, so that either protocol can carry it. */

/** What an error says of it. */
export const ALLOWED_CHARACTERS =
  "#x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF";

/** True when every character of `text` is allowed; half of a surrogate pair is not one. */
export function hasAllowedCharacters(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit >= 0x20 && unit < 0xd800) continue;
    if (unit === 0x9 || unit === 0xa || unit === 0xd) continue;
    if (unit >= 0xe000 && unit <= 0xfffd) continue;
    const next = text.charCodeAt(at + 1);
    const isPair = unit >= 0xd800 && unit < 0xdc00 && next >= 0xdc00 && next < 0xe000;
    if (!isPair) return false;
    at += 1;
  }
  return true;
}
