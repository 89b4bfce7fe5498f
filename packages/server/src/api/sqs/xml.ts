/** Writing XML 1.0: elements and escaped text, which is all that SQS's answers need. */

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  // A parser turns a plain carriage return into a line feed, and then the body's digest is wrong.
  "\r": "&#xD;",
};

/** What XML 1.0 cannot carry, not even escaped, and half of a surrogate pair. */
const FORBIDDEN =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that it is about.
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/u;
const FORBIDDEN_ALL = new RegExp(FORBIDDEN, "gu");

/** `text` as the content of an element; U+FFFD stands for what XML cannot carry. */
export function escapeText(text: string): string {
  const escaped = /[&<>"\r]/.test(text)
    ? text.replace(/[&<>"\r]/g, (character) => ESCAPES[character] ?? character)
    : text;
  return replaceForbidden(escaped);
}

/** `text` with U+FFFD for every character that XML cannot carry. */
export function replaceForbidden(text: string): string {
  return FORBIDDEN.test(text) ? text.replace(FORBIDDEN_ALL, "\ufffd") : text;
}

/** `<name>…</name>`, or `<name/>` when there is nothing inside. `inside` is XML already. */
export function element(name: string, inside: string): string {
  return inside === "" ? `<${name}/>` : `<${name}>${inside}</${name}>`;
}
