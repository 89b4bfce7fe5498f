/** MessageAttribute, by hand. In the program a value is bytes and the type is never empty. */
import type { WireReader } from "./reader.ts";
import type { WireWriter } from "./writer.ts";

/** An attribute of a message, as Amazon SQS has them. `type` is String, Number or Binary, with an optional `.label`. */
export interface HotAttribute {
  readonly name: string;
  readonly type: string;
  /** UTF-8 for String and Number, raw bytes for Binary. */
  readonly value: Uint8Array;
}

/** What messages without attributes share. */
export const NO_ATTRIBUTES: readonly HotAttribute[] = Object.freeze([]);

/** Writes one attribute as field `field`. Values of the type Binary go as data, others as text (they are UTF-8). */
export function encodeAttribute(writer: WireWriter, field: number, attribute: HotAttribute): void {
  const { name, type, value } = attribute;
  const mark = writer.begin(field, name.length + type.length + value.length + 12);
  writer.textFieldUnlessEmpty(1, name);
  writer.textFieldUnlessEmpty(2, type);
  writer.bytesField(isBinary(type) ? 4 : 3, value);
  writer.end(mark);
}

/** Reads one attribute whose tag was read last. Throws MALFORMED_REQUEST. */
export function decodeAttribute(reader: WireReader): HotAttribute {
  const outer = reader.enter();
  let name = "";
  let type = "";
  let value = EMPTY;
  let binary = false;
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        name = reader.text();
        break;
      case 2:
        type = reader.text();
        break;
      case 3:
        value = reader.textAsData();
        binary = false;
        break;
      case 4:
        value = reader.data();
        binary = true;
        break;
      default:
        reader.skip();
    }
  }
  reader.leave(outer);
  return { name, type: type === "" ? defaultType(binary) : type, value };
}

/** The type of an attribute that names none. */
export function defaultType(binary: boolean): string {
  return binary ? "Binary" : "String";
}

function isBinary(type: string): boolean {
  return type === "Binary" || type.startsWith("Binary.");
}

const EMPTY: Uint8Array = new Uint8Array(0);
