import { expect, it } from "vitest";
import { openRows, type RowsOptions } from "../../src/tables/rows.ts";
import { tableFolder } from "./folder.ts";

const folder = tableFolder();

async function rowsOf(path: string, options?: RowsOptions): Promise<Record<string, unknown>[]> {
  const rows: Record<string, unknown>[] = [];
  for await (const batch of openRows(path, options)) for (let i = 0; i < batch.count; i++) rows.push(batch.row(i));
  return rows;
}

it("rows come by event time, those of one time as in the file, those without a time last", async () => {
  const path = await folder.write("order.csv", "t,i\n2026-01-02,0\n2026-01-01,1\n,2\n2026-01-02,3\n2026-01-01,4\n");
  expect((await rowsOf(path, { orderBy: "t" })).map(({ i }) => i)).toEqual([1, 4, 0, 3, 2]);
});

it("thousands of rows of one time keep the order of the file", async () => {
  const path = await folder.copy("SELECT 1767225600 AS t, i FROM range(50000) x(i)", "ties.parquet");
  const rows = await rowsOf(path, { orderBy: "t" });
  expect(rows.every(({ i }, at) => i === at)).toBe(true);
  expect(rows).toHaveLength(50_000);
});

it("a row from CSV, NDJSON and Parquet is the same", async () => {
  const query = "SELECT 1.5 AS n, 'a' AS s, true AS b, NULL::DOUBLE AS z, TIMESTAMP '2026-01-01 00:00:00' AS t, 9007199254740993 AS big";
  const expected = [{ n: 1.5, s: "a", b: true, z: null, t: Date.parse("2026-01-01"), big: "9007199254740993" }];
  expect(await rowsOf(await folder.copy(query, "same.csv", "FORMAT csv, HEADER"))).toEqual(expected);
  expect(await rowsOf(await folder.copy(query, "same.ndjson", "FORMAT json"))).toEqual(expected);
  expect(await rowsOf(await folder.copy(query, "same.parquet"))).toEqual(expected);
});

it("rows of a JSON file come in the file's order, every time", async () => {
  // With two threads about one reading in five had the last line first.
  const path = await folder.write(
    "order.ndjson",
    [...Array.from({ length: 20 }, (_, i) => `{"n":${i}}`), '{"n":"x"}', '{"n":true}'].join("\n"),
  );
  for (let attempt = 0; attempt < 25; attempt++) {
    expect((await rowsOf(path)).map(({ n }) => n)).toEqual([...Array.from({ length: 20 }, (_, i) => i), "x", true]);
  }
});

it("a value of the wrong type is handed on as it is, to be counted by whoever reads the row", async () => {
  const good = Array.from({ length: 20 }, (_, i) => `{"n":${i}}`);
  const path = await folder.write("wrong.ndjson", [...good, '{"n":"x"}', '{"n":true}', '{"n":[1]}', "{}"].slice(0, 22).join("\n"));
  expect((await rowsOf(path)).slice(20).map(({ n }) => n)).toEqual(["x", true]);
});

it("lists and objects are themselves, and __proto__ is a field like any other", async () => {
  const path = await folder.write("nested.json", '[{"features":{"a":1},"l":[1,null],"__proto__":2}]');
  const [row] = await rowsOf(path);
  expect(Object.entries(row!)).toEqual([
    ["features", { a: 1 }],
    ["l", [1, null]],
    ["__proto__", 2],
  ]);
});

it("NaN and infinities are numbers", async () => {
  const path = await folder.copy("SELECT 'nan'::DOUBLE a, 'inf'::DOUBLE b, '-inf'::FLOAT c", "nan.parquet");
  expect(await rowsOf(path)).toEqual([{ a: Number.NaN, b: Number.POSITIVE_INFINITY, c: Number.NEGATIVE_INFINITY }]);
});

it("a time that would read as seconds is a Date", async () => {
  const path = await folder.copy("SELECT TIMESTAMP '1970-02-01' AS t", "seventies.parquet");
  expect(await rowsOf(path)).toEqual([{ t: new Date("1970-02-01T00:00:00Z") }]);
});

it("only the columns that are asked for are read", async () => {
  const path = await folder.write("some.csv", "a,b,c\n1,2,3\n");
  expect(await rowsOf(path, { columns: ["c", "a"] })).toEqual([{ c: 3, a: 1 }]);
});

it("a reader that stops early leaves nothing open", async () => {
  const path = await folder.copy("SELECT i FROM range(20000) x(i)", "early.parquet");
  for await (const batch of openRows(path)) {
    expect(batch.row(0)).toEqual({ i: 0 });
    break;
  }
  expect(await rowsOf(path)).toHaveLength(20_000);
});

it("an event time that the table lacks is said with the columns that it has", async () => {
  const path = await folder.write("no-time.csv", "a\n1\n");
  await expect(rowsOf(path, { orderBy: "timestamp" })).rejects.toMatchObject({
    code: "TABLE_COLUMN_MISSING",
    message: expect.stringContaining("timestamp"),
  });
});
