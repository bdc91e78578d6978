/**
 * 50,000 features of 256 bins judged once, all verdicts, in CPU seconds: 50 models of 1,000 features each, through `evaluateWindow`. What the
 * first look at a feature prepares and keeps is measured apart. Against a plain sum over the same counts.
 */

import { prepareReference } from "../../src/evaluate/calibrate.ts";
import { evaluateWindow } from "../../src/evaluate/evaluate.ts";
import type { WindowCounts } from "../../src/evaluate/evaluation.ts";
import { DEFAULT_POLICY, type Policy } from "../../src/evaluate/policy.ts";
import { rowLayoutOf } from "../../src/reference/compile.ts";
import { cpuSeconds, type Figure, median, report } from "./figure.ts";
import { longestTurn } from "./loop-watch.ts";
import { createRandom } from "./records.ts";
import { hourOf, wideSnapshot } from "./wide.ts";

const FEATURES = 1_000;
const WINDOWS = 50;
const RECORDS = 3_000;
const ROUNDS = 9;
const OTHER_SIZES = [0.8, 1.3, 1.6];
/** One window: what is judged is 50,000 features, not three times as many. */
const policy: Policy = { ...DEFAULT_POLICY, windows: [{ name: "1h", lengthMs: 3_600_000 }] };

const random = createRandom(3);
const figures: Figure[] = [];
// Half hours of two weeks take a millisecond a feature to prepare, so fewer calibrated models are judged by turns.
for (const { calibrated, models } of [
  { calibrated: false, models: 50 },
  { calibrated: true, models: 5 },
]) {
  const prepared = Array.from({ length: models }, (_, i) => prepareReference(wideSnapshot(`m${i}`, FEATURES, calibrated), policy));
  const windows = Array.from({ length: WINDOWS }, (_, i) => {
    const reference = prepared[i % models]!;
    return { reference, counts: hourOf(reference.snapshot.model, rowLayoutOf(reference.snapshot.features), RECORDS, random) };
  });
  const firstBegan = cpuSeconds();
  const turns: number[] = [];
  for (const { reference, counts } of windows.slice(0, models)) {
    const { heldMs } = await longestTurn(async () => {
      await reference.readyFor(0);
      evaluateWindow(counts, reference);
    });
    turns.push(heldMs);
  }
  const firstMs = ((cpuSeconds() - firstBegan) * 1e3) / (models * FEATURES);

  // A limit is kept for each size of a window, to 5 %: traffic of another strength asks for new ones.
  const fresh: number[] = [];
  for (const factor of OTHER_SIZES) {
    const others = windows.map(({ reference, counts: { layout } }) => ({
      reference,
      counts: hourOf(reference.snapshot.model, layout, RECORDS * factor, random),
    }));
    const before = cpuSeconds();
    for (const { reference, counts } of others) evaluateWindow(counts, reference);
    fresh.push(cpuSeconds() - before);
  }

  const judging: number[] = [];
  const summing: number[] = [];
  let drifted = 0;
  let total = 0;
  for (let round = 0; round <= ROUNDS; round++) {
    let before = cpuSeconds();
    for (const { reference, counts } of windows) if (evaluateWindow(counts, reference).verdict === "drift") drifted++;
    if (round > 0) judging.push(cpuSeconds() - before);
    before = cpuSeconds();
    for (const { counts } of windows) total += sum(counts.counts);
    if (round > 0) summing.push(cpuSeconds() - before);
  }
  if (total !== WINDOWS * FEATURES * RECORDS * (ROUNDS + 1)) throw new Error("the counts are not what they should be");
  figures.push({
    figure: `50,000 features judged, ${calibrated ? "calibrated on two weeks" : "not calibrated"}`,
    unit: "s of CPU",
    value: median(judging),
    baseline: { what: "a plain sum of the counts", value: median(summing) },
    target: { of: "value", most: 0.3 },
    note: `at sizes of a window not seen before ${median(fresh).toFixed(2)} s; the first look costs ${firstMs.toFixed(2)} ms a feature, its longest turn ${median(turns).toFixed(1)} ms; ${drifted} of ${WINDOWS * (ROUNDS + 1)} windows drifted`,
  });
}
report(figures);

function sum(counts: WindowCounts["counts"]): number {
  let total = 0;
  for (let i = 0; i < counts.length; i++) total += counts[i]!;
  return total;
}
