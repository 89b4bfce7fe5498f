/** One node as a process: `kqueuey serve`, with the signals that a test needs. */
import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { until } from "./condition.ts";

export const CLI: string = fileURLToPath(
  new URL("../../packages/cli/dist/main.js", import.meta.url),
);

const OUTPUT_LINES_MAX = 400;

/** Processes that are alive: none may outlive the test run, however it ends. */
const alive = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of alive) child.kill("SIGKILL");
});

/** How a process ended. */
export interface ExitStatus {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A running program whose output is kept. */
export class Program {
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  readonly #exit: Promise<ExitStatus>;
  #stdout = "";

  /** Runs the CLI with `args`. Its environment has no KQUEUEY_ variables but those of `env`. */
  constructor(
    args: readonly string[],
    options: {
      readonly env?: Readonly<Record<string, string>>;
      readonly cwd?: string;
      readonly input?: string;
      /** Words before the program: whatever starts it elsewhere, as another host. */
      readonly enter?: readonly string[];
    } = {},
  ) {
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("KQUEUEY_"));
    const [command = process.execPath, ...words] = [
      ...(options.enter ?? []),
      process.execPath,
      CLI,
      ...args,
    ];
    this.#child = spawn(command, words, {
      // As kqueuey dev starts its nodes: enough threads for the log never to wait for other file work.
      env: { UV_THREADPOOL_SIZE: "12", ...Object.fromEntries(inherited), ...options.env },
      stdio: ["pipe", "pipe", "pipe"],
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    alive.add(this.#child);
    this.#exit = new Promise((resolve) => {
      this.#child.once("close", (code, signal) => {
        alive.delete(this.#child);
        resolve({ code, signal });
      });
      this.#child.once("error", (error) => {
        this.#keep(String(error));
        alive.delete(this.#child);
        resolve({ code: null, signal: null });
      });
    });
    this.#child.stdout?.on("data", (chunk: Buffer) => {
      this.#stdout += chunk.toString("utf8");
      this.#keep(chunk.toString("utf8"));
    });
    this.#child.stderr?.on("data", (chunk: Buffer) => this.#keep(chunk.toString("utf8")));
    // A program that ended before it read its input is no error of the test.
    this.#child.stdin?.on("error", () => undefined);
    this.#child.stdin?.end(options.input ?? "");
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Everything written to standard output. */
  get stdout(): string {
    return this.#stdout;
  }

  /** The last lines of both outputs. */
  get output(): string {
    return this.#lines.join("\n");
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Waits for the end. Fails, and kills it, when it takes longer than `timeoutMs` (30 s unless told). */
  async ended(timeoutMs = 30_000): Promise<ExitStatus> {
    await until(() => !this.running, { what: `the end of process ${this.pid}`, timeoutMs }).catch(
      (error: unknown) => {
        this.signal("SIGKILL");
        throw error;
      },
    );
    return await this.#exit;
  }

  /** kill -9, also of a stopped process, and waits until it is gone. */
  async kill(): Promise<void> {
    if (this.running) this.signal("SIGKILL");
    await this.#exit;
  }

  #keep(text: string): void {
    this.#lines.push(...text.trimEnd().split("\n"));
    if (this.#lines.length > OUTPUT_LINES_MAX) {
      this.#lines.splice(0, this.#lines.length - OUTPUT_LINES_MAX);
    }
  }
}
