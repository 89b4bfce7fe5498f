/** A client in another language as a process: its lines, its end, its environment. */
import { type ChildProcess, spawn } from "node:child_process";
import { until } from "../harness/condition.ts";

export class ClientProgram {
  readonly #child: ChildProcess;
  #output = "";
  #exitCode: number | undefined;

  constructor(
    command: readonly string[],
    options: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
  ) {
    const [program = "", ...args] = command;
    const { cwd } = options;
    const env = { ...process.env, ...options.env };
    this.#child = spawn(program, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
    const take = (chunk: Buffer): void => {
      this.#output += chunk.toString();
    };
    this.#child.stdout?.on("data", take);
    this.#child.stderr?.on("data", take);
    this.#child.on("error", (error) => {
      this.#output += String(error);
      this.#exitCode = -1;
    });
    this.#child.on("close", (code) => {
      this.#exitCode ??= code ?? -1;
    });
  }

  get output(): string {
    return this.#output;
  }

  /** Waits until the program has said `line`. */
  async said(line: string): Promise<void> {
    await until(
      () => {
        if (this.#output.split("\n").includes(line)) return true;
        if (this.#exitCode !== undefined) throw new Error(`it ended: ${this.#output}`);
        return false;
      },
      { what: () => `"${line}" from the program, which said:\n${this.#output}`, timeoutMs: 60_000 },
    );
  }

  /** Waits for its end and gives its exit code. */
  async ended(): Promise<number> {
    return await until(
      () => (this.#exitCode === undefined ? undefined : { code: this.#exitCode }),
      {
        what: () => `the end of the program, which said:\n${this.#output}`,
        timeoutMs: 90_000,
      },
    ).then(({ code }) => code);
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }
}
