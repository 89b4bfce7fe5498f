/**
 * Makes hostile bytes of valid ones: flipped bits, numbers from the edges, lengths that lie, huge
 * varints, pieces cut, doubled, moved or taken from another input. Seeded; integers only.
 */
import type { Prng } from "@kqueuey/base";

/** Inputs do not grow beyond this. */
export const INPUT_BYTES_MAX: number = 64 * 1024;

/** Numbers at which programs go wrong. */
const EDGES: readonly number[] = [
  ...[0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 63, 64, 100, 127, 128, 255, 256, 1_000, 1_001, 4_095],
  ...[4_096, 32_767, 32_768, 65_535, 65_536, 1_048_576, 16_777_216],
  ...[2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 40, 2 ** 47, 2 ** 48 - 1, 2 ** 48],
  ...[2 ** 52, 2 ** 53 - 1, 2 ** 53, 2 ** 63],
];

type Change = (bytes: Uint8Array, mutator: Mutator) => Uint8Array;

export class Mutator {
  readonly random: Prng;
  readonly #corpus: () => readonly Uint8Array[];

  /** `corpus` gives the inputs that pieces may be taken from. */
  constructor(random: Prng, corpus: () => readonly Uint8Array[]) {
    this.random = random;
    this.#corpus = corpus;
  }

  /** One to several changes of `input`, which stays as it is. */
  bytes(input: Uint8Array): Uint8Array {
    let bytes: Uint8Array = input.slice();
    const changes = this.random.pick([1, 1, 1, 2, 2, 3, 5, 9]);
    for (let i = 0; i < changes; i++) bytes = this.random.pick(CHANGES)(bytes, this);
    return bytes.length > INPUT_BYTES_MAX ? bytes.slice(0, INPUT_BYTES_MAX) : bytes;
  }

  /** A place in `bytes`, its end included. */
  place(bytes: Uint8Array): number {
    return this.random.between(0, bytes.length);
  }

  /** A length for a piece: mostly short. */
  length(most: number): number {
    if (most <= 0) return 0;
    const short = Math.min(most, this.random.pick([1, 2, 4, 8, 16, 64]));
    return this.random.chance(3, 4) ? this.random.between(1, short) : this.random.between(1, most);
  }

  /** A number from the edges of what types hold, or next to one. */
  edge(): number {
    const edge = this.random.pick(EDGES);
    return Math.max(0, edge + this.random.pick([-1, 0, 0, 0, 1]));
  }

  /** Another input. */
  other(): Uint8Array {
    const corpus = this.#corpus();
    return corpus.length === 0 ? NOTHING : this.random.pick(corpus);
  }

  /** Bytes without any sense. */
  noise(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.random.nextU32() & 0xff);
  }
}

const NOTHING: Uint8Array = new Uint8Array(0);

/** `bytes` with `count` bytes at `at` replaced by `by`. */
export function replaced(bytes: Uint8Array, at: number, count: number, by: Uint8Array): Uint8Array {
  const result = new Uint8Array(bytes.length - count + by.length);
  result.set(bytes.subarray(0, at));
  result.set(by, at);
  result.set(bytes.subarray(at + count), at + by.length);
  return result;
}

/** The low `width` bytes of `value`. */
export function numberBytes(value: number, width: number, order: "little" | "big"): Uint8Array {
  const bytes = new Uint8Array(width);
  let rest = value;
  for (let i = 0; i < width; i++) {
    bytes[order === "little" ? i : width - 1 - i] = rest % 0x100;
    rest = Math.floor(rest / 0x100);
  }
  return bytes;
}

/** A protobuf varint of `value`. */
export function varintBytes(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) + 0x80);
    rest = Math.floor(rest / 0x80);
  }
  bytes.push(rest);
  return Uint8Array.from(bytes);
}

function flipBit(bytes: Uint8Array, { random }: Mutator): Uint8Array {
  if (bytes.length === 0) return bytes;
  const at = random.between(0, bytes.length - 1);
  bytes[at] = (bytes[at] ?? 0) ^ (1 << random.between(0, 7));
  return bytes;
}

function setByte(bytes: Uint8Array, { random }: Mutator): Uint8Array {
  if (bytes.length === 0) return bytes;
  bytes[random.between(0, bytes.length - 1)] = random.pick([
    0,
    1,
    0x7f,
    0x80,
    0xff,
    random.between(0, 255),
  ]);
  return bytes;
}

/** Adds or subtracts a little: a length or a count that is nearly right. */
function nudgeByte(bytes: Uint8Array, { random }: Mutator): Uint8Array {
  if (bytes.length === 0) return bytes;
  const at = random.between(0, bytes.length - 1);
  bytes[at] = ((bytes[at] ?? 0) + random.pick([-8, -2, -1, 1, 2, 8]) + 256) & 0xff;
  return bytes;
}

function writeEdge(bytes: Uint8Array, mutator: Mutator): Uint8Array {
  const { random } = mutator;
  const width = random.pick([1, 2, 4, 4, 6, 8]);
  if (bytes.length < width) return bytes;
  bytes.set(
    numberBytes(mutator.edge(), width, random.pick(["little", "little", "big"])),
    random.between(0, bytes.length - width),
  );
  return bytes;
}

function writeVarint(bytes: Uint8Array, mutator: Mutator): Uint8Array {
  const { random } = mutator;
  const at = mutator.place(bytes);
  const huge = new Uint8Array(random.between(1, 12)).fill(0xff);
  huge[huge.length - 1] = random.pick([0x00, 0x01, 0x7f, 0xff]);
  const varint = random.chance(1, 4) ? huge : varintBytes(mutator.edge());
  const old = random.chance(1, 2) ? Math.min(bytes.length - at, random.between(0, 3)) : 0;
  return replaced(bytes, at, old, varint);
}

function cutEnd(bytes: Uint8Array, mutator: Mutator): Uint8Array {
  return bytes.slice(0, mutator.place(bytes));
}

function cutPiece(bytes: Uint8Array, mutator: Mutator): Uint8Array {
  const at = mutator.place(bytes);
  return replaced(bytes, at, mutator.length(bytes.length - at), NOTHING);
}

function doublePiece(bytes: Uint8Array, mutator: Mutator): Uint8Array {
  const at = mutator.place(bytes);
  const piece = bytes.slice(at, at + mutator.length(bytes.length - at));
  let result = bytes;
  const times = mutator.random.pick([1, 1, 1, 2, 4, 16]);
  for (let i = 0; i < times; i++) result = replaced(result, at, 0, piece);
  return result;
}

function movePiece(bytes: Uint8Array, mutator: Mutator): Uint8Array {
  const at = mutator.place(bytes);
  const piece = bytes.slice(at, at + mutator.length(bytes.length - at));
  const rest = replaced(bytes, at, piece.length, NOTHING);
  return replaced(rest, mutator.place(rest), 0, piece);
}

function insertNoise(bytes: Uint8Array, mutator: Mutator): Uint8Array {
  return replaced(bytes, mutator.place(bytes), 0, mutator.noise(mutator.length(300)));
}

function overwritePiece(bytes: Uint8Array, mutator: Mutator): Uint8Array {
  const at = mutator.place(bytes);
  const length = mutator.length(bytes.length - at);
  const plain = mutator.random.chance(2, 3);
  const fill = mutator.random.pick([0, 0xff]);
  const by = plain ? new Uint8Array(length).fill(fill) : mutator.noise(length);
  return replaced(bytes, at, length, by);
}

function splice(bytes: Uint8Array, mutator: Mutator): Uint8Array {
  const other = mutator.other();
  const from = mutator.place(other);
  const piece = other.slice(from, from + mutator.length(other.length - from));
  const at = mutator.place(bytes);
  const over = mutator.random.chance(1, 2) ? Math.min(piece.length, bytes.length - at) : 0;
  return replaced(bytes, at, over, piece);
}

function crossOver(bytes: Uint8Array, mutator: Mutator): Uint8Array {
  const other = mutator.other();
  const head = bytes.subarray(0, mutator.place(bytes));
  return replaced(other, 0, mutator.place(other), head);
}

const CHANGES: readonly Change[] = [
  ...[flipBit, flipBit, setByte, nudgeByte, nudgeByte, writeEdge, writeEdge, writeVarint],
  ...[cutEnd, cutPiece, doublePiece, movePiece, insertNoise, overwritePiece, splice, crossOver],
];
