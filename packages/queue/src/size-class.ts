/**
 * The class of a body record's size in bytes, as 8 bits: 5 of exponent, 3 of mantissa, rounded up by at most 1/8, so
 * that the index knows what a message weighs.
 */

/** The class of `bytes`. */
export function sizeClassOf(bytes: number): number {
  if (bytes < 16) return bytes;
  let exponent = 31 - Math.clz32(bytes);
  const shift = exponent - 3;
  let mantissa = (bytes + (1 << shift) - 1) >>> shift;
  if (mantissa === 16) {
    mantissa = 8;
    exponent += 1;
  }
  return ((exponent - 2) << 3) | (mantissa - 8);
}

/** The largest size of a class. */
export function sizeOfClass(sizeClass: number): number {
  if (sizeClass < 16) return sizeClass;
  return ((sizeClass & 7) + 8) * (1 << ((sizeClass >>> 3) - 1));
}
