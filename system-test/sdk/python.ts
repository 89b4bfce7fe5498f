/** Python clients: a virtual environment with exactly one version of a library, made once. */
import { join } from "node:path";
import { type Found, prepared, run, works } from "./tool-chain.ts";

/** A Python in which `requirements` are installed, from the package index when they are not yet. */
export async function pythonWith(name: string, requirements: readonly string[]): Promise<Found> {
  if (!(await works("python3", "-m", "venv", "--help"))) {
    return { ok: false, why: "python3 with its venv module is not on this machine" };
  }
  const version = await run("python3", ["--version"], {});
  const source = `${version.output}${requirements.join(" ")}`;
  const made = await prepared(name, source, async (folder) => {
    const created = await run("python3", ["-m", "venv", folder], {});
    if (!created.ok) return created;
    const python = join(folder, "bin", "python");
    return run(python, ["-m", "pip", "install", "--quiet", ...requirements], {});
  });
  if ("why" in made) return { ok: false, why: made.why };
  return { ok: true, command: [join(made.folder, "bin", "python")], what: requirements.join(" ") };
}

/** Debian's own python3-boto3 where it is installed. */
export async function debianPython(): Promise<Found> {
  const command = "/usr/bin/python3";
  if (await works(command, "-c", "import boto3")) {
    return { ok: true, command: [command], what: "Debian's python3-boto3" };
  }
  return { ok: false, why: "Debian's python3-boto3 is not on this machine" };
}
