/** Signatures of AWS, version 4 (docs.aws.amazon.com, "Create a signed AWS API request"), for a GET without a body. Pure. */

import { createHash, createHmac } from "node:crypto";

export type Keys = { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken: string | undefined };

export type SignedGet = {
  /** With a port where it is not the usual one. */
  readonly host: string;
  /** The path as it is sent: every part percent-encoded once (`encodePath`). */
  readonly path: string;
  readonly region: string;
  readonly service: string;
  readonly keys: Keys;
  readonly nowMs: number;
};

const EMPTY_BODY = createHash("sha256").update("").digest("hex");

/** The headers that sign a GET: `authorization`, `x-amz-date`, `x-amz-content-sha256`, and `x-amz-security-token` with temporary keys. */
export function signGet({ host, path, region, service, keys, nowMs }: SignedGet): Record<string, string> {
  const time = new Date(nowMs).toISOString().replace(/[-:]|\.\d{3}/g, "");
  const scope = `${time.slice(0, 8)}/${region}/${service}/aws4_request`;
  const headers: Record<string, string> = {
    host,
    "x-amz-content-sha256": EMPTY_BODY,
    "x-amz-date": time,
    ...(keys.sessionToken === undefined ? {} : { "x-amz-security-token": keys.sessionToken }),
  };
  const names = Object.keys(headers).sort();
  const signed = names.join(";");
  const canonical = ["GET", path, "", ...names.map((name) => `${name}:${headers[name]}`), "", signed, EMPTY_BODY].join("\n");
  const toSign = ["AWS4-HMAC-SHA256", time, scope, createHash("sha256").update(canonical).digest("hex")].join("\n");
  let key: Buffer = Buffer.from(`AWS4${keys.secretAccessKey}`, "utf8");
  for (const part of scope.split("/")) key = createHmac("sha256", key).update(part).digest();
  const signature = createHmac("sha256", key).update(toSign).digest("hex");
  const { host: _, ...sent } = headers;
  return {
    ...sent,
    authorization: `AWS4-HMAC-SHA256 Credential=${keys.accessKeyId}/${scope}, SignedHeaders=${signed}, Signature=${signature}`,
  };
}

/** A key of S3 as a path: everything but letters, digits, `-`, `_`, `.`, `~` and `/` is percent-encoded (RFC 3986). */
export function encodePath(key: string): string {
  return key
    .split("/")
    .map((part) => encodeURIComponent(part).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`))
    .join("/");
}
