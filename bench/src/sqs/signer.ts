/** Signs the requests of the raw generator: AWS Signature Version 4, for a POST to "/" with fixed headers. */
import { createHash, createHmac } from "node:crypto";

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

const REGION = "us-east-1";
const SIGNED = "content-type;host;x-amz-date;x-amz-target";

export class Signer {
  readonly #credentials: Credentials;
  #key: { readonly day: string; readonly bytes: Buffer } | undefined;

  constructor(credentials: Credentials) {
    this.#credentials = credentials;
  }

  /** The header lines that sign such a request, made now. */
  sign(request: {
    readonly contentType: string;
    readonly host: string;
    readonly target: string;
    readonly body: string;
  }): string {
    const date = new Date().toISOString().replace(/[-:]|\.\d{3}/g, "");
    const scope = `${date.slice(0, 8)}/${REGION}/sqs/aws4_request`;
    const canonical =
      `POST\n/\n\ncontent-type:${request.contentType}\nhost:${request.host}\n` +
      `x-amz-date:${date}\nx-amz-target:${request.target}\n\n${SIGNED}\n${sha256(request.body)}`;
    const text = `AWS4-HMAC-SHA256\n${date}\n${scope}\n${sha256(canonical)}`;
    const signature = createHmac("sha256", this.#keyOf(date.slice(0, 8)))
      .update(text)
      .digest("hex");
    const credential = `${this.#credentials.accessKeyId}/${scope}`;
    return (
      `X-Amz-Date: ${date}\r\nAuthorization: AWS4-HMAC-SHA256 Credential=${credential}, ` +
      `SignedHeaders=${SIGNED}, Signature=${signature}\r\n`
    );
  }

  #keyOf(day: string): Buffer {
    if (this.#key?.day === day) return this.#key.bytes;
    let bytes: Buffer = Buffer.from(`AWS4${this.#credentials.secretAccessKey}`);
    for (const part of [day, REGION, "sqs", "aws4_request"]) {
      bytes = createHmac("sha256", bytes).update(part).digest();
    }
    this.#key = { day, bytes };
    return bytes;
  }
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
