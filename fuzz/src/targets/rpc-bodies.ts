/** Bodies of the native API over HTTP, JSON and protobuf, at a whole node. */
import { encodeUtf8 } from "@kqueuey/base";
import { Decisions } from "../decisions.ts";
import { request } from "../http.ts";
import { mutateJson } from "../json-tree.ts";
import { numberBytes } from "../mutate.ts";
import { QUEUE, RealNode } from "../real-node.ts";
import { type RpcSample, rpcSamples } from "../rpc-samples.ts";
import { joined } from "../samples.ts";
import { promise, type Target } from "../target.ts";

const TYPES = [
  ...["application/json", "application/proto", "application/grpc-web+proto", "application/grpc"],
  ...["text/plain", "application/connect+json", "application/json; charset=latin1"],
];
const ENCODINGS = ["", "", "", "", "gzip", "br", "identity"];
/** Which method, which content type, which encoding; the body follows. */
const HEAD_BYTES = 3;

export const rpcBodies: Target = {
  name: "rpc-bodies",
  promise:
    "Any body of the native API is answered, never with a fault, and the node keeps what it had.",
  smokeInputs: 100,
  open: async () => {
    const node = await RealNode.start();
    const methods = rpcSamples(QUEUE, await node.lease(3));
    return {
      samples: methods.flatMap(samplesOf),
      mutate: (input, mutator) => {
        const body = input.subarray(HEAD_BYTES);
        const changed = mutator.random.chance(1, 2) ? mutateJson(body, mutator) : undefined;
        if (changed === undefined) return mutator.bytes(input);
        return joined([input.subarray(0, HEAD_BYTES), changed]);
      },
      run: async (input) => {
        await ask(node, methods, new Decisions(input));
        node.checkFaults();
      },
      close: () => node.close(),
    };
  },
};

async function ask(
  node: RealNode,
  methods: readonly RpcSample[],
  decisions: Decisions,
): Promise<void> {
  const method = decisions.pick(methods);
  const type = decisions.pick(TYPES) ?? "";
  const encoding = decisions.pick(ENCODINGS) ?? "";
  const answer = await request(node.clientPort, {
    path: `/kqueuey.v1.${method?.path}`,
    headers: encoding === "" ? { "content-type": type } : contentOf(type, encoding),
    body: decisions.rest(),
  });
  promise(answer.status !== 500, `answered 500: ${answer.text.slice(0, 200)}`);
  promise(!answer.text.includes('"INTERNAL"'), `an internal error: ${answer.text.slice(0, 200)}`);
}

function contentOf(type: string, encoding: string): Readonly<Record<string, string>> {
  return { "content-type": type, "content-encoding": encoding };
}

function samplesOf({ body, binary }: RpcSample, index: number): readonly Uint8Array[] {
  const json = encodeUtf8(JSON.stringify(body));
  const frame = joined([Uint8Array.of(0), numberBytes(binary.length, 4, "big"), binary]);
  return [
    joined([Uint8Array.of(index, 0, 0), json]),
    joined([Uint8Array.of(index, 1, 0), binary]),
    joined([Uint8Array.of(index, 2, 0), frame]),
  ];
}
