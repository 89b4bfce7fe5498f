/** How often how far it is gets a line of its own, where lines cannot be written over. */
const LINE_EVERY_MS = 15_000;

/** Lines that stay, and one at the bottom that is written over; a line every while on what is no terminal. */
export class Screen {
  readonly #say: (line: string) => void;
  readonly #stream: NodeJS.WriteStream;
  #shown = false;
  #lastMs: number = performance.now();

  constructor(say: (line: string) => void, stream: NodeJS.WriteStream) {
    this.#say = say;
    this.#stream = stream;
  }

  say(line: string): void {
    if (this.#shown) this.#stream.write("\r\u001b[K");
    this.#shown = false;
    this.#say(line);
  }

  show(line: string): void {
    if (this.#stream.isTTY) {
      this.#stream.write(`\r\u001b[K${line}`);
      this.#shown = true;
    } else if (performance.now() - this.#lastMs >= LINE_EVERY_MS) {
      this.#lastMs = performance.now();
      this.#say(line);
    }
  }
}
