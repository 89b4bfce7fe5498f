/** Which release this is: what the package itself says. */
import { readFileSync } from "node:fs";

/** The package's version. Throws when the installation is not whole. */
export function packageVersion(): string {
  const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  const manifest: unknown = JSON.parse(text);
  if (typeof manifest === "object" && manifest !== null && "version" in manifest) {
    if (typeof manifest.version === "string") return manifest.version;
  }
  throw new Error("package.json of @kqueuey/cli names no version: install it anew");
}
