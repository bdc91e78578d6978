import { describe, expect, it } from "vitest";
import { drawShape, drawTable, paint, type Row } from "../../src/cli/compare-table.ts";

const rows: readonly Row[] = [
  { cells: ["column", "verdict", "PSI", "reference", "why"], tone: "plain" },
  {
    cells: ["a rather long name of a column", "DRIFT critical", "0.31", "5,000", "distribution has shifted; missing 3 % -> 9 %"],
    tone: "critical",
  },
  { cells: ["b\u001b[31m", "no drift", "0", "5,000", "within noise"], tone: "fine" },
];
const plain = { colour: false };
const lines = (text: string) => text.split("\n").slice(0, -1);

describe("a table", () => {
  it("is as wide as it takes where nobody says how wide", () => {
    expect(lines(drawTable(rows, [3], plain))).toEqual([
      "column                          verdict         PSI   reference  why",
      "a rather long name of a column  DRIFT critical  0.31  5,000      distribution has shifted; missing 3 % -> 9 %",
      "b\\u{1b}[31m                     no drift        0     5,000      within noise",
    ]);
  });

  it.each([
    [100, "distribution has shifted; missing …", true, false],
    [77, "distributio…", true, false],
    [66, "distributio…", false, false],
    [60, "distributio…", false, true],
  ])("of %d characters is cut from the right, then loses columns, then names", (width, why, hasCount, cutName) => {
    const drawn = lines(drawTable(rows, [3], { ...plain, width }));
    for (const line of drawn) expect(line.length).toBeLessThanOrEqual(width);
    expect(drawn[1]!.endsWith(why)).toBe(true);
    expect(drawn[0]!.includes("reference")).toBe(hasCount);
    expect(drawn[1]!.startsWith("a rather long name of a column")).toBe(!cutName);
  });

  it("colours the verdict only, behind which the columns stay in line", () => {
    const drawn = lines(drawTable(rows, [], { colour: true }));
    expect(drawn[1]).toContain("\u001b[31mDRIFT critical\u001b[0m  0.31");
    expect(drawn[2]).toContain("\u001b[32mno drift\u001b[0m        0   ");
    expect(drawn[0]).not.toContain("\u001b");
  });
});

it("a tone without a colour is left alone", () => {
  expect(paint("cannot tell", "plain", { colour: true })).toBe("cannot tell");
  expect(paint("DRIFT", "critical", plain)).toBe("DRIFT");
});

describe("a shape", () => {
  const shape = { feature: "x", labels: ["1", "2", "3", "out_of_range"], regular: 3, reference: [10, 80, 10, 0], current: [50, 25, 24, 1] };

  it("has a block for each bin, both sides on one scale, and a dot where nothing is", () => {
    expect(lines(drawShape(shape, plain))).toEqual(["x  1 … 3, out_of_range", "  reference  ▂█▂·", "  current    ▆▃▃▁"]);
  });

  it("shows as many bins as fit", () => {
    expect(lines(drawShape(shape, { ...plain, width: 16 }))).toEqual(["x  1 … 3, out_o…", "  reference  ▂█…", "  current    ▆▃…"]);
  });

  it("of an empty side is all dots, and steers no terminal", () => {
    expect(lines(drawShape({ ...shape, feature: "\u001b", current: [0, 0, 0, 0] }, plain))).toEqual([
      "\\u{1b}  1 … 3, out_of_range",
      "  reference  ▂█▂·",
      "  current    ····",
    ]);
  });
});
