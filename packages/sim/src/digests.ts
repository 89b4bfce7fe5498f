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
  const lanes = [0x9e3779b9, 0x85ebca6b, 0xc2b2ae35, 0x27d4eb2f];
  const out = new Uint8Array(16);
  const view = new DataView(out.buffer);
  lanes.forEach((start, lane) => {
    let h = start ^ bytes.length;
    for (let i = 0; i < bytes.length; i++) {
      h = Math.imul(h ^ (bytes[i] ?? 0), 0x01000193 + lane * 2);
      h = (h << 7) | (h >>> 25);
    }
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    view.setUint32(lane * 4, (h ^ (h >>> 16)) >>> 0, true);
  });
  return out;
}
