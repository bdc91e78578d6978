import { afterEach, beforeEach, expect, test } from "vitest";
import type { S3Access } from "../../../src/config/config.ts";
import { fileSecret, inlineSecret } from "../../../src/config/secret.ts";
import { type FakeServer, startFakeServer } from "../../outputs/fake-server.ts";
import { expectedSignature, readAuthorization } from "./aws-signature.ts";
import { bytesOf, failure, fetchOf, plainAccess, signal } from "./serving.ts";

const ID = "AKIAIOSFODNN7EXAMPLE";
const KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const keys = { accessKeyId: inlineSecret(ID), secretAccessKey: inlineSecret(KEY), sessionToken: undefined };
let server: FakeServer;

/** A server that looks at the signature as S3 does, and has one object. */
beforeEach(async () => {
  server = await startFakeServer();
  const signatures = new Map<string, string>();
  server.play(({ path, headers }) => {
    const { signature, accessKeyId } = readAuthorization(headers.authorization ?? "");
    if (signature === undefined || accessKeyId !== ID) return error(403, "AccessDenied");
    signatures.set(path, signature);
    if (path !== "/refs/a%20b/%C3%BC%2B.json") return error(404, "NoSuchKey");
    return headers["if-none-match"] === '"e1"' ? { status: 304 } : { status: 200, headers: { etag: '"e1"' }, body: "content" };
  });
});
afterEach(() => server.close());

const error = (status: number, code: string) => ({
  status,
  body: `<?xml version="1.0"?><Error><Code>${code}</Code><Message>hush</Message></Error>`,
});
const access = (s3: Partial<S3Access> = {}) => ({ ...plainAccess, s3: { ...plainAccess.s3, endpoint: server.url, keys, ...s3 } });

test("an object is fetched by a signature that the server agrees with, and again only when it has changed", async () => {
  const fetch = fetchOf("s3://refs/a b/ü+.json", { access: access({ region: "eu-north-1" }) });
  const first = await fetch(undefined, signal);
  expect((await bytesOf(first)).toString()).toBe("content");
  expect(await fetch(first.kind === "changed" ? first.identity : undefined, signal)).toEqual({ kind: "unchanged" });
  for (const { method, path, headers } of server.received) {
    const given = headers as Record<string, string>;
    const { signature, scope } = readAuthorization(given["authorization"]!);
    expect(scope.slice(1)).toEqual(["eu-north-1", "s3", "aws4_request"]);
    expect(signature).toBe(await expectedSignature({ method, path, headers: given }, KEY));
    expect(signature).not.toBe(await expectedSignature({ method, path, headers: given }, `${KEY}.`));
  }
});

test("the token of temporary keys is sent and signed", async () => {
  const temporary = { ...keys, sessionToken: inlineSecret("t0ken") };
  await fetchOf("s3://refs/a b/ü+.json", { access: access({ keys: temporary }) })(undefined, signal);
  const { method, path, headers } = server.received[0]!;
  const given = headers as Record<string, string>;
  expect(given["x-amz-security-token"]).toBe("t0ken");
  expect(readAuthorization(given["authorization"]!).signedHeaders).toContain("x-amz-security-token");
  expect(readAuthorization(given["authorization"]!).signature).toBe(await expectedSignature({ method, path, headers: given }, KEY));
});

test("what S3 says of a failure is told by its code", async () => {
  expect(await failure(fetchOf("s3://refs/gone.json", { access: access() })(undefined, signal))).toMatchObject({
    reason: "not_found",
    message: "s3://refs/gone.json: is not there (404 NoSuchKey)",
  });
  const refused = await failure(fetchOf("s3://refs/gone.json", { access: access({ keys: undefined }) })(undefined, signal));
  expect(refused).toMatchObject({ reason: "unauthorized", message: "s3://refs/gone.json: the server answered 403 AccessDenied" });
  expect(server.received[1]?.headers.authorization).toBeUndefined();
});

test("a key that cannot be read is a failure of the login, and nothing is sent", async () => {
  const lost = { ...keys, secretAccessKey: fileSecret("/nowhere/key") };
  expect(await failure(fetchOf("s3://refs/x.json", { access: access({ keys: lost }) })(undefined, signal))).toMatchObject({
    reason: "unauthorized",
  });
  expect(server.received).toEqual([]);
});
