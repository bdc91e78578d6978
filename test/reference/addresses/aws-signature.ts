/**
 * Checks signatures of AWS, version 4, as a server does: a second implementation, after the published description, with another library (WebCrypto).
 * It takes any request, query and headers included; the vectors of `sigv4.test.ts` are what it is right by.
 */

export type SignedRequest = {
  readonly method: string;
  /** As sent, with the query. */
  readonly path: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
};

const text = new TextEncoder();

/** The signature that a request should have; what is signed and when is read from its own headers. */
export async function expectedSignature({ method, path, headers }: SignedRequest, secret: string): Promise<string> {
  const { scope, signedHeaders } = readAuthorization(headers["authorization"] ?? "");
  const [bare = "", query = ""] = path.split("?");
  const lines = [
    method,
    bare,
    query
      .split("&")
      .filter((pair) => pair !== "")
      .map((pair) => (pair.includes("=") ? pair : `${pair}=`))
      .sort()
      .join("&"),
  ];
  for (const name of signedHeaders) lines.push(`${name}:${(headers[name] ?? "").trim().replace(/ +/g, " ")}`);
  lines.push("", signedHeaders.join(";"), headers["x-amz-content-sha256"] ?? (await sha256("")));
  const toSign = `AWS4-HMAC-SHA256\n${headers["x-amz-date"]}\n${scope.join("/")}\n${await sha256(lines.join("\n"))}`;
  let key: Uint8Array<ArrayBuffer> = text.encode(`AWS4${secret}`);
  for (const part of [...scope, toSign]) key = await hmac(key, part);
  return hex(key);
}

/** What an `authorization` says. */
export function readAuthorization(header: string) {
  const match = /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\S+), ?SignedHeaders=(\S+), ?Signature=([0-9a-f]{64})$/.exec(header);
  return {
    accessKeyId: match?.[1],
    scope: match?.[2]?.split("/") ?? [],
    signedHeaders: match?.[3]?.split(";") ?? [],
    signature: match?.[4],
  };
}

async function sha256(content: string): Promise<string> {
  return hex(new Uint8Array(await crypto.subtle.digest("SHA-256", text.encode(content))));
}

async function hmac(key: Uint8Array<ArrayBuffer>, content: string): Promise<Uint8Array<ArrayBuffer>> {
  const imported = await crypto.subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", imported, text.encode(content)));
}

function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
