import { expect, it } from "vitest";
import { openTable } from "../../src/tables/open.ts";
import { tableFolder } from "./folder.ts";

const folder = tableFolder();

/** The codes of column `c`, in the order of the numbers beside them: rows come in no order. */
async function codes(path: string, categories: readonly string[]): Promise<number[]> {
  const table = await openTable(path, { kinds: new Map([["c", "text"]]) });
  try {
    const rows: [number, number][] = [];
    await table.scan({ columns: ["n", "c"], codes: new Map([["c", categories]]) }, ({ rows: count, columns: [n, c] }) => {
      if (!("values" in n!) || !("values" in c!)) throw new Error("both are read as numbers");
      for (let i = 0; i < count; i++) rows.push([n.values[i]!, c.values[i]!]);
    });
    return rows.sort(([a], [b]) => a - b).map(([, code]) => code);
  } finally {
    await table.close();
  }
}

it("text is read as the places of its categories: −1 for another, −2 for none, quotes and all", async () => {
  const categories = ["a'b", "c", "d,e"];
  const csv = await folder.write("codes.csv", 'n,c\n1,c\n2,\n3,a\'b\n4,new\n5,"d,e"\n');
  const ndjson = await folder.write(
    "codes.ndjson",
    '{"n":1,"c":"c"}\n{"n":2,"c":null}\n{"n":3,"c":"a\'b"}\n{"n":4,"c":"new"}\n{"n":5,"c":"d,e"}\n',
  );
  const parquet = await folder.copy("SELECT i AS n, ['c', NULL, 'a''b', 'new', 'd,e'][i] AS c FROM range(1, 6) t(i)", "codes.parquet");
  for (const path of [csv, ndjson, parquet]) expect(await codes(path, categories)).toEqual([1, -2, 0, -1, 2]);
});

it("a number that is a category is the same however it is written", async () => {
  expect(await codes(await folder.write("numbers.csv", "n,c\n1,1.0\n2,2\n3,2.50\n4,7\n"), ["1", "2", "2.5"])).toEqual([0, 1, 2, -1]);
  expect(await codes(await folder.copy("SELECT i AS n, i / 2 AS c FROM range(1, 5) t(i)", "numbers.parquet"), ["0.5", "1", "2"])).toEqual([
    0, 1, -1, 2,
  ]);
});

it("no category at all leaves every text unseen", async () => {
  expect(await codes(await folder.write("none.csv", "n,c\n1,x\n2,y\n"), [])).toEqual([-1, -1]);
});
