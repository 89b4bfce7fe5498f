import { defineConfig } from "vitest/config";

const dev = { resolve: { conditions: ["dev"] }, ssr: { resolve: { conditions: ["dev"] } } };

/** `unit`, `script` and `property` are the gate (`npm run check`); `system` runs real processes. */
export default defineConfig({
  ...dev,
  test: {
    projects: [
      {
        ...dev,
        test: {
          name: "unit",
          // For what hangs; a busy machine is no failure.
          testTimeout: 60_000,
          include: [
            "packages/*/src/**/*.test.ts",
            "packages/*/test/**/*.test.ts",
            "packages/sim/planted/**/*.test.ts",
            "{fuzz,soak}/src/**/*.test.ts",
            "scripts/**/*.test.ts",
          ],
          exclude: [
            "**/*.property.test.ts",
            "**/*.script.test.ts",
            "**/node_modules/**",
            "**/dist/**",
          ],
        },
      },
      {
        ...dev,
        test: {
          name: "script",
          testTimeout: 60_000,
          include: ["packages/**/*.script.test.ts"],
          exclude: ["**/node_modules/**", "**/dist/**"],
        },
      },
      {
        ...dev,
        test: {
          name: "property",
          include: ["packages/**/*.property.test.ts"],
          exclude: ["**/node_modules/**", "**/dist/**"],
          testTimeout: 120_000,
        },
      },
      {
        ...dev,
        test: {
          name: "system",
          include: ["system-test/**/*.test.ts"],
          exclude: ["**/node_modules/**"],
          testTimeout: 120_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
