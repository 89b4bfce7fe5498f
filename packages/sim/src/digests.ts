/** Checksums and digests without a host: slower than native ones, equal on every machine. */

const TABLE = makeTable();

function makeTable(): Uint32Array {
  const table = new Uint32Array(256);
  for (let n = 0; n < 256; n++) {
    let c = n;
    for (let bit = 0; bit < 8; bit++) c = (c & 1) === 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
    table[n] = c >>> 0;
  }
  return table;
}

/** CRC-32 (IEEE), equal to zlib's. */
export function crc32(bytes: Uint8Array, seed = 0): number {
  let c = ~seed >>> 0;
  for (let i = 0; i < bytes.length; i++) {
    c = (TABLE[(c ^ (bytes[i] ?? 0)) & 0xff] ?? 0) ^ (c >>> 8);
  }
  return ~c >>> 0;
}

/** Sixteen bytes that differ for different inputs as far as no adversary is at work. */
export function digest16(bytes: Uint8Array): Uint8Array {
  const { length } = bytes;
  let a = 0x9e3779b9 ^ length;
  let b = 0x85ebca6b ^ length;
  let c = 0xc2b2ae35 ^ length;
  let d = 0x27d4eb2f ^ length;
  // Four lanes in one pass: they differ in their seeds and factors.
  for (let i = 0; i < length; i++) {
    const byte = bytes[i] ?? 0;
    a = rotated(Math.imul(a ^ byte, 0x01000193));
    b = rotated(Math.imul(b ^ byte, 0x01000195));
    c = rotated(Math.imul(c ^ byte, 0x01000197));
    d = rotated(Math.imul(d ^ byte, 0x01000199));
  }
  const out = new Uint8Array(16);
  const view = new DataView(out.buffer);
  for (const [at, lane] of [a, b, c, d].entries()) view.setUint32(at * 4, mixed(lane), true);
  return out;
}

function rotated(lane: number): number {
  return (lane << 7) | (lane >>> 25);
}

function mixed(lane: number): number {
  let h = Math.imul(lane ^ (lane >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
