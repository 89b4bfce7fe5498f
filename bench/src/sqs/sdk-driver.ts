/** SQS by the AWS SDK as a program uses it; it signs every request and checks every digest. */
import {
  DeleteMessageBatchCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { BATCH, type SqsDriver } from "./driver.ts";
import type { Credentials } from "./signer.ts";

export class SdkSqsDriver implements SqsDriver {
  readonly #client: SQSClient;
  readonly #queueUrl: string;

  constructor(url: string, queueUrl: string, credentials: Credentials | undefined) {
    this.#client = new SQSClient({
      endpoint: url,
      region: "us-east-1",
      credentials: credentials ?? { accessKeyId: "any", secretAccessKey: "any" },
      requestHandler: { httpAgent: { keepAlive: true, maxSockets: 64 } },
    });
    this.#queueUrl = queueUrl;
  }

  async send(body: string): Promise<void> {
    const input = { QueueUrl: this.#queueUrl, MessageBody: body };
    await this.#client.send(new SendMessageCommand(input));
  }

  async sendBatch(bodies: readonly string[]): Promise<void> {
    const Entries = bodies.map((MessageBody, at) => ({ Id: String(at), MessageBody }));
    const command = new SendMessageBatchCommand({ QueueUrl: this.#queueUrl, Entries });
    checkBatch(await this.#client.send(command));
  }

  async receive(): Promise<readonly string[]> {
    const input = { QueueUrl: this.#queueUrl, MaxNumberOfMessages: BATCH };
    const { Messages = [] } = await this.#client.send(new ReceiveMessageCommand(input));
    return Messages.flatMap(({ ReceiptHandle }) => ReceiptHandle ?? []);
  }

  async deleteBatch(handles: readonly string[]): Promise<void> {
    const Entries = handles.map((ReceiptHandle, at) => ({ Id: String(at), ReceiptHandle }));
    const command = new DeleteMessageBatchCommand({ QueueUrl: this.#queueUrl, Entries });
    checkBatch(await this.#client.send(command));
  }

  close(): void {
    this.#client.destroy();
  }
}

function checkBatch(answer: { readonly Failed?: readonly unknown[] | undefined }): void {
  if ((answer.Failed ?? []).length > 0) throw new Error(JSON.stringify(answer.Failed));
}
