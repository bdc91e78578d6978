import { expect, it } from "vitest";
import { referenceCommand } from "../../src/cli/reference.ts";
import { loadSnapshot } from "../../src/reference/load.ts";
import { tableFolder } from "../tables/folder.ts";

const folder = tableFolder();

async function run(args: readonly string[], isTTY = false): Promise<{ code: number; out: string; err: string }> {
  let out = "";
  let err = "";
  const code = await referenceCommand([...args], {
    stdout: (text) => {
      out += text;
    },
    stderr: (text) => {
      err += text;
    },
    isTTY,
    env: {},
    cwd: folder.path("."),
  });
  return { code, out, err };
}

const rows = Array.from(
  { length: 60 },
  (_, i) => `${i},${(i * 7) % 30},${i % 9 === 0 ? "NA" : `c${i % 3}`},2026-01-0${1 + (i % 5)}T10:00:00Z\n`,
).join("");

it("build writes a snapshot named after its model and says what it left out", async () => {
  await folder.write("train.csv", `order_id,amount,city,at\n${rows}`);
  const { code, out, err } = await run([
    ...["build", "--input", "train.csv", "--output", "fraud.reference.json", "--version", "7", "--timestamp", "at"],
    ...["--null-values", "NA", "--categorical", "amount", "--from", "2026-01-02", "--to", "2026-01-05T00:00"],
  ]);
  expect(code).toBe(0);
  expect(out).toMatch(/^fraud\.reference\.json: 36 records, 2 features \(0 numeric, 2 categorical\)\nsha256:/);
  expect(err).toContain("left out: order_id (unique_values)\nleft out: at (timestamp)\n");
  expect(err).toContain("warning: 3 calendar days");
  expect(await loadSnapshot(folder.path("fraud.reference.json"))).toMatchObject({
    model: "fraud",
    version: "7",
    records: 36,
    time: { from: "2026-01-02T10:00:00Z", to: "2026-01-04T10:00:00Z" },
    provenance: { source: "train.csv" },
    features: [
      { feature: "amount", kind: "categorical" },
      { feature: "city", missing: 3 },
    ],
  });
});

it("inspect shows what build wrote", async () => {
  await folder.write("small.csv", `x\n${"1\n2\n2\n".repeat(20)}`);
  await run(["build", "--input", "small.csv", "--output", "small.json.gz", "--model", "m"]);
  const { code, out } = await run(["inspect", "small.json.gz"]);
  expect(code).toBe(0);
  expect(out).toMatch(/x: numeric, 60 values[\s\S]*2 +66\.7 % █{30}\n/);
});

it("a name that would steer the terminal is printed harmless", async () => {
  await folder.write("escape.csv", `"\u001b[31mred"\n${"1\n2\n".repeat(20)}`);
  await run(["build", "--input", "escape.csv", "--output", "escape.json"]);
  expect((await run(["inspect", "escape.json"])).out).not.toContain("\u001b");
});

it("progress is drawn on a terminal only", async () => {
  await folder.write("progress.csv", `x,c\n${"1,a\n2,b\n".repeat(20)}`);
  const args = ["build", "--input", "progress.csv", "--output", "progress.json"];
  expect((await run(args)).err).not.toContain("\r");
  expect((await run(args, true)).err).toMatch(/\rnumeric features +\[#{24}\]/);
});

it.each<[string, string[], string]>([
  ["no action", [], "USAGE"],
  ["an unknown action", ["make"], "USAGE"],
  ["no output", ["build", "--input", "train.csv"], "USAGE"],
  ["a time that is none", ["build", "--input", "train.csv", "--output", "x.json", "--from", "soon"], "USAGE"],
  ["an input that is not there", ["build", "--input", "nope.csv", "--output", "x.json"], "TABLE_NOT_FOUND"],
  ["an output that cannot be written", ["build", "--input", "small.csv", "--output", "none/x.json"], "REFERENCE_UNWRITABLE"],
  ["a snapshot that is not there", ["inspect", "nope.json"], "REFERENCE_NOT_FOUND"],
])("%s is an error that says what to do", async (_, args, code) => {
  await expect(run(args)).rejects.toMatchObject({ code, hint: expect.stringMatching(/./) });
});

it("--help explains both", async () => {
  expect((await run(["--help"])).out).toContain("driftd reference inspect FILE");
  expect((await run(["build", "--help"])).out).toContain("--null-values A,B");
});
