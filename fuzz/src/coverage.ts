/**
 * Which code an input ran, as V8 itself counts it: what makes the fuzzer find its way. An input that runs a
 * block that none ran before, or runs one much more often, is kept and mutated further.
 */
import { type Profiler, Session } from "node:inspector";

export class Coverage {
  readonly #session = new Session();
  readonly #seen = new Set<string>();
  #counting = false;

  constructor() {
    this.#session.connect();
    this.#session.post("Profiler.enable");
  }

  /** Begins to count. Code runs several times slower meanwhile, and each `take` costs about a millisecond. */
  start(): void {
    if (this.#counting) return;
    this.#counting = true;
    this.#session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
  }

  stop(): void {
    if (!this.#counting) return;
    this.#counting = false;
    this.#session.post("Profiler.stopPreciseCoverage");
  }

  get counting(): boolean {
    return this.#counting;
  }

  /** How many features (a block, with the magnitude of its count) ran since the last call that never ran before. */
  take(): number {
    const before = this.#seen.size;
    for (const script of this.#counts()) {
      if (!/\/packages\/[^/]+\/src\//.test(script.url)) continue;
      for (const { ranges } of script.functions) {
        for (const { startOffset, endOffset, count } of ranges) {
          if (count === 0) continue;
          const magnitude = Math.min(8, Math.floor(Math.log2(count)));
          this.#seen.add(`${script.scriptId}:${startOffset}:${endOffset}:${magnitude}`);
        }
      }
    }
    return this.#seen.size - before;
  }

  close(): void {
    this.#session.disconnect();
  }

  /** The session is in this thread: it answers before `post` returns. */
  #counts(): readonly Profiler.ScriptCoverage[] {
    let counts: readonly Profiler.ScriptCoverage[] = [];
    this.#session.post("Profiler.takePreciseCoverage", (error, taken) => {
      if (error === null) counts = taken.result;
    });
    return counts;
  }
}
