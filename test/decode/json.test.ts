import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DEFAULT_PATHS } from "../../src/decode/fields.ts";
import { createJsonDecoder } from "../../src/decode/json.ts";
import { newRecord } from "../../src/decode/record.ts";

const decoder = createJsonDecoder({ paths: DEFAULT_PATHS, transportTime: false, maxBytes: 1000 });

function decode(text: string | Buffer, decode = decoder) {
  const padding = Buffer.from("garbage before");
  const body = Buffer.from(text as string);
  const into = newRecord();
  const problem = decode(Buffer.concat([padding, body, padding]), padding.length, padding.length + body.length, 1234, into);
  return { problem, record: into };
}

const valid = { id: "a", model: "m", version: "1", timestamp: "2001-01-15T10:00:00Z", features: { x: 1 }, prediction: 0.5, label: "y" };

describe("the JSON decoder", () => {
  test("reads every field of a record", () => {
    const { problem, record } = decode(JSON.stringify(valid));
    expect(problem).toBeUndefined();
    expect(record).toEqual({
      ...valid,
      timestamp: undefined,
      eventTimeMs: Date.UTC(2001, 0, 15, 10),
      longInteger: expect.any(Function),
      signals: {},
    });
  });

  test("reads signals at their paths, and of the next record nothing of the last", () => {
    const decode = createJsonDecoder({
      paths: {
        ...DEFAULT_PATHS,
        signals: new Map([
          ["latency", ["timing", "ms"]],
          ["constructor", ["size"]],
        ]),
      },
      transportTime: false,
      maxBytes: 1000,
    });
    const into = newRecord();
    const read = (value: unknown) => {
      const bytes = Buffer.from(JSON.stringify(value));
      expect(decode(bytes, 0, bytes.length, 0, into)).toBeUndefined();
      return { ...into.signals };
    };
    expect(read({ ...valid, timing: { ms: 12.5 }, size: "big" })).toEqual({ latency: 12.5, constructor: "big" });
    expect(read({ ...valid, timing: [] })).toEqual({ latency: undefined, constructor: undefined });
  });

  test("gives a whole number beyond 2^53 digit for digit to who asks for it, of the last message", () => {
    const long = (n: string) =>
      decode(
        `{"timestamp":1,"features":{"n":${n},"nested":{"n":9007199254740995},"__proto__":9007199254740997},"prediction":-9007199254740993}`,
      ).record;
    const first = long("9007199254740993");
    expect(first.longInteger?.("features", "n")).toBe("9007199254740993");
    expect(first.longInteger?.("features", "__proto__")).toBe("9007199254740997");
    expect(first.longInteger?.("prediction", "prediction")).toBe("-9007199254740993");
    expect(long("123456789012345678901234567890").longInteger?.("features", "n")).toBe("123456789012345678901234567890");
    for (const other of ["12", "1.5", "1e20", '"9"', "null"])
      expect(long(other).longInteger?.("features", "n")).toBe(other === '"9"' ? "9" : undefined);
    expect(long("1").longInteger?.("features", "toString")).toBeUndefined();
  });

  test.each([
    ["malformed JSON", '{"a":', "decode_error"],
    ["an empty message", "", "decode_error"],
    ["text that is not UTF-8", Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), "decode_error"],
    ["deep nesting", "[".repeat(900), "decode_error"],
    ["an array", "[]", "schema_error"],
    ["null", "null", "schema_error"],
    ["a number", "12", "schema_error"],
    ["no features", JSON.stringify({ ...valid, features: undefined }), "schema_error"],
    ["features as a list", JSON.stringify({ ...valid, features: [1] }), "schema_error"],
    ["features null", JSON.stringify({ ...valid, features: null }), "schema_error"],
    ["a model that is an object", JSON.stringify({ ...valid, model: {} }), "schema_error"],
    ["a version that is a list", JSON.stringify({ ...valid, version: [] }), "schema_error"],
    ["no timestamp", JSON.stringify({ ...valid, timestamp: undefined }), "no_timestamp"],
    ["an unreadable timestamp", JSON.stringify({ ...valid, timestamp: "soon" }), "no_timestamp"],
    ["a long message", JSON.stringify({ ...valid, pad: "x".repeat(1000) }), "too_large"],
  ])("%s is a coded problem", (_name, text, problem) => {
    expect(decode(text).problem).toBe(problem);
  });

  test("a tombstone is a coded problem", () => {
    expect(decoder(Buffer.alloc(0), -1, -1, 0, newRecord())).toBe("tombstone");
  });

  test("a record without model and version means the only model and no version", () => {
    const { problem, record } = decode(JSON.stringify({ timestamp: 1e9, features: {} }));
    expect([problem, record.model, record.version]).toEqual([undefined, undefined, ""]);
  });

  test("a numeric version is its text", () => {
    expect(decode(JSON.stringify({ ...valid, version: 3 })).record.version).toBe("3");
  });

  test("a real replacement character is text like any other", () => {
    expect(decode(JSON.stringify({ ...valid, features: { "\ufffd": "é" } })).problem).toBeUndefined();
  });

  test("a byte order mark is passed over", () => {
    expect(decode(`\ufeff${JSON.stringify(valid)}`).problem).toBeUndefined();
  });

  test("names of Object.prototype are not fields", () => {
    const paths = { ...DEFAULT_PATHS, model: ["constructor"], version: ["__proto__", "toString"] };
    const { problem, record } = decode(JSON.stringify(valid), createJsonDecoder({ paths, transportTime: false, maxBytes: 1000 }));
    expect([problem, record.model, record.version]).toEqual([undefined, undefined, ""]);
  });

  test("paths lead into nested records", () => {
    const paths = { ...DEFAULT_PATHS, features: ["request", "inputs"], timestamp: ["meta", "time"] };
    const text = JSON.stringify({ request: { inputs: { x: 2 } }, meta: { time: 1e9 } });
    const { problem, record } = decode(text, createJsonDecoder({ paths, transportTime: false, maxBytes: 1000 }));
    expect([problem, record.features, record.eventTimeMs]).toEqual([undefined, { x: 2 }, 1e12]);
  });

  test("with the transport's time the record's own is not looked at", () => {
    const { problem, record } = decode(
      JSON.stringify({ ...valid, timestamp: "soon" }),
      createJsonDecoder({ paths: DEFAULT_PATHS, transportTime: true, maxBytes: 1000 }),
    );
    expect([problem, record.eventTimeMs]).toEqual([undefined, 1234]);
  });

  test("is total: any bytes give a record or a code", () => {
    const codes = new Set([undefined, "decode_error", "schema_error", "no_timestamp", "too_large"]);
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((a) => Buffer.from(a)),
      fc.json().map((text) => Buffer.from(text)),
      fc
        .record({ model: fc.jsonValue(), version: fc.jsonValue(), timestamp: fc.jsonValue(), features: fc.jsonValue() })
        .map((r) => Buffer.from(JSON.stringify(r))),
    );
    fc.assert(
      fc.property(bytes, (b) => codes.has(decode(b).problem as undefined)),
      { numRuns: 500 },
    );
  });
});
