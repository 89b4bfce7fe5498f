/** The rules of tags: keys and values of a queue's owner, for its own use. */
import { encodeUtf8 } from "@kqueuey/base";
import { hasAllowedCharacters } from "./characters.ts";
import { invalidParameter, SqsError } from "./errors.ts";

const TAGS_MAX = 50;
const KEY_CHARACTERS_MAX = 128;
const VALUE_CHARACTERS_MAX = 256;
/** What the cluster keeps of one queue's tags in all, with 7 bytes for each. */
const BYTES_MAX = 24_576;

/** Throws unless every key has 1 to 128 characters and every value 0 to 256. */
export function checkTags(tags: ReadonlyMap<string, string>): void {
  for (const [key, value] of tags) {
    if (key.length < 1 || key.length > KEY_CHARACTERS_MAX || !hasAllowedCharacters(key)) {
      throw invalidParameter("Key", key, `Must have 1 to ${KEY_CHARACTERS_MAX} characters.`);
    }
    if (value.length > VALUE_CHARACTERS_MAX || !hasAllowedCharacters(value)) {
      throw invalidParameter("Value", value, `Must have 0 to ${VALUE_CHARACTERS_MAX} characters.`);
    }
  }
}

/** Throws unless the queue may have all of `tags` together. */
export function checkAllTags(queue: string, tags: Readonly<Record<string, string>>): void {
  const entries = Object.entries(tags);
  if (entries.length > TAGS_MAX) {
    throw new SqsError("InvalidParameterValue", `Too many tags added for queue ${queue}.`);
  }
  let bytes = 0;
  for (const [key, value] of entries)
    bytes += encodeUtf8(key).length + encodeUtf8(value).length + 7;
  if (bytes > BYTES_MAX) {
    throw new SqsError(
      "InvalidParameterValue",
      `The tags of queue ${queue} must not be longer than ${BYTES_MAX} bytes in all.`,
    );
  }
}
