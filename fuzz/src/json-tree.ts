/** Hostile JSON made of valid JSON: values of other types, numbers from the edges, deep nests, members twice. */
import type { Prng } from "@kqueuey/base";
import { decodeUtf8, encodeUtf8 } from "@kqueuey/base";
import { INPUT_BYTES_MAX, type Mutator } from "./mutate.ts";

const LEAVES: readonly unknown[] = [
  ...[null, true, false, 0, -1, 1, 0.5, 1e308, -0, 2 ** 31, 2 ** 32, 2 ** 53, 2 ** 63, -(2 ** 63)],
  ...["", "0", "-1", "1e9", "NaN", "Infinity", "all", "All", "\u0000", "\ud800", "é", "__proto__"],
  ...["9007199254740993", "18446744073709551616", "AAAA", "====", [], {}, [null], [[]], { a: 1 }],
];
const NEST_DEPTHS = [10, 101, 1_000, 20_000] as const;
/** Stands for a nest of the depth and the kind that follow. */
const NEST_MARK = "nest of depth ";
const LONG = [1_000, 30_000] as const;

/** A change of the document, or undefined when the bytes are none that can be changed so. */
export function mutateJson(bytes: Uint8Array, mutator: Mutator): Uint8Array | undefined {
  const text = decodeUtf8(bytes);
  if (text === undefined) return undefined;
  const { random } = mutator;
  let written: string;
  try {
    let value: unknown = JSON.parse(text);
    const times = random.pick([1, 1, 1, 2, 3]);
    for (let i = 0; i < times; i++) value = changeSomewhere(value, random);
    written = nestInText(JSON.stringify(value) ?? "null");
  } catch {
    // No JSON, or a nest that is too deep for the host to write.
    return undefined;
  }
  const doubled = random.chance(1, 8) ? doubleMember(written, random) : written;
  return encodeUtf8(doubled).slice(0, INPUT_BYTES_MAX);
}

/** Goes down a random way and changes what is at its end. */
function changeSomewhere(value: unknown, random: Prng): unknown {
  const stops = random.chance(1, 4);
  if (!stops && Array.isArray(value) && value.length > 0) {
    const at = random.between(0, value.length - 1);
    return value.map((item: unknown, i) => (i === at ? changeSomewhere(item, random) : item));
  }
  if (!stops && typeof value === "object" && value !== null) {
    const members = Object.entries(value);
    if (members.length > 0) {
      const [name] = random.pick(members);
      return Object.fromEntries(
        members.map(([key, item]) => [key, key === name ? changeSomewhere(item, random) : item]),
      );
    }
  }
  return change(value, random);
}

function change(value: unknown, random: Prng): unknown {
  switch (random.between(0, 7)) {
    case 0:
    case 1:
    case 2:
      return random.pick(LEAVES.filter((leaf) => leaf !== undefined));
    case 3:
      return `${NEST_MARK}${random.pick(NEST_DEPTHS)}${random.pick(["[", "{"])}`;
    case 4:
      return "x".repeat(random.pick(LONG));
    case 5:
      return Array.from({ length: random.pick([2, 11, 101, 1_001]) }, () => value);
    case 6:
      return withoutOne(value, random);
    default:
      return withOneMore(value, random);
  }
}

/** Values as deep as that can't be written down by the host itself, so they are put into the text. */
function nestInText(text: string): string {
  return text.replace(new RegExp(`"${NEST_MARK}(\\d+)([[{])"`, "g"), (_, depth, bracket) => {
    const count = Number(depth);
    if (bracket === "[") return `${"[".repeat(count)}1${"]".repeat(count)}`;
    return `${'{"a":'.repeat(count)}1${"}".repeat(count)}`;
  });
}

function withoutOne(value: unknown, random: Prng): unknown {
  if (Array.isArray(value)) return value.slice(1);
  if (typeof value !== "object" || value === null) return undefined;
  const members = Object.entries(value);
  if (members.length === 0) return value;
  const [name] = random.pick(members);
  return Object.fromEntries(members.filter(([key]) => key !== name));
}

function withOneMore(value: unknown, random: Prng): unknown {
  const extra = random.pick(LEAVES.filter((leaf) => leaf !== undefined));
  if (Array.isArray(value)) return [...value, extra];
  if (typeof value !== "object" || value === null) return [value];
  return { ...value, [random.pick(["unknown", "toString", "", "queue", "requestId"])]: extra };
}

/** `{"a":1}` as `{"a":1,"a":1}`, in the text: no value has a member twice. */
function doubleMember(text: string, random: Prng): string {
  const members = [...text.matchAll(/"[^"\\]*":(?:"[^"\\]*"|-?\d+|true|false|null)/g)];
  if (members.length === 0) return text;
  const member = random.pick(members);
  const end = member.index + member[0].length;
  return `${text.slice(0, end)},${member[0]}${text.slice(end)}`;
}
