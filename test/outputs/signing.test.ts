import { Webhook } from "standardwebhooks";
import { describe, expect, test } from "vitest";

import { parseKeys, sign, TOLERANCE_MS, verify } from "../../src/outputs/signing.ts";

const BASE64 = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const SECRET = `whsec_${BASE64}`;
const BODY = '{"type":"driftd.test","data":{"name":"Zürich 🐘"}}';
const NOW = Date.now();

describe("keys", () => {
  test.each([
    ["whsec_ and base64", SECRET, [Buffer.from(BASE64, "base64")]],
    ["a raw text", "correct horse", [Buffer.from("correct horse")]],
    ["a raw text with a line end", "correct horse\n", [Buffer.from("correct horse")]],
    ["with Windows line ends", `${SECRET}\r\nold\r\n`, [Buffer.from(BASE64, "base64"), Buffer.from("old")]],
    ["blanks are part of a raw text", " a b ", [Buffer.from(" a b ")]],
  ])("%s", (_name, text, keys) => {
    expect(parseKeys(text)).toEqual(keys);
  });

  test.each(["", "\n\n", "whsec_", "whsec_***", "whsec_abc def"])("%j is none, and the error does not show it", (text) => {
    expect(() => parseKeys(text)).toThrow(expect.objectContaining({ code: "OUTPUT_SECRET_INVALID" }));
    expect(() => parseKeys("whsec_***")).not.toThrow(/\*\*\*/);
  });
});

describe("the signature", () => {
  const headers = sign(parseKeys(SECRET), "msg_1", NOW, BODY) as Record<string, string>;

  test("is accepted by the specification's own library", () => {
    expect(new Webhook(SECRET).verify(BODY, headers)).toEqual(JSON.parse(BODY));
  });

  test("equals the library's", () => {
    expect(headers["webhook-signature"]).toBe(new Webhook(SECRET).sign("msg_1", new Date(NOW), BODY));
  });

  test("of a raw text is accepted by the library in its raw form", () => {
    const raw = sign(parseKeys("correct horse"), "msg_1", NOW, BODY) as Record<string, string>;
    expect(new Webhook("correct horse", { format: "raw" }).verify(BODY, raw)).toEqual(JSON.parse(BODY));
  });

  test("is made with every key while they are rotated, and each is accepted", () => {
    const old = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    const both = sign(parseKeys(`${SECRET}\n${old}\n`), "msg_1", NOW, BODY) as Record<string, string>;
    expect(both["webhook-signature"]?.split(" ")).toHaveLength(2);
    for (const secret of [SECRET, old]) expect(new Webhook(secret).verify(BODY, both)).toEqual(JSON.parse(BODY));
  });

  test("the check accepts what the library signed", () => {
    const signed = { ...headers, "webhook-signature": new Webhook(SECRET).sign("msg_1", new Date(NOW), BODY) };
    expect(verify(parseKeys(SECRET), signed, BODY, NOW)).toBe(undefined);
  });

  test.each([
    ["another body", headers, `${BODY} `, NOW, "bad_signature"],
    ["another id", { ...headers, "webhook-id": "msg_2" }, BODY, NOW, "bad_signature"],
    ["another time", { ...headers, "webhook-timestamp": String(Math.floor(NOW / 1000) + 1) }, BODY, NOW, "bad_signature"],
    [
      "another version",
      { ...headers, "webhook-signature": headers["webhook-signature"]!.replace("v1,", "v1a,") },
      BODY,
      NOW,
      "bad_signature",
    ],
    ["no signature", { ...headers, "webhook-signature": undefined }, BODY, NOW, "missing_header"],
    ["no id", { ...headers, "webhook-id": undefined }, BODY, NOW, "missing_header"],
    ["an empty signature", { ...headers, "webhook-signature": "v1," }, BODY, NOW, "bad_signature"],
    ["no number as time", { ...headers, "webhook-timestamp": "1e9" }, BODY, NOW, "bad_timestamp"],
    ["an old message", headers, BODY, NOW + TOLERANCE_MS + 1000, "too_old"],
    ["a message from the future", headers, BODY, NOW - TOLERANCE_MS - 1000, "too_new"],
  ])("the check refuses %s", (_name, given, body, nowMs, refusal) => {
    expect(verify(parseKeys(SECRET), given, body, nowMs)).toBe(refusal);
  });

  test("without a key there is none, but id and time", () => {
    expect(Object.keys(sign([], "msg_1", NOW, BODY))).toEqual(["webhook-id", "webhook-timestamp"]);
  });
});
