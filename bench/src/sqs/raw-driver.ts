/** SQS over bare HTTP: requests as texts, answers looked at no further than they must be. */
import { BATCH, type SqsDriver } from "./driver.ts";
import { RawConnection } from "./raw-connection.ts";
import { type Credentials, Signer } from "./signer.ts";

const CONTENT_TYPE = "application/x-amz-json-1.0";

export class RawSqsDriver implements SqsDriver {
  readonly #connection: RawConnection;
  readonly #queueUrl: string;
  readonly #signer: Signer | undefined;

  private constructor(
    connection: RawConnection,
    queueUrl: string,
    credentials: Credentials | undefined,
  ) {
    this.#connection = connection;
    this.#queueUrl = queueUrl;
    this.#signer = credentials === undefined ? undefined : new Signer(credentials);
  }

  /** A connection of its own to `url`, for one caller. */
  static async open(
    url: string,
    queueUrl: string,
    credentials: Credentials | undefined,
  ): Promise<RawSqsDriver> {
    return new RawSqsDriver(await RawConnection.open(url), queueUrl, credentials);
  }

  async send(body: string): Promise<void> {
    await this.#call("SendMessage", `"MessageBody":"${body}"`);
  }

  async sendBatch(bodies: readonly string[]): Promise<void> {
    const entries = bodies.map((body, at) => `{"Id":"${at}","MessageBody":"${body}"}`);
    const answer = await this.#call("SendMessageBatch", `"Entries":[${entries.join(",")}]`);
    checkBatch(answer);
  }

  async receive(): Promise<readonly string[]> {
    const answer = await this.#call("ReceiveMessage", `"MaxNumberOfMessages":${BATCH}`);
    return [...answer.matchAll(/"ReceiptHandle":"([^"]+)"/g)].map(([, handle = ""]) => handle);
  }

  async deleteBatch(handles: readonly string[]): Promise<void> {
    const entries = handles.map((handle, at) => `{"Id":"${at}","ReceiptHandle":"${handle}"}`);
    const answer = await this.#call("DeleteMessageBatch", `"Entries":[${entries.join(",")}]`);
    checkBatch(answer);
  }

  close(): void {
    this.#connection.close();
  }

  #call(action: string, members: string): Promise<string> {
    const body = `{"QueueUrl":"${this.#queueUrl}",${members}}`;
    const target = `AmazonSQS.${action}`;
    const { host } = this.#connection;
    const signature = this.#signer?.sign({ contentType: CONTENT_TYPE, host, target, body }) ?? "";
    const headers =
      `Content-Type: ${CONTENT_TYPE}\r\nX-Amz-Target: ${target}\r\n` +
      `x-amzn-query-mode: true\r\n${signature}`;
    return this.#connection.post(headers, body);
  }
}

function checkBatch(answer: string): void {
  if (answer.includes('"Failed"')) throw new Error(answer);
}
