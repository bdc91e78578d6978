/** From files to a relation that SQL can read, and a plan for each of its columns. */

import { DriftdError } from "../lib/errors.ts";
import { readCsvHeader } from "./csv-header.ts";
import { type Database, literal } from "./database.ts";
import type { TableFiles } from "./files.ts";
import type { ColumnPlan, PlanOptions } from "./plan.ts";
import { planTyped } from "./typed.ts";
import { planUntyped } from "./untyped.ts";

/** Line ends as DuckDB's option spells them: with backslashes. */
const NEW_LINES = { "\n": "\\n", "\r": "\\r", "\r\n": "\\r\\n" } as const;

/**
 * Plans the columns of a table. Parquet is read in place; CSV and JSON become a temporary table of typed columns, which spills to disk. No plan
 * comes back for files without columns.
 */
export async function prepareTable(
  database: Database,
  files: TableFiles,
  options: PlanOptions,
): Promise<{ relation: string; plans: ColumnPlan[] }> {
  if (files.format === "parquet") return prepareParquet(database, files, options);
  const { relation, names } = files.format === "csv" ? await csvRelation(files) : await jsonRelation(database, files);
  const columns = names.map((name, i) => ({ name, sql: `c${i}` }));
  if (columns.length === 0) return { relation, plans: [] };
  const plans = await planUntyped(database, files.format, relation, columns, options);
  const selected = plans.flatMap((plan, i) => [`${plan.value} AS v${i}`, ...(plan.wrong === undefined ? [] : [`${plan.wrong} AS w${i}`])]);
  // Two threads that read one JSON file now and then store its last line first (DuckDB 1.5.5).
  if (options.ordered && files.format === "json") await database.run("SET threads = 1");
  await database.run(`CREATE TEMP TABLE loaded AS SELECT ${selected.join(", ")} FROM ${relation}`);
  return {
    relation: "loaded",
    plans: plans.map((plan, i) => ({ ...plan, value: `v${i}`, wrong: plan.wrong === undefined ? undefined : `w${i}` })),
  };
}

async function prepareParquet(
  database: Database,
  { files }: TableFiles,
  options: PlanOptions,
): Promise<{ relation: string; plans: ColumnPlan[] }> {
  const relation = `read_parquet([${files.map(literal).join(", ")}])`;
  const described = await database.describe(`SELECT * FROM ${relation}`);
  const names = await parquetNames(database, files[0]!);
  const columns = described.map(({ name, type }, i) => ({ name: names[i] ?? name, column: name, type }));
  return { relation, plans: await planTyped(database, relation, columns, options) };
}

/** The names of the columns as the file has them: DuckDB tells names apart without regard to case, and renames the second of `a` and `A`. */
async function parquetNames(database: Database, file: string): Promise<string[]> {
  const elements = await database.rows(`SELECT name, coalesce(num_children, 0) FROM parquet_schema(${literal(file)})`);
  // Depth first: the root, then each column followed by what is nested in it.
  const names: string[] = [];
  for (let at = 1; at < elements.length; ) {
    names.push(String(elements[at]![0]));
    for (let open = 1; open > 0 && at < elements.length; at++) open += Number(elements[at]![1]) - 1;
  }
  return names;
}

async function csvRelation(files: TableFiles): Promise<{ relation: string; names: readonly string[] }> {
  const headers = await Promise.all(files.files.map((file) => readCsvHeader(file, files.compression, files.delimiter)));
  const { names, delimiter, newLine } = headers[0]!;
  const other = headers.findIndex((header) => header.delimiter !== delimiter || header.names.join("\0") !== names.join("\0"));
  if (other > 0) {
    throw new DriftdError(
      "TABLE_COLUMNS_DIFFER",
      `${files.path}: the columns of ${files.files[other]} are not those of ${files.files[0]}`,
      {
        hint: "The files of one table have the same columns in the same order.",
      },
    );
  }
  const columns = names.map((_, i) => `'c${i}': 'VARCHAR'`).join(", ");
  return {
    names: uniqueNames(names),
    relation:
      `read_csv([${files.files.map(literal).join(", ")}], auto_detect = false, header = true, skip = 0, comment = '', nullstr = '', ` +
      `quote = '"', escape = '"', delim = ${literal(delimiter)}, compression = '${files.compression}', encoding = 'utf-8', ${newLine === undefined ? "" : `new_line = ${literal(NEW_LINES[newLine])}, `}columns = {${columns}})`,
  };
}

/** A CSV header may repeat a name or leave it empty: the second `x` becomes `x_2`, an empty one `column3`. */
function uniqueNames(names: readonly string[]): string[] {
  const seen = new Set<string>();
  return names.map((written, i) => {
    const base = written === "" ? `column${i + 1}` : written;
    let name = base;
    for (let n = 2; seen.has(name); n++) name = `${base}_${n}`;
    seen.add(name);
    return name;
  });
}

async function jsonRelation(database: Database, files: TableFiles): Promise<{ relation: string; names: string[] }> {
  const objects = `read_json_objects([${files.files.map(literal).join(", ")}], format = 'auto', compression = '${files.compression === "none" ? "uncompressed" : files.compression}')`;
  const others = await database.rows(`SELECT count(*) FROM ${objects} WHERE json_type(json) <> 'OBJECT'`);
  if (Number(others[0]![0]) > 0) {
    throw new DriftdError("TABLE_UNREADABLE", `${files.path}: ${others[0]![0]} of its values are no objects`, {
      hint: "Each line of NDJSON, and each member of a JSON array, is one row: an object of columns.",
    });
  }
  const first = (await database.rows(`SELECT unnest(json_keys(json)) FROM (SELECT json FROM ${objects} LIMIT 1)`)).map(([key]) =>
    String(key),
  );
  const all = await database.rows(`SELECT DISTINCT key FROM (SELECT unnest(json_keys(json)) AS key FROM ${objects}) ORDER BY key`);
  // Columns stand as in the first row; those that it lacks follow by name.
  const names = [...new Set([...first, ...all.map(([key]) => String(key))])];
  const pointers = names.map((name) => literal(`/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`));
  const fields = names.map((_, i) => `nullif(CAST(fields[${i + 1}] AS VARCHAR), 'null') AS c${i}`);
  return {
    names,
    relation: `(SELECT ${fields.join(", ")} FROM (SELECT json_extract(json, [${pointers.join(", ")}]) AS fields FROM ${objects}))`,
  };
}
