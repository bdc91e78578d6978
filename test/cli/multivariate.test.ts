/** Derived features at the command line: `reference build --pca --outliers`, `reference inspect`, `compare --multivariate`. */

import { beforeAll, describe, expect, it } from "vitest";
import { compareCommand } from "../../src/cli/compare.ts";
import { referenceCommand } from "../../src/cli/reference.ts";
import { loadSnapshot } from "../../src/reference/load.ts";
import { normal, seedRandom } from "../detection/random.ts";
import { tableFolder } from "../tables/folder.ts";

const folder = tableFolder();

async function run(command: typeof compareCommand, ...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let [out, err] = ["", ""];
  const code = await command(args, {
    stdout: (text) => {
      out += text;
    },
    stderr: (text) => {
      err += text;
    },
    isTTY: false,
    env: {},
    cwd: folder.path("."),
  });
  return { code, out, err };
}

const build = (...args: string[]) => run(referenceCommand, "build", "--input", "train.csv", ...args);
const compare = (...args: string[]) => run(compareCommand, "--format", "json", ...args);
type Document = { verdict: string; features: { feature: string; verdict: string; role?: string }[] };

/** Four columns of standard normal numbers of which the first two go together by `r`, and a time. */
function csv(seed: number, rows: number, r: number): string {
  const random = seedRandom(seed);
  const lines = Array.from({ length: rows }, (_, i) => {
    const [a, b, c, d] = [normal(random), normal(random), normal(random), normal(random)];
    return `${a},${r * a + Math.sqrt(1 - r * r) * b},${c},${d},c${i % 3},${new Date(Date.UTC(2026, 0, 1) + i * 600_000).toISOString()}`;
  });
  return `a,b,c,d,kind,at\n${lines.join("\n")}\n`;
}

beforeAll(async () => {
  await folder.write("train.csv", csv(1, 3000, 0.9));
  await folder.write("same.csv", csv(2, 2000, 0.9));
  await folder.write("apart.csv", csv(3, 2000, 0.3));
});

describe("reference build", () => {
  it("derives features by itself, says so, and their half hours sum to their counts", async () => {
    const { out } = await build("--output", "auto.json", "--timestamp", "at");
    expect(out).toMatch(/^auto\.json: 3,000 records, 5 features \(4 numeric, 1 categorical\), 5 derived from them\n/);
    const { features, calibration, derived } = await loadSnapshot(folder.path("auto.json"));
    expect(derived?.pca?.components).toHaveLength(3);
    for (const feature of features.filter(({ role }) => role === "derived")) {
      const slots = calibration!.slots[feature.feature]!;
      expect(slots).toHaveLength(calibration!.slots["a"]!.length);
      expect(slots.flat().reduce((sum, count) => sum + count, 0)).toBe(feature.count);
    }
  });

  it("gives the same derived features from CSV, NDJSON and Parquet", async () => {
    const query = `SELECT * FROM read_csv('${folder.path("train.csv")}')`;
    await folder.copy(query, "train.parquet");
    await folder.copy(query, "train.ndjson", "FORMAT json");
    const derivedOf = async (input: string) => {
      await run(referenceCommand, "build", "--input", input, "--output", "format.json", "--timestamp", "at");
      const { derived, features, calibration } = await loadSnapshot(folder.path("format.json"));
      return { derived, features, calibration };
    };
    const fromCsv = await derivedOf("train.csv");
    expect(await derivedOf("train.parquet")).toEqual(fromCsv);
    expect(await derivedOf("train.ndjson")).toEqual(fromCsv);
  });

  it("keeps as many scores as it is told, or none", async () => {
    await build("--output", "one.json", "--pca", "1", "--outliers", "off");
    expect((await loadSnapshot(folder.path("one.json"))).features.map(({ feature }) => feature).slice(5)).toEqual([
      "$pca_1",
      "$pca_residual",
    ]);
    await build("--output", "none.json", "--pca", "off", "--outliers", "off");
    expect((await loadSnapshot(folder.path("none.json"))).derived).toBeUndefined();
  });

  it.each(["0", "21", "many", "1.5"])("refuses --pca %s", async (scores) => {
    await expect(build("--output", "no.json", "--pca", scores)).rejects.toMatchObject({ code: "USAGE" });
  });
});

it("reference inspect shows the components and where the outlier score lies", async () => {
  await build("--output", "shown.json");
  const { out } = await run(referenceCommand, "inspect", "shown.json");
  expect(out).toMatch(/principal components: of 4 numeric features, found in [\d,]+ records/);
  // Two columns of correlation .9 make (1 + .9) / 4 of the variance.
  expect(out).toMatch(/ {2}\$pca_1 +4[78]\.\d % {2}0\.7\d [ab], 0\.7\d [ab], /);
  expect(out).toMatch(
    /outlier score: \$outlier, the mean rarity of the values of 5 features .*\n {2}50 % above 0\.\d\d, 10 % above 1\.\d\d, /,
  );
});

describe("compare", () => {
  it("judges columns alone, and finds nothing where only their correlation falls", async () => {
    const { code, out } = await compare("--reference", "train.csv", "--current", "apart.csv", "--timestamp", "at");
    const { features } = JSON.parse(out) as Document;
    expect([code, features.map(({ feature }) => feature)]).toEqual([0, ["a", "b", "c", "d", "kind"]]);
  });

  it("--multivariate finds it, and says which features are derived", async () => {
    const { code, out } = await compare("--reference", "train.csv", "--current", "apart.csv", "--timestamp", "at", "--multivariate");
    const { features } = JSON.parse(out) as Document;
    expect(code).toBe(1);
    expect(features.filter(({ verdict }) => verdict === "drift").map(({ feature }) => feature)).toContain("$pca_residual");
    expect(features.filter(({ role }) => role === "derived").map(({ feature }) => feature)).toEqual([
      "$pca_1",
      "$pca_2",
      "$pca_3",
      "$pca_residual",
      "$outlier",
    ]);
    expect((await compare("--reference", "train.csv", "--current", "same.csv", "--timestamp", "at", "--multivariate")).code).toBe(0);
  });

  it("takes the derived features of a snapshot only when asked to", async () => {
    await build("--output", "snap.json");
    const names = async (...more: string[]) => {
      const { out } = await compare("--reference", "snap.json", "--current", "apart.csv", ...more);
      return (JSON.parse(out) as Document).features.map(({ feature }) => feature);
    };
    expect(await names()).toEqual(["a", "b", "c", "d", "kind"]);
    expect(await names("--multivariate")).toContain("$pca_residual");
  });

  it("--multivariate of a snapshot without derived features, or of a table of two numbers, says what to do", async () => {
    await build("--output", "plain.json", "--pca", "off", "--outliers", "off");
    await expect(compare("--reference", "plain.json", "--current", "same.csv", "--multivariate")).rejects.toMatchObject({
      code: "REFERENCE_DERIVED",
      hint: expect.stringContaining("--pca on"),
    });
    await folder.write("two.csv", `x,y\n${"1,2\n3,5\n2,1\n".repeat(30)}`);
    await expect(compare("--reference", "two.csv", "--current", "two.csv", "--multivariate")).rejects.toMatchObject({
      code: "REFERENCE_DERIVED",
    });
  });
});
