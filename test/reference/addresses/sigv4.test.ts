import { describe, expect, test } from "vitest";
import { encodePath, signGet } from "../../../src/reference/addresses/sigv4.ts";
import { expectedSignature, readAuthorization } from "./aws-signature.ts";

const EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const S3_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const s3Headers = (signed: string, more: Record<string, string> = {}) => ({
  host: "examplebucket.s3.amazonaws.com",
  "x-amz-content-sha256": EMPTY,
  "x-amz-date": "20130524T000000Z",
  authorization: `AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=${signed},Signature=${"0".repeat(64)}`,
  ...more,
});

describe("the second implementation is right by the published vectors", () => {
  test("of the test suite of Signature Version 4: get-vanilla", async () => {
    const headers = {
      host: "example.amazonaws.com",
      "x-amz-date": "20150830T123600Z",
      authorization: `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=${"0".repeat(64)}`,
    };
    expect(await expectedSignature({ method: "GET", path: "/", headers }, "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")).toBe(
      "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    );
  });

  test.each([
    [
      "GET object",
      "/test.txt",
      s3Headers("host;range;x-amz-content-sha256;x-amz-date", { range: "bytes=0-9" }),
      "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    ],
    [
      "GET bucket lifecycle",
      "/?lifecycle",
      s3Headers("host;x-amz-content-sha256;x-amz-date"),
      "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
    ],
    [
      "GET bucket",
      "/?max-keys=2&prefix=J",
      s3Headers("host;x-amz-content-sha256;x-amz-date"),
      "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
    ],
  ])("of S3's own description: %s", async (_, path, headers, signature) => {
    expect(await expectedSignature({ method: "GET", path, headers }, S3_KEY)).toBe(signature);
  });
});

test.each([
  ["with lasting keys", "/test.txt", undefined],
  ["with temporary keys", "/models/flights/reference.json.gz", "a session/token=="],
  ["of a key that has to be encoded", encodePath("/a b/ü+(1)'!*~/é.json"), undefined],
])("a signed GET %s has the signature that the second implementation gives", async (_, path, sessionToken) => {
  const keys = { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: S3_KEY, sessionToken };
  const signed = signGet({
    host: "b.s3.eu-north-1.amazonaws.com",
    path,
    region: "eu-north-1",
    service: "s3",
    keys,
    nowMs: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
  });
  expect(signed).toMatchObject({ "x-amz-date": "20260102T030405Z", "x-amz-content-sha256": EMPTY });
  const { signature, signedHeaders } = readAuthorization(signed["authorization"]!);
  expect(signedHeaders).toEqual([
    "host",
    "x-amz-content-sha256",
    "x-amz-date",
    ...(sessionToken === undefined ? [] : ["x-amz-security-token"]),
  ]);
  const headers = { ...signed, host: "b.s3.eu-north-1.amazonaws.com" };
  expect(signature).toBe(await expectedSignature({ method: "GET", path, headers }, S3_KEY));
});

test("a key's path has every character encoded that is not one of RFC 3986's unreserved ones", () => {
  expect(encodePath("a b/ü+(1)'!*~._-/é")).toBe("a%20b/%C3%BC%2B%281%29%27%21%2A~._-/%C3%A9");
});
