import { readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { openTable } from "../../src/tables/open.ts";
import { MISSING, PRESENT, type Table, type TableOptions, WRONG_TYPE } from "../../src/tables/table.ts";
import { tableFolder } from "./folder.ts";

const folder = tableFolder();

async function withTable<T>(path: string, use: (table: Table) => Promise<T> | T, options: TableOptions = {}): Promise<T> {
  const table = await openTable(path, options);
  try {
    return await use(table);
  } finally {
    await table.close();
  }
}

const kindsOf = (path: string, options?: TableOptions) =>
  withTable(path, ({ columns }) => Object.fromEntries(columns.map(({ name, kind }) => [name, kind])), options);

/** Values of one column: numbers, text, null for missing, `["wrong", raw]` for a wrong type. */
async function read(path: string, column: string, options?: TableOptions): Promise<unknown[]> {
  const values: unknown[] = [];
  await withTable(
    path,
    (table) =>
      table.scan({ columns: [column] }, ({ rows, columns: [chunk] }) => {
        for (let i = 0; i < rows; i++) {
          if (!("values" in chunk!)) values.push(chunk!.text(i) ?? (chunk!.wrong(i) === null ? null : ["wrong", chunk!.wrong(i)]));
          else {
            const state = chunk.state === undefined ? PRESENT : chunk.state[i];
            values.push(state === MISSING ? null : state === WRONG_TYPE ? ["wrong", chunk.wrong(i)] : chunk.values[i]);
          }
        }
      }),
    options,
  );
  return values;
}

const csv = (name: string, column: readonly string[]) => folder.write(name, `x,y\n${column.map((value) => `${value},1\n`).join("")}`);

describe("CSV", () => {
  it("takes an empty field for missing, quoted or not", async () => {
    expect(await read(await csv("empty.csv", ["a", "", '""', "b"]), "x")).toEqual(["a", null, null, "b"]);
  });

  it("takes null, NA and None for text", async () => {
    expect(await read(await csv("marks.csv", ["null", "NA", "None", "b"]), "x")).toEqual(["null", "NA", "None", "b"]);
  });

  it("takes them for missing where they are named", async () => {
    const options = { nullValues: ["NA", "-999"] };
    expect(await read(await csv("named.csv", ["1", "NA", "-999", "-999.0", "2"]), "x", options)).toEqual([1, null, null, null, 2]);
  });

  it("reads NaN and infinities in a numeric column as those, and any other text as a wrong type", async () => {
    const numbers = ["1", "2.5", "-3e2", "+4", ".5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16", "17"];
    const path = await csv("bad.csv", [...numbers, "NaN", "inf", "-inf", "abc", "1_0"]);
    expect((await read(path, "x")).slice(17)).toEqual([
      Number.NaN,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      ["wrong", "abc"],
      ["wrong", "1_0"],
    ]);
  });

  it("decides from all values, not from a prefix: text far behind numbers makes a text column, a little of it does not", async () => {
    const numbers = Array.from({ length: 30_000 }, (_, i) => String(i / 2));
    expect(await kindsOf(await csv("late-text.csv", [...numbers, ...new Array(10_000).fill("word")]))).toMatchObject({ x: "text" });
    expect(await kindsOf(await csv("late-bad.csv", [...numbers, "word"]))).toMatchObject({ x: "number" });
  });

  it("does not let customary marks for missing outvote the numbers", async () => {
    const path = await csv("many-na.csv", ["1.5", "2", "NA", "NA", "NA"]);
    expect(await read(path, "x")).toEqual([1.5, 2, ["wrong", "NA"], ["wrong", "NA"], ["wrong", "NA"]]);
  });

  it.each<[string, string[], string]>([
    ["true and false, in any case", ["true", "False", "TRUE"], "boolean"],
    ["true, false and another word", ["true", "false", "maybe"], "text"],
    ["whole numbers up to 2^53", ["9007199254740992", "1"], "number"],
    ["whole numbers beyond 2^53", ["9007199254740993", "1"], "text"],
    ["numbers beyond 2^53 with a fraction among them", ["90071992547409930", "1.5"], "number"],
    ["whole numbers with leading zeros", ["01234", "20001"], "text"],
    ["ISO times", ["2026-01-01T00:00:00Z", "2026-01-02 10:30:00", "2026-01-03"], "timestamp"],
    ["times among words", ["2026-01-01", "soon", "later"], "text"],
    ["nothing", ["", "", ""], "text"],
  ])("%s are a column of their kind", async (_, values, kind) => {
    expect(await kindsOf(await csv("kinds.csv", values))).toMatchObject({ x: kind });
  });

  it("never rounds whole numbers beyond 2^53, and says that it reads them as text", async () => {
    const path = await csv("big.csv", ["9007199254740993", "9007199254740992", "340282366920938463463374607431768211456"]);
    expect(await read(path, "x")).toEqual(["9007199254740993", "9007199254740992", "340282366920938463463374607431768211456"]);
    expect(await withTable(path, ({ columns }) => columns[0]?.note)).toMatch(/2\^53/);
  });

  it("reads times as UTC where they have no zone", async () => {
    const path = await csv("times.csv", ["2026-01-01", "2026-01-01 01:00:00.250", "2026-01-01T03:00:00+02:00", "2026-01-01T00:00:00Z"]);
    const midnight = Date.parse("2026-01-01T00:00:00Z");
    expect(await read(path, "x")).toEqual([midnight, midnight + 3_600_250, midnight + 3_600_000, midnight]);
  });

  it.each([
    ["comma", ","],
    ["semicolon", ";"],
    ["tab", "\t"],
    ["bar", "|"],
  ])("finds the delimiter %s in the header", async (_, delimiter) => {
    expect(await kindsOf(await folder.write("delimited.csv", `a${delimiter}b\n1${delimiter}x\n`))).toEqual({ a: "number", b: "text" });
  });

  it("keeps names as they are written: quotes, commas, line breaks, emoji, equal but for case, and twice", async () => {
    const path = await folder.write("names.csv", '"a ""b"", c","x\ny😀",a,A,a,,__proto__\r\n1,2,3,4,5,6,7\r\n');
    expect(await withTable(path, ({ columns }) => columns.map(({ name }) => name))).toEqual([
      'a "b", c',
      "x\ny😀",
      "a",
      "A",
      "a_2",
      "column6",
      "__proto__",
    ]);
    expect(await read(path, "A")).toEqual([4]);
  });

  it("takes neither # for a comment nor a byte order mark for part of a name", async () => {
    const path = await folder.write("hash.csv", "\ufeffa,b\n#1,2\n#3,4\n");
    expect(await read(path, "a")).toEqual(["#1", "#3"]);
  });

  it.each<[string, string | Buffer, string]>([
    ["gzip", gzipSync("a,b\n1,x\n"), "z.csv.gz"],
    ["zstd", zstdCompressSync("a,b\n1,x\n"), "z.csv.zst"],
    ["tabs", "a\tb,c\n1\tx\n", "t.tsv"],
  ])("is read with %s", async (_, content, name) => {
    expect((await read(await folder.write(name, content), "a"))[0]).toBe(1);
  });

  it("is read over a glob in the order of the names", async () => {
    await folder.write("part-2.csv", "a\n2\n");
    await folder.write("part-1.csv", "a\n1\n");
    expect(await read(folder.path("part-*.csv"), "a")).toEqual([1, 2]);
  });
});

describe("JSON", () => {
  const lines = (name: string, rows: readonly string[]) => folder.write(name, `${rows.join("\n")}\n`);

  it("takes numbers, text, booleans and null for what they are, and an absent key for missing", async () => {
    const path = await lines("types.ndjson", ['{"n":1.5,"s":"a","b":true,"z":null}', '{"n":2,"s":"b","b":false}']);
    expect(await kindsOf(path)).toEqual({ n: "number", s: "text", b: "boolean", z: "text" });
    expect([await read(path, "n"), await read(path, "s"), await read(path, "b"), await read(path, "z")]).toEqual([
      [1.5, 2],
      ["a", "b"],
      ["true", "false"],
      [null, null],
    ]);
  });

  it("counts text among numbers as a wrong type, though it looks like a number", async () => {
    const rows = Array.from({ length: 19 }, (_, i) => `{"n":${i}}`);
    expect((await read(await lines("wrong.ndjson", [...rows, '{"n":"7"}', '{"n":{"a":1}}']), "n")).slice(19)).toEqual([
      ["wrong", '"7"'],
      ["wrong", '{"a":1}'],
    ]);
  });

  it("reads NaN and infinities, bare or as text, as those", async () => {
    expect(await read(await lines("nan.ndjson", ['{"n":1}', '{"n":NaN}', '{"n":"-Infinity"}']), "n")).toEqual([
      1,
      Number.NaN,
      Number.NEGATIVE_INFINITY,
    ]);
  });

  it("never rounds whole numbers beyond 2^53", async () => {
    expect(await read(await lines("big.ndjson", ['{"n":12345678901234567890}', '{"n":1}']), "n")).toEqual(["12345678901234567890", "1"]);
  });

  it("does not support columns of lists and objects, and says why", async () => {
    const path = await lines("nested.ndjson", ['{"l":[1],"o":{"a":1}}', '{"l":[],"o":{}}']);
    expect(await withTable(path, ({ columns }) => columns.map(({ kind, note }) => [kind, note !== undefined]))).toEqual([
      ["unsupported", true],
      ["unsupported", true],
    ]);
  });

  it("keeps any key apart from any other", async () => {
    const path = await lines("keys.ndjson", ['{"a":1,"A":2,"":3,"a/b~c":4,"e,\\"\\n😀":5,"__proto__":6}']);
    const names = await withTable(path, ({ columns }) => columns.map(({ name }) => name));
    expect(names).toEqual(["a", "A", "", "a/b~c", 'e,"\n😀', "__proto__"]);
    expect((await Promise.all(names.map((name) => read(path, name)))).flat()).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it("is read from one array, and from zstd", async () => {
    expect(await read(await folder.write("array.json", '[{"a":1},\n {"a":2}]'), "a")).toEqual([1, 2]);
    expect(await read(await folder.write("z.ndjson.zst", zstdCompressSync('{"a":1}\n{"a":2}\n')), "a")).toEqual([1, 2]);
  });
});

describe("Parquet", () => {
  it("has a stated treatment for every type", async () => {
    const path = await folder.copy(
      `SELECT 1::TINYINT i, 2::UBIGINT u, 9007199254740993::BIGINT big, 12345678901234567890::DECIMAL(38,0) id, 1.25::DECIMAL(9,2) d, 0.5::FLOAT f,
       true b, 'a' s, TIMESTAMP '2026-01-01 00:00:01.5' t, DATE '2026-01-01' AS dy, TIMESTAMPTZ '2026-01-01 02:00:00+02' tz, TIME '10:00:00' tod,
       [1, 2] l, {'k': 1} st, MAP {'k': 1} m, 'x'::BLOB bl, uuid() g, '2026-01-01T00:00:00Z' iso`,
      "types.parquet",
    );
    expect(await kindsOf(path)).toEqual({
      ...{ i: "number", u: "number", big: "text", id: "text", d: "number", f: "number", b: "boolean", s: "text" },
      ...{ t: "timestamp", dy: "timestamp", tz: "timestamp", tod: "text", l: "unsupported", st: "unsupported", m: "unsupported" },
      ...{ bl: "unsupported", g: "text", iso: "timestamp" },
    });
    const values = await Promise.all(["i", "u", "big", "id", "d", "f", "b", "t", "dy", "tz", "iso"].map((name) => read(path, name)));
    const midnight = Date.parse("2026-01-01T00:00:00Z");
    expect(values.flat()).toEqual([
      ...[1, 2, "9007199254740993", "12345678901234567890", 1.25, 0.5, "true"],
      ...[midnight + 1500, midnight, midnight, midnight],
    ]);
  });

  it("keeps nulls apart from NaN and from what stands in their place, over many chunks", async () => {
    const path = await folder.copy(
      "SELECT CASE WHEN i % 3 = 0 THEN NULL WHEN i % 7 = 0 THEN 'nan'::DOUBLE ELSE i END AS x FROM range(10000) t(i)",
      "nulls.parquet",
    );
    const expected = Array.from({ length: 10_000 }, (_, i) => (i % 3 === 0 ? null : i % 7 === 0 ? Number.NaN : i));
    expect(await read(path, "x")).toEqual(expected);
  });

  it("is read as the demanded kind: text in a number column is a wrong type, a number in a text column its text", async () => {
    const path = await folder.copy("SELECT 'a' s, 1.5 n", "demanded.parquet");
    const kinds = new Map<string, "number" | "text">([
      ["s", "number"],
      ["n", "text"],
    ]);
    expect([await read(path, "s", { kinds }), await withTable(path, (table) => table.textCounts("n", 5), { kinds })]).toMatchObject([
      [["wrong", "a"]],
      { values: ["1.5"], counts: [1] },
    ]);
  });
});

describe("a table", () => {
  it("counts text by frequency, then by name, and says what it left out", async () => {
    const path = await csv("counts.csv", ["b", "a", "c", "a", "b", "", "d"]);
    expect(await withTable(path, (table) => table.textCounts("x", 3))).toEqual({
      ...{ values: ["a", "b", "c"], counts: [2, 2, 1], present: 6, distinct: 4, seenOnce: 2, missing: 1, wrongType: 0 },
    });
  });

  it("names numbers that are read as categories as JavaScript writes them", async () => {
    const path = await csv("numeric-text.csv", ["1.0", "1", "1e0", "2.50", "1e21", "abc", ...new Array(20).fill("3")]);
    const counts = await withTable(path, (table) => table.textCounts("x", 9), { kinds: new Map([["x", "text"]]) });
    expect(counts.values).toEqual(["3", "1", "1e+21", "2.5", "abc"]);
  });

  it("counts by category and by slot of time", async () => {
    const path = await folder.write("slots.csv", "t,c\n1767225600,a\n1767225600000,b\n2026-01-01,x\n1767229200,a\n1767229201,\n");
    const slots = { column: "t", fromMs: 1767225600000, slotMs: 1_800_000 };
    const counts = await withTable(path, (table) => table.countByCategory("c", ["a", "b"], { slots }), {
      kinds: new Map([["t", "number"]]),
    });
    expect(counts.sort((p, q) => p.slot - q.slot || q.bin - p.bin)).toEqual([
      { slot: 0, bin: 1, count: 1 },
      { slot: 0, bin: 0, count: 1 },
      { slot: 2, bin: 0, count: 1 },
      { slot: 2, bin: -2, count: 1 },
    ]);
  });

  it("matches categories of any characters", async () => {
    const odd = ["it's", 'a "quote"', "a,b", "line\nbreak", "😀", "__proto__", " "];
    const path = await folder.write("odd.csv", `c\n${odd.map((name) => `"${name.replaceAll('"', '""')}"\n`).join("")}`);
    const counts = await withTable(path, (table) => table.countByCategory("c", odd));
    expect(counts.map(({ bin }) => bin).sort()).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  it("keeps to a period of event time", async () => {
    const path = await folder.copy("SELECT TIMESTAMP '2026-01-01' + INTERVAL (i) HOUR AS t FROM range(48) x(i)", "period.parquet");
    const filter = { column: "t", fromMs: Date.parse("2026-01-01T06:00:00Z"), toMs: Date.parse("2026-01-01T12:00:00Z") };
    expect(await withTable(path, (table) => table.countRows(filter))).toBe(6);
  });

  it("sorts more than fits into its memory, and leaves no file behind", async () => {
    const path = await folder.copy("SELECT hash(i) / 1e9 AS x FROM range(3000000) t(i)", "large.parquet");
    const before = readdirSync(tmpdir()).filter((name) => name.startsWith("driftd-tables-")).length;
    let rows = 0;
    let last = Number.NEGATIVE_INFINITY;
    let ordered = true;
    await withTable(
      path,
      (table) =>
        table.sortedNumbers("x", undefined, (values, counts) => {
          for (let i = 0; i < values.length; i++) {
            if (values[i]! <= last) ordered = false;
            last = values[i]!;
            rows += counts[i]!;
          }
        }),
      { memoryLimit: "100MiB" },
    );
    expect({ rows, ordered }).toEqual({ rows: 3_000_000, ordered: true });
    expect(readdirSync(tmpdir()).filter((name) => name.startsWith("driftd-tables-")).length).toBeLessThanOrEqual(before);
  });
});

describe("a table that cannot be read", () => {
  it.each<[string, string | Buffer | undefined, string, RegExp]>([
    ["missing.csv", undefined, "TABLE_NOT_FOUND", /no such file/],
    ["nothing-*.csv", undefined, "TABLE_NOT_FOUND", /no file matches/],
    ["corrupt.parquet", "PAR1 nonsense nonsense nonsense PAR1", "TABLE_UNREADABLE", /corrupt\.parquet/],
    ["empty.parquet", "", "TABLE_UNREADABLE", /too small/],
    ["short.csv", "a,b\n1,2\n3\n", "TABLE_UNREADABLE", /Line: 3.*Expected Number of Columns: 2 Found: 1/],
    ["long.csv", "a,b\n1,2\n3,4,5\n", "TABLE_UNREADABLE", /Line: 3.*Expected Number of Columns: 2 Found: 3/],
    ["quote.csv", 'a,b\n1,"2\n', "TABLE_UNREADABLE", /unterminated quote/],
    ["none.csv", "", "TABLE_EMPTY", /is empty/],
    ["none.json", "", "TABLE_EMPTY", /no columns/],
    ["latin.csv", Buffer.from("a,b\n1,caf\xe9\n", "latin1"), "TABLE_ENCODING", /UTF-8/],
    ["latin-header.csv", Buffer.from("caf\xe9,b\n1,2\n", "latin1"), "TABLE_ENCODING", /UTF-8/],
    ["utf16.csv", Buffer.from("\ufeffa,b\n1,2\n", "utf16le"), "TABLE_ENCODING", /UTF-8/],
    ["malformed.ndjson", '{"a":1}\nnot json\n', "TABLE_UNREADABLE", /Malformed JSON/],
    ["scalars.ndjson", '1\n"x"\n', "TABLE_UNREADABLE", /no objects/],
    ["broken.csv.gz", "no gzip", "TABLE_UNREADABLE", /broken\.csv\.gz/],
    ["unknown.dat", "a\n1\n", "TABLE_FORMAT_UNKNOWN", /extension/],
    ["csv", "a\n1\n", "TABLE_FORMAT_UNKNOWN", /extension/],
  ])("%s: says what, where and what to do", async (name, content, code, message) => {
    if (content !== undefined) await folder.write(name, content);
    const path = folder.path(name);
    await expect(openTable(path)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
      hint: expect.stringMatching(/./),
    });
    await expect(openTable(path)).rejects.toThrow(name);
  });

  it("names the file of a glob whose columns differ", async () => {
    await folder.write("mixed-1.csv", "a,b\n1,2\n");
    await folder.write("mixed-2.csv", "b,a\n1,2\n");
    await expect(openTable(folder.path("mixed-*.csv"))).rejects.toMatchObject({
      code: "TABLE_COLUMNS_DIFFER",
      message: expect.stringContaining("mixed-2.csv"),
    });
  });

  it("lists the columns there are when one is asked for that is not", async () => {
    const path = await csv("asked.csv", ["1"]);
    await expect(read(path, "z")).rejects.toMatchObject({ code: "TABLE_COLUMN_MISSING", hint: expect.stringContaining("x, y") });
  });
});
