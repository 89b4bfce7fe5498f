/** The AWS SDK for Java v2, which checks the digests of bodies and of attributes by itself. */
import { join } from "node:path";
import { test } from "vitest";
import { runErrand } from "./errand.ts";
import { folderOf, prepared, run, sourceOf, works } from "./tool-chain.ts";

const cwd = folderOf("java");

test("the Java SDK v2 runs its errand while the leader is killed", { timeout: 400_000 }, async ({
  skip,
}) => {
  if (!(await works("mvn", "--version"))) return skip("mvn and a JDK are not on this machine");
  const built = await prepared("java", sourceOf(cwd), (folder) =>
    run("mvn", ["--batch-mode", "--quiet", `-Derrand.build=${folder}`, "package"], { cwd }),
  );
  if ("why" in built) return skip(built.why);
  const { folder } = built;
  const path = [join(folder, "classes"), join(folder, "dependency", "*")].join(":");
  const command = ["java", "-Dfile.encoding=UTF-8", "-cp", path, "errand.Errand"];
  await runErrand(command, { cwd, killLeader: true });
});
