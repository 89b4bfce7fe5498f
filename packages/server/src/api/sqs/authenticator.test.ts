/** Signatures: which are taken, and what is said of the others. */
import { encodeUtf8 } from "@kqueuey/base";
import { describe, expect, test } from "vitest";
import {
  presign,
  type SigningOptions,
  signHeader,
  type ToSign,
} from "../../testing/request-signer.ts";
import { SqsCaller, type SqsReply } from "../../testing/sqs-caller.ts";
import { createAuthenticator } from "./authenticator.ts";
import { dateOf } from "./signature.ts";

const NOW_MS = Date.UTC(2026, 10, 24, 12, 0, 0);
const MINUTE_MS = 60_000;
const MISMATCH =
  "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.";

const sqs = new SqsCaller({
  authenticate: createAuthenticator({
    keys: new Map([
      ["AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"],
      ["AKIDOTHER", "another"],
    ]),
    wallMs: () => NOW_MS,
  }),
});

const OPTIONS: SigningOptions = {
  accessKeyId: "AKIDEXAMPLE",
  secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
  date: "20261124T120000Z",
  signedHeaders: ["content-type", "host", "x-amz-date", "x-amz-target"],
};

function jsonRequest(changes: Partial<ToSign> = {}): ToSign {
  return {
    method: "POST",
    path: "/",
    query: [],
    headers: {
      "content-type": "application/x-amz-json-1.0",
      host: "sqs.test:9324",
      "x-amz-date": "20261124T120000Z",
      "x-amz-target": "AmazonSQS.ListQueues",
      "x-amzn-query-mode": "true",
    },
    body: "{}",
    ...changes,
  };
}

/** Sends `request` under `authorization`, which may have been made for another. */
async function send(request: ToSign, authorization: string | undefined): Promise<SqsReply> {
  return sqs.request({
    method: request.method,
    path: request.path,
    query: request.query.map((pair) => pair.map(encodeURIComponent).join("=")).join("&"),
    header: (name) => (name === "authorization" ? authorization : request.headers[name]),
    body: encodeUtf8(request.body),
    signal: new AbortController().signal,
  });
}

async function signed(
  changes: Partial<ToSign> = {},
  options: Partial<SigningOptions> = {},
): Promise<[number, string]> {
  const request = jsonRequest(changes);
  return told(await send(request, signHeader(request, { ...OPTIONS, ...options })));
}

function told(reply: SqsReply): [number, string] {
  const code = reply.headers["x-amzn-query-error"]?.split(";")[0] ?? "";
  return [reply.status, code === "" ? "" : `${code}: ${String(reply.output["message"])}`];
}

function withHeaders(headers: Readonly<Record<string, string>>): Partial<ToSign> {
  return { headers: { ...jsonRequest().headers, ...headers } };
}

const FINE = [200, ""];

describe("the Authorization header", () => {
  test("a good signature is taken, of any key, for any region", async () => {
    expect(await signed()).toEqual(FINE);
    expect(await signed({}, { accessKeyId: "AKIDOTHER", secret: "another" })).toEqual(FINE);
    expect(await signed({}, { region: "mars-north-1" })).toEqual(FINE);
  });

  test("a good signature before makes no other one good", async () => {
    expect(await signed()).toEqual(FINE);
    const wrong = [403, `SignatureDoesNotMatch: ${MISMATCH}`];
    expect(await signed({}, { secret: "guessed" })).toEqual(wrong);
    expect(await signed({}, { accessKeyId: "AKIDOTHER" })).toEqual(wrong);
    const forAnotherBody = signHeader(jsonRequest(), OPTIONS);
    expect(told(await send(jsonRequest({ body: "{ }" }), forAnotherBody))).toEqual(wrong);
    expect(await signed()).toEqual(FINE);
  });

  test("more scopes than keys are remembered for are taken all the same", async () => {
    for (let at = 0; at <= 1_000; at++) {
      expect(await signed({}, { region: `r-${at}` })).toEqual(FINE);
    }
    expect(await signed({}, { region: "r-0" })).toEqual(FINE);
  });

  test.each<[string, Partial<ToSign>]>([
    [
      "a query",
      {
        query: [
          ["a b", "c/d+e"],
          ["a", "~*'()"],
          ["a", ""],
        ],
      },
    ],
    ["a path", { path: "/000000000000/q" }],
    ["a path with percents", { path: "/a%20b/q" }],
    ["a large body", { body: `{"QueueNamePrefix":"${"ä".repeat(100_000)}"}` }],
  ])("%s is in the signature", async (_what, changes) => {
    expect(await signed(changes)).toEqual(FINE);
  });

  test("headers that are usually not signed may be", async () => {
    const signedHeaders = [...OPTIONS.signedHeaders, "user-agent", "x-amz-security-token"];
    const headers = withHeaders({ "user-agent": "a b", "x-amz-security-token": "t" });
    expect(await signed(headers, { signedHeaders })).toEqual(FINE);
  });

  test("HTTP/2 has an authority in the place of the host", async () => {
    const request = jsonRequest();
    const authorization = signHeader(request, OPTIONS);
    const { host = "", ...others } = request.headers;
    expect(
      told(await send({ ...request, headers: { ...others, ":authority": host } }, authorization)),
    ).toEqual(FINE);
  });

  test("a Date header will do", async () => {
    const { "x-amz-date": _date, ...headers } = jsonRequest().headers;
    const date = "Tue, 24 Nov 2026 12:00:00 GMT";
    const signedHeaders = ["date", "host", "x-amz-target"];
    expect(await signed({ headers: { ...headers, date } }, { signedHeaders })).toEqual(FINE);
  });

  test("the sender of a message is the key that signed it", async () => {
    const call = async (action: string, input: unknown): Promise<SqsReply> => {
      const headers = { ...jsonRequest().headers, "x-amz-target": `AmazonSQS.${action}` };
      const request = jsonRequest({ headers, body: JSON.stringify(input) });
      return send(request, signHeader(request, OPTIONS));
    };
    await call("CreateQueue", { QueueName: "q" });
    await call("SendMessage", { QueueUrl: "q", MessageBody: "a" });
    const selection = { QueueUrl: "q", AttributeNames: ["SenderId"] };
    const { output } = await call("ReceiveMessage", selection);
    expect(output["Messages"]).toMatchObject([{ Attributes: { SenderId: "AKIDEXAMPLE" } }]);
  });

  test("none at all is denied", async () => {
    expect(told(await send(jsonRequest(), undefined))).toEqual([
      403,
      "AccessDenied: Access to the resource http://sqs.test:9324/ is denied.",
    ]);
  });

  test("a key that is not known is told before anything else", async () => {
    expect(await signed({}, { accessKeyId: "AKIDNOBODY", date: "20200101T000000Z" })).toEqual([
      403,
      "InvalidClientTokenId: The security token included in the request is invalid.",
    ]);
  });

  test("another secret, another case, a cut or a foreign signature do not match", async () => {
    const wrong = [403, `SignatureDoesNotMatch: ${MISMATCH}`];
    expect(await signed({}, { secret: "another" })).toEqual(wrong);
    const request = jsonRequest();
    const good = signHeader(request, OPTIONS);
    const signature = good.slice(-64);
    for (const other of ["", "0".repeat(64), signature.slice(1), `${signature}0`, "ä".repeat(64)]) {
      const reply = await send(request, good.replace(signature, other));
      expect(told(reply)).toEqual(other === "" ? [400, expect.any(String)] : wrong);
    }
    expect(told(await send(request, good.replace(signature, signature.toUpperCase())))).toEqual(
      wrong,
    );
  });

  test.each<[string, Partial<ToSign>]>([
    ["another body", { body: '{"QueueNamePrefix":"a"}' }],
    ["another path", { path: "/000000000000/q" }],
    ["another method", { method: "PUT" }],
    ["a query", { query: [["Action", "ListQueues"]] }],
    ["another action", withHeaders({ "x-amz-target": "AmazonSQS.DeleteQueue" })],
    ["another host", withHeaders({ host: "elsewhere" })],
    ["another date", withHeaders({ "x-amz-date": "20261124T120001Z" })],
    ["another hash of the body", withHeaders({ "x-amz-content-sha256": "UNSIGNED-PAYLOAD" })],
  ])("replayed with %s it is refused", async (_what, changes) => {
    const authorization = signHeader(jsonRequest(), OPTIONS);
    const [status, text] = told(await send(jsonRequest(changes), authorization));
    expect([status, text]).toEqual([403, expect.stringContaining("SignatureDoesNotMatch: ")]);
  });

  test("a hash of the body that is signed must be that of the body", async () => {
    const signedHeaders = [...OPTIONS.signedHeaders, "x-amz-content-sha256"];
    const hash = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    const right = withHeaders({ "x-amz-content-sha256": hash });
    expect(await signed(right, { signedHeaders })).toEqual(FINE);
    const unsigned = withHeaders({ "x-amz-content-sha256": "UNSIGNED-PAYLOAD" });
    expect(await signed(unsigned, { signedHeaders })).toEqual([
      403,
      `SignatureDoesNotMatch: ${MISMATCH}`,
    ]);
  });

  test.each([
    [["x-amz-date", "x-amz-target"], "'Host' or ':authority'"],
    [["host", "x-amz-target"], "'x-amz-date'"],
    [["host", "x-amz-date"], "'x-amz-target'"],
  ])("signing only %j is not enough", async (signedHeaders, name) => {
    expect(await signed({}, { signedHeaders })).toEqual([
      403,
      `SignatureDoesNotMatch: ${name} must be a 'SignedHeader' in the AWS Authorization.`,
    ]);
  });

  test.each([
    [{ service: "s3" }, "Credential should be scoped to correct service: 'sqs'."],
    [
      { terminator: "aws5_request" },
      "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws5_request'.",
    ],
    [
      { scopeDate: "20261123" },
      "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20261123' != '20261124', from '20261124T120000Z'.",
    ],
  ])("the scope must be ours: %j", async (options, message) => {
    expect(await signed({}, options)).toEqual([403, `SignatureDoesNotMatch: ${message}`]);
  });

  test("clocks may differ by fifteen minutes either way", async () => {
    const at = (offsetMs: number): Promise<[number, string]> => {
      const date = dateOf(NOW_MS + offsetMs);
      return signed(withHeaders({ "x-amz-date": date }), { date });
    };
    expect(await at(-15 * MINUTE_MS)).toEqual(FINE);
    expect(await at(15 * MINUTE_MS)).toEqual(FINE);
    expect(await at(-15 * MINUTE_MS - 1_000)).toEqual([
      403,
      "SignatureDoesNotMatch: Signature expired: 20261124T114459Z is now earlier than 20261124T114500Z (20261124T120000Z - 15 min.)",
    ]);
    expect(await at(15 * MINUTE_MS + 1_000)).toEqual([
      403,
      "SignatureDoesNotMatch: Signature not yet current: 20261124T121501Z is still later than 20261124T121500Z (20261124T120000Z + 15 min.)",
    ]);
  });

  test.each([
    ["Basic dXNlcg==", "The Authorization header must begin with AWS4-HMAC-SHA256."],
    ["", "The Authorization header must begin with AWS4-HMAC-SHA256."],
    [
      "AWS4-HMAC-SHA256 nonsense",
      "'nonsense' not a valid key=value pair (missing equal-sign) in Authorization header.",
    ],
    [
      "AWS4-HMAC-SHA256 Credential=a/b/c/d/e",
      "Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter.",
    ],
    [
      "AWS4-HMAC-SHA256 Credential=a/b/c, SignedHeaders=host, Signature=0",
      "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got 'a/b/c'",
    ],
    [
      "AWS4-HMAC-SHA256 Credential=a/b/c/d/e/f, SignedHeaders=host, Signature=0",
      "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got 'a/b/c/d/e/f'",
    ],
  ])("%j is incomplete", async (authorization, message) => {
    expect(told(await send(jsonRequest(), authorization))).toEqual([
      400,
      `IncompleteSignature: ${message}`,
    ]);
  });

  test.each(["2026-11-24T12:00:00Z", "20261124", "20261324T120000Z", "now"])(
    "the date %s is none",
    async (date) => {
      expect(await signed(withHeaders({ "x-amz-date": date }))).toEqual([
        400,
        `IncompleteSignature: Date must be in ISO-8601 'basic format'. Got '${date}'.`,
      ]);
    },
  );

  test("a date must be there", async () => {
    const { "x-amz-date": _date, ...headers } = jsonRequest().headers;
    expect(await signed({ headers })).toEqual([
      400,
      "IncompleteSignature: Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
    ]);
  });
});

describe("a presigned URL", () => {
  const request: ToSign = {
    method: "GET",
    path: "/000000000000/q",
    query: [
      ["Action", "ListQueueTags"],
      ["Version", "2012-11-05"],
    ],
    headers: { host: "sqs.test:9324" },
    body: "",
  };
  const options: SigningOptions = { ...OPTIONS, signedHeaders: ["host"] };

  async function get(query: string): Promise<[number, string]> {
    const { status, text } = await sqs.request({
      method: "GET",
      path: request.path,
      query,
      header: (name) => request.headers[name],
      body: new Uint8Array(0),
      signal: new AbortController().signal,
    });
    const error = /<Code>(.*)<\/Code><Message>(.*)<\/Message>/.exec(text);
    return [status, error === null ? "" : `${error[1]}: ${error[2]}`];
  }

  function made(at: number, expires: string): string {
    return presign(request, { ...options, date: dateOf(at) }, expires);
  }

  test("is good from when it was made until it expires", async () => {
    await signed({
      ...withHeaders({ "x-amz-target": "AmazonSQS.CreateQueue" }),
      body: '{"QueueName":"q"}',
    });
    expect(await get(made(NOW_MS, "1"))).toEqual(FINE);
    expect(await get(made(NOW_MS - 1_000, "1"))).toEqual(FINE);
    expect(await get(made(NOW_MS - 604_800_000, "604800"))).toEqual(FINE);
    expect(await get(made(NOW_MS + 15 * MINUTE_MS, "60"))).toEqual(FINE);
    expect(await get(made(NOW_MS - 2_000, "1"))).toEqual([
      403,
      "SignatureDoesNotMatch: Signature expired: 20261124T115959Z is now earlier than 20261124T120000Z.",
    ]);
    expect((await get(made(NOW_MS + 15 * MINUTE_MS + 1_000, "60")))[1]).toContain(
      "Signature not yet current",
    );
  });

  test.each(["0", "604801", "x", "-1", "1e3"])("%s seconds are not a time", async (expires) => {
    expect(await get(made(NOW_MS, expires))).toEqual([
      400,
      "IncompleteSignature: X-Amz-Expires must be between 1 and 604800 seconds.",
    ]);
  });

  test.each(["Credential", "Date", "Expires", "SignedHeaders", "Signature"])(
    "without X-Amz-%s it is incomplete",
    async (name) => {
      const query = made(NOW_MS, "60").replace(new RegExp(`&X-Amz-${name}=[^&]*`), "");
      expect(await get(query)).toEqual([
        400,
        `IncompleteSignature: AWS query-string parameters must include 'X-Amz-${name}'.`,
      ]);
    },
  );

  test("with another algorithm or none it is not one", async () => {
    const query = made(NOW_MS, "60");
    expect((await get(query.replace("SHA256", "SHA1")))[1]).toContain("IncompleteSignature");
    expect((await get(query.replace(/X-Amz-Algorithm=[^&]*/, "")))[1]).toContain("AccessDenied");
  });

  test("another action in the same URL does not match", async () => {
    const query = made(NOW_MS, "60").replace("ListQueueTags", "DeleteQueue");
    expect(await get(query)).toEqual([403, `SignatureDoesNotMatch: ${MISMATCH}`]);
    expect((await get(`${made(NOW_MS, "60")}&Action=DeleteQueue`))[0]).toBe(403);
  });

  test("a body that was not signed is refused", async () => {
    const reply = await sqs.request({
      method: "GET",
      path: request.path,
      query: made(NOW_MS, "60"),
      header: (name) => request.headers[name],
      body: encodeUtf8("Action=DeleteQueue"),
      signal: new AbortController().signal,
    });
    expect(reply.status).toBe(403);
  });
});
