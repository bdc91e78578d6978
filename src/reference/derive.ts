/**
 * Finds the derived features of a reference in its data: the components of its numeric inputs, the scores of every row, the outlier score. One
 * more scan of the table; what it gives is kept in 16 bits an input, and a table too long for that is scanned again for each step.
 *
 * All sums are of whole numbers, so neither threads nor the order of rows change a bit of the snapshot.
 */

import { DriftdError } from "../lib/errors.ts";
import type { Table, TimeFilter } from "../tables/table.ts";
import { padEdges } from "./bins.ts";
import { bySlot, type HalfHours, halfHourOfRows, SLOT_SECONDS, tallyOf } from "./calibration.ts";
import { coarseOfNumeric, coarsePlan } from "./coarse.ts";
import { featureLayoutHash } from "./compile.ts";
import { createProjector, definitionOf, INPUT_STEPS, NO_STEP, namesOf, OUTLIER, RESIDUAL, rarityTable, STEPS } from "./derived.ts";
import { columnsOf, createDerivedBlocks, type DerivedBlock, type DerivedSource, deriveBlock } from "./derived-block.ts";
import type { BuildProgress, BuiltFeature } from "./features.ts";
import { tailOf } from "./outlier-tail.ts";
import { createProductSums, INPUTS_AUTO_MAX, INPUTS_MAX, INPUTS_MIN, type PcaInput, pcaInputs, SCORES_AUTO_MAX } from "./pca.ts";
import { rarityOf } from "./rarity.ts";
import type { Calibration, Derived, NumericFeature, SnapshotFeature } from "./snapshot.ts";
import { COUNTS, createSplit, FITS } from "./split.ts";
import { createStepHistogram, type StepHistogram } from "./step-histogram.ts";
import { createPass } from "./summary.ts";

/** `auto`: where there are three numeric features or more, and at most 200. A number: so many scores. */
export type PcaWanted = "auto" | "on" | "off" | number;
export type OutliersWanted = "auto" | "on" | "off";

/** Scores that may be asked for. */
export const SCORES_MAX = 20;
/** Rows are kept up to so many bytes, with their inputs and what was computed of them: three million rows of 25 features. */
const KEPT_BYTES = 256 * 1024 * 1024;
/** Where fewer of the rows have every input, scores would say little about the records. */
const COMPLETE_MIN = 0.5;
/** Of fewer records for each input the components would be chance. */
const RECORDS_PER_INPUT = 5;
/** A record needs this share of the features to have an outlier score: the mean of few is far out by chance alone. */
const PRESENT_MIN = 0.5;
const SLOT_MS = SLOT_SECONDS * 1000;
/** A row without an event time. */
const NO_SLOT = -0x80000000;

export type DeriveOptions = {
  readonly pca: PcaWanted;
  readonly outliers: OutliersWanted;
  /** Rows of the table within the filter. */
  readonly rows: number;
  readonly bins: number;
  readonly filter: TimeFilter | undefined;
  /** The column of event time; undefined: the reference has none. */
  readonly timestamp: string | undefined;
  /** The half hours to calibrate on, undefined: there are none. What is read here is counted by half hour in passing. */
  readonly halfHours: HalfHours | undefined;
  readonly onProgress: (progress: BuildProgress) => void;
};

export type DerivedFeatures = {
  readonly derived: Derived;
  readonly features: readonly NumericFeature[];
  /** Half hours of the derived features, to stand beside those of the others. */
  readonly slots: Calibration["slots"];
};

/** What was decided before the data are looked at. */
type Plan = {
  readonly inputs: readonly PcaInput[];
  readonly scores: number | "auto";
  /** Features of the outlier score; none: there is none. */
  readonly judged: readonly SnapshotFeature[];
  readonly least: number;
};

/**
 * Derives features; undefined when none is wanted or, with `auto`, none can be. What the user should know is added to `warnings`. Throws
 * `REFERENCE_DERIVED` when something that was asked for cannot be.
 */
export async function deriveFeatures(
  table: Table,
  built: readonly BuiltFeature[],
  options: DeriveOptions,
  warnings: string[],
): Promise<DerivedFeatures | undefined> {
  const features = built.map(({ feature }) => feature);
  const plan = planOf(features, options, warnings);
  if (plan.inputs.length === 0 && plan.judged.length === 0) return undefined;
  const blocks = openBlocks(table, built, plan, options);
  const derived = await definitionIn(blocks, plan, options, warnings);
  const names = namesOf(derived);
  if (names.length === 0) return undefined;

  const valuesOf = createValues(derived);
  const histograms = names.map(createStepHistogram);
  let counted = 0;
  await blocks((block) => {
    const values = valuesOf(block);
    for (let i = 0; i < block.rows; i++) if ((block.parts[i]! & COUNTS) !== 0) counted++;
    for (const [c, histogram] of histograms.entries()) histogram.add(values, c, names.length, block.parts, COUNTS);
  });
  const made = names.flatMap((name, c) => {
    const histogram = histograms[c]!.read();
    return histogram.total === 0 ? [] : [{ at: c, histogram, feature: featureOf(name, derived, histogram, counted, options.bins) }];
  });
  const { pca, outlier } = derived;
  const has = (name: string): boolean => made.some(({ feature }) => feature.feature === name);
  const kept: Derived = {
    ...(pca !== undefined && has(RESIDUAL) ? { pca } : {}),
    ...(outlier !== undefined && has(OUTLIER) ? { outlier: { ...outlier, tail: tailOf(made.at(-1)!.histogram) } } : {}),
  };
  if (made.length === 0) return undefined;
  const slots = await slotsOf(made, names.length, blocks, valuesOf, options);
  return { derived: kept, features: made.map(({ feature }) => feature), slots };
}

/** Components and rarities of the rows that fit. */
async function definitionIn(blocks: Blocks, plan: Plan, options: DeriveOptions, warnings: string[]): Promise<Derived> {
  const { inputs, judged, least, scores } = plan;
  const sums = createProductSums(inputs.length, options.rows / 3);
  const counts = judged.map((feature) => new Uint32Array(feature.counts.length + 1));
  let fitting = 0;
  await blocks((block) => {
    if (inputs.length > 0) sums.add(block.steps, block.rows, block.parts);
    for (let i = 0; i < block.rows; i++) {
      if ((block.parts[i]! & FITS) === 0) continue;
      fitting++;
      for (let j = 0, at = i * judged.length; j < judged.length; j++, at++) {
        const bin = block.bins[at]!;
        if (bin >= 0) counts[j]![bin]! += 1;
      }
    }
  });
  const rarity = fitting === 0 ? [] : judged.map((feature, j) => rarityOf(feature, counts[j]!.subarray(0, -1), counts[j]!.at(-1)!));
  return {
    ...(inputs.length > 0 && isEnough(sums.count(), fitting, options, plan, warnings) ? { pca: sums.fit(inputs, scores) } : {}),
    ...(rarity.length === 0 ? {} : { outlier: { rarity, least, tail: [] } }),
  };
}

function planOf(features: readonly SnapshotFeature[], options: DeriveOptions, warnings: string[]): Plan {
  const { pca, outliers } = options;
  const judged = features.filter(({ role }) => role === "feature");
  const numeric = judged.filter(({ kind }) => kind === "numeric").length;
  const inputs = pca === "off" ? [] : pcaInputs(features);
  const few = (what: string, flag: string, least: string): never => {
    throw new DriftdError("REFERENCE_DERIVED", `${what}: there are fewer than ${INPUTS_MIN} ${least}`, {
      hint: `Leave ${flag} out.`,
    });
  };
  if (pca !== "off" && pca !== "auto") {
    if (inputs.length < INPUTS_MIN) few("principal components", "--pca", "numeric features that vary and are in 95 % of the records");
    if (inputs.length > INPUTS_MAX) {
      throw new DriftdError("REFERENCE_DERIVED", `principal components: ${inputs.length} numeric features are more than ${INPUTS_MAX}`, {
        hint: "Leave --pca out, or exclude features.",
      });
    }
  }
  if (outliers === "on" && judged.length < INPUTS_MIN) few("outlier scores", "--outliers", "features");
  const tooMany = pca === "auto" && inputs.length > INPUTS_AUTO_MAX;
  if (tooMany) {
    warnings.push(
      `${inputs.length} numeric features are more than ${INPUTS_AUTO_MAX}: no principal components are made of them; --pca on makes them all the same`,
    );
  }
  const noOutliers = outliers === "auto" && numeric >= INPUTS_MIN && judged.length > INPUTS_AUTO_MAX;
  if (noOutliers)
    warnings.push(`${judged.length} features are more than ${INPUTS_AUTO_MAX}: no outlier score is made of them; --outliers on makes it`);
  const withOutliers = outliers === "on" || (outliers === "auto" && numeric >= INPUTS_MIN && !noOutliers);
  return {
    inputs: inputs.length < INPUTS_MIN || tooMany ? [] : inputs,
    scores: typeof pca === "number" ? pca : "auto",
    judged: withOutliers ? judged : [],
    least: Math.ceil(PRESENT_MIN * judged.length),
  };
}

function isEnough(complete: number, fitting: number, { pca }: DeriveOptions, { inputs }: Plan, warnings: string[]): boolean {
  let fact = "";
  if (complete < COMPLETE_MIN * fitting) {
    const share = `${Math.round((100 * complete) / Math.max(1, fitting))} %`;
    fact = `only ${share} of the records have all of the ${inputs.length} numeric features that are seldom missing`;
  } else if (complete < RECORDS_PER_INPUT * inputs.length) {
    fact = `a third of the records, ${complete}, is too few for ${inputs.length} numeric features`;
  } else return true;
  if (pca !== "auto") {
    throw new DriftdError("REFERENCE_DERIVED", `principal components: ${fact}`, { hint: "Leave --pca out, or exclude features." });
  }
  warnings.push(`no principal components are made: ${fact}`);
  return false;
}

/** A block with the half hour of each row, counted from the epoch, and what the row is for. */
type TimedBlock = DerivedBlock & { readonly slots: Int32Array; readonly parts: Uint8Array };
type Blocks = (visit: (block: TimedBlock) => void) => Promise<void>;

/** Hands on all rows as often as it is called: kept from the first scan, or scanned again where they are too many. */
function openBlocks(table: Table, built: readonly BuiltFeature[], { inputs, judged }: Plan, options: DeriveOptions): Blocks {
  const { rows, filter, timestamp, halfHours, onProgress } = options;
  const placeOf = new Map(inputs.map(({ feature }, place) => [feature, place]));
  const rareOf = new Map(judged.map(({ feature }, place) => [feature, place]));
  const width = { inputs: inputs.length, rarities: judged.length };
  const sources = built.flatMap(({ column, feature }): DerivedSource[] => {
    const place = placeOf.get(feature.feature);
    const input = place === undefined ? undefined : inputs[place];
    const rare = rareOf.get(feature.feature) ?? -1;
    if (input === undefined && rare < 0) return [];
    const numeric = feature.kind === "numeric";
    return [
      {
        column,
        categories: numeric ? undefined : feature.categories,
        edges: numeric ? padEdges(feature.edges) : new Float64Array(0),
        bins: feature.counts.length,
        float32: numeric && feature.round === "float32",
        input: input && { place: place!, center: input.center, perUnit: INPUT_STEPS / input.scale },
        rare,
        halfHours: halfHours && tallyOf(halfHours, feature),
      },
    ];
  });
  const keeps = rows * (2 * (inputs.length + judged.length) + 5 + 4 * (SCORES_AUTO_MAX + 2)) <= KEPT_BYTES;
  let kept: TimedBlock[] | undefined;

  let scanned = false;

  async function scan(visit: (block: TimedBlock) => void): Promise<void> {
    const counts = halfHours !== undefined && !scanned;
    scanned = true;
    const fill = createDerivedBlocks(counts ? sources : sources.map((source) => ({ ...source, halfHours: undefined })), width);
    const split = createSplit(rows, width);
    const parts = new Uint8Array(4096);
    const slots = new Int32Array(4096).fill(NO_SLOT);
    const halfHourOf = new Int32Array(4096);
    let read = 0;
    await table.scan(
      {
        ...columnsOf(sources),
        ...(filter === undefined ? {} : { filter }),
        ...(timestamp === undefined ? {} : { time: timestamp }),
      },
      (chunk) => {
        const { timeMs } = chunk;
        if (timeMs !== undefined) for (let i = 0; i < chunk.rows; i++) slots[i] = slotOf(timeMs[i]!);
        if (counts && timeMs !== undefined) halfHourOfRows(halfHours, timeMs, chunk.rows, halfHourOf);
        const block = fill(chunk, halfHourOf);
        split(block, slots, parts);
        visit({ ...block, slots, parts });
        read += chunk.rows;
        onProgress({ stage: "derived", done: read, total: rows });
      },
    );
  }

  return async (visit) => {
    if (kept !== undefined) return kept.forEach(visit);
    if (!keeps) return scan(visit);
    const all: TimedBlock[] = [];
    await scan(({ rows: n, steps, bins, slots, parts }) => {
      const { inputs: i, rarities: r } = width;
      all.push({ rows: n, steps: steps.slice(0, n * i), bins: bins.slice(0, n * r), slots: slots.slice(0, n), parts: parts.slice(0, n) });
    });
    kept = all;
    kept.forEach(visit);
  };
}

function slotOf(timeMs: number): number {
  const slot = Math.floor(timeMs / SLOT_MS);
  return Math.abs(slot) < 0x7fffffff ? slot : NO_SLOT;
}

/** The derived values of blocks; those of a kept block are kept. */
function createValues(derived: Derived): (block: DerivedBlock) => Int32Array {
  const projector = derived.pca === undefined ? undefined : createProjector(derived.pca);
  const table = derived.outlier && rarityTable(derived.outlier);
  const known = new WeakMap<DerivedBlock, Int32Array>();
  return (block) => {
    let values = known.get(block);
    if (values === undefined) {
      values = deriveBlock(block, projector, table);
      known.set(block, values);
    }
    return values;
  };
}

type Histogram = ReturnType<StepHistogram["read"]>;

/** The feature of a histogram, of `rows` records with or without a value. */
function featureOf(
  name: string,
  derived: Derived,
  { counts: ofStep, first, total: count }: Histogram,
  rows: number,
  bins: number,
): NumericFeature {
  let filled = 0;
  for (let i = 0; i < ofStep.length; i++) if (ofStep[i]! > 0) filled++;
  const values = new Float64Array(filled);
  const counts = new Float64Array(filled);
  filled = 0;
  for (let i = 0; i < ofStep.length; i++) {
    if (ofStep[i] === 0) continue;
    values[filled] = (i + first) / STEPS;
    counts[filled++] = ofStep[i]!;
  }
  const pass = createPass(count, bins);
  pass.add(values, counts);
  const { fine, moments } = pass.finish();
  const definition = definitionOf(derived, name)!;
  const kind = "numeric" as const;
  return {
    ...{
      feature: name,
      kind,
      role: "derived",
      count,
      missing: rows - count,
      nan: 0,
      positive_infinity: 0,
      negative_infinity: 0,
      wrong_type: 0,
    },
    round: null,
    layout: featureLayoutHash({ kind, edges: fine!.edges, round: null, definition }),
    edges: fine!.edges,
    counts: fine!.counts,
    coarse: coarseOfNumeric(fine!),
    moments,
    means: fine!.means,
    definition,
  };
}

type Made = { readonly at: number; readonly histogram: Histogram; readonly feature: NumericFeature };

async function slotsOf(
  made: readonly Made[],
  width: number,
  blocks: Blocks,
  valuesOf: ReturnType<typeof createValues>,
  { halfHours }: DeriveOptions,
): Promise<Calibration["slots"]> {
  if (halfHours === undefined) return {};
  const { first: from, slots } = halfHours;
  const counted = made.map(({ at, histogram, feature }) => {
    const { size } = coarsePlan(feature);
    return { at, first: histogram.first, coarse: coarseBySteps(feature, histogram), size, counts: new Uint32Array(slots * size) };
  });
  await blocks((block) => {
    const values = valuesOf(block);
    for (const { at: place, first, coarse, size, counts } of counted) {
      for (let i = 0, at = place; i < block.rows; i++, at += width) {
        const slot = block.slots[i]! - from;
        if (slot < 0 || slot >= slots || (block.parts[i]! & COUNTS) === 0) continue;
        if (values[at] !== NO_STEP) counts[slot * size + coarse[values[at]! - first]!]! += 1;
      }
    }
  });
  return Object.fromEntries(made.map(({ feature }, c) => [feature.feature, bySlot(counted[c]!, slots)]));
}

/** The coarse bin of every step of the histogram: a look-up where a million searches would take a second. */
function coarseBySteps({ edges, coarse }: NumericFeature, { counts, first }: Histogram): Uint8Array {
  const out = new Uint8Array(counts.length);
  let from = 0;
  for (let j = 0; j < coarse.length; j++) {
    // Steps up to the bin's upper edge.
    const to = j < edges.length ? Math.floor(edges[j]! * STEPS) - first + 1 : out.length;
    out.fill(coarse[j]!, from, to);
    from = Math.max(from, to);
  }
  return out;
}
