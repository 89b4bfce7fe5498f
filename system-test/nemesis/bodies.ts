/** Bodies from which every byte can be checked when they come back: the key, then what follows from it. */

const PATTERN = "the quick brown fox jumps over the lazy dog ";

/** Message `index` of sender `name`: about `bytes` long, and longer or shorter by up to a half. */
export function keyOf(name: string, index: number, bytes: number): string {
  return `${name}-${index}-${Math.max(1, Math.round(bytes * (0.5 + (index % 11) / 10)))}`;
}

export function bodyOf(key: string): string {
  const bytes = Number(key.slice(key.lastIndexOf("-") + 1));
  const unit = `${PATTERN}${key} `;
  return `${key}|${unit.repeat(Math.ceil(bytes / unit.length))}`;
}

/** The key in a body, or undefined when a byte of it is not what was sent. */
export function keyIn(body: string): string | undefined {
  const key = body.slice(0, Math.max(0, body.indexOf("|")));
  return /^[\w.]+-\d+-\d+$/.test(key) && body === bodyOf(key) ? key : undefined;
}
