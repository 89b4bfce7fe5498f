/** Digests as a port: native code of the host does them. */
export interface Digests {
  /**
   * MD5 (RFC 1321) of `bytes` in lower-case hex. What SQS's clients check bodies and attributes with; proves
   * nothing.
   */
  md5(bytes: Uint8Array): string;
}
