/**
 * What a profile of `npm run bench -- --profile FOLDER` says: `node bench/src/read-profile.mjs FILE [TURNS]` prints
 * where the time went, functions alone and with what they call, and the longest turns of the event loop.
 *
 * A turn is the samples that follow one another under one entry of the event loop (a timer, an immediate, data
 * of a socket); garbage collection counts to the turn that it interrupts. Plain JavaScript, to run without a build.
 */
import { readFileSync } from "node:fs";

const [file = "", turnsShown = "5"] = process.argv.slice(2);
const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(file, "utf8"));
const byId = new Map(nodes.map((node) => [node.id, node]));
const parents = new Map(nodes.flatMap((node) => (node.children ?? []).map((id) => [id, node.id])));
const stacks = new Map();

const alone = new Map();
const withCalls = new Map();
const turns = [];
let [busyMs, atMs] = [0, 0];
samples.forEach((id, i) => {
  atMs += timeDeltas[i] / 1_000;
  const ms = (timeDeltas[i + 1] ?? 0) / 1_000;
  const stack = stackOf(id);
  const entry = stack[0] ?? "(root)";
  if (entry.startsWith("(idle)")) {
    turns.push({ entry, ms: 0, atMs, samples: [] });
    return;
  }
  busyMs += ms;
  add(alone, stack.at(-1), ms);
  for (const name of new Set(stack)) add(withCalls, name, ms);
  const last = turns.at(-1);
  const goesOn = last?.entry === entry || /^\((garbage|program)/.test(entry);
  if (last !== undefined && goesOn) {
    last.ms += ms;
    last.samples.push([stack, ms]);
  } else turns.push({ entry, ms, atMs, samples: [[stack, ms]] });
});

console.log(`busy ${(busyMs / 1_000).toFixed(1)} s of ${(atMs / 1_000).toFixed(1)} s`);
show("alone", alone, 40);
show("with what they call", withCalls, 60);
for (const turn of turns.toSorted((a, b) => b.ms - a.ms).slice(0, Number(turnsShown))) {
  const inTurn = new Map();
  for (const [stack, ms] of turn.samples) for (const name of new Set(stack)) add(inTurn, name, ms);
  show(`a turn of ${turn.ms.toFixed(1)} ms at ${(turn.atMs / 1_000).toFixed(3)} s`, inTurn, 25);
}

function stackOf(id) {
  const known = stacks.get(id);
  if (known !== undefined) return known;
  const stack = [];
  for (let at = id; parents.has(at); at = parents.get(at)) {
    const { functionName, url, lineNumber } = byId.get(at).callFrame;
    stack.unshift(`${functionName || "(anonymous)"} ${url.split("/").at(-1)}:${lineNumber + 1}`);
  }
  stacks.set(id, stack);
  return stack;
}

function add(to, name, ms) {
  to.set(name, (to.get(name) ?? 0) + ms);
}

function show(title, times, count) {
  console.log(`\n${title}`);
  for (const [name, ms] of [...times].sort((a, b) => b[1] - a[1]).slice(0, count)) {
    const share = `${((100 * ms) / busyMs).toFixed(1)} %`;
    console.log(`${ms.toFixed(1).padStart(10)} ms ${share.padStart(7)}  ${name}`);
  }
}
