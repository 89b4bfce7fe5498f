/** The AWS SDK for Go v2, which checks the digests of bodies and of attributes by itself. */
import { join } from "node:path";
import { test } from "vitest";
import { runErrand } from "./errand.ts";
import { folderOf, prepared, run, sourceOf, works } from "./tool-chain.ts";

const cwd = folderOf("go");

test("the Go SDK v2 runs its errand while the leader is killed", { timeout: 400_000 }, async ({
  skip,
}) => {
  if (!(await works("go", "version"))) return skip("go is not on this machine");
  const built = await prepared("go", sourceOf(cwd), (folder) =>
    // The tool chain that is here must do: none is fetched.
    run("go", ["build", "-mod=readonly", "-o", join(folder, "errand"), "."], {
      cwd,
      env: { GOTOOLCHAIN: "local", GOFLAGS: "-buildvcs=false" },
    }),
  );
  if ("why" in built) return skip(built.why);
  await runErrand([join(built.folder, "errand")], { cwd, killLeader: true });
});
