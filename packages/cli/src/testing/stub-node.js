// Stands in for `kqueuey serve` in tests of `dev`: serves /readyz on the client address until SIGTERM, or
// ends as the log level says ("error": at once; "warn": once /readyz was asked five times).
import { createServer } from "node:http";

const flags = new Map();
for (let at = 3; at < process.argv.length; at += 2)
  flags.set(process.argv[at], process.argv[at + 1]);
const [host, port] = flags.get("--client-listen").split(":");
const level = flags.get("--log-level");
const last = flags.get("--node-id") === "2";
process.stdout.write(`node ${flags.get("--node-id")} starts\n`);
if (level === "error") {
  process.stderr.write("the disk is on fire\n");
  process.exit(1);
}
let asked = 0;
const server = createServer((_request, response) => {
  asked += 1;
  response.end("{}\n");
  if (level === "warn" && last && asked === 1) {
    process.stderr.write("the disk is on fire\n");
    setImmediate(() => process.exit(1));
  }
});
server.listen(Number(port), host);
process.on("SIGTERM", () => process.exit(0));
process.on("disconnect", () => process.exit(0));
