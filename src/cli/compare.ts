/**
 * `driftd compare`: two tables, one look, no daemon. The reference becomes a snapshot (or is one), the other table is counted into its layout,
 * and the daemon's own evaluation judges the counts as one window.
 */

import { resolve } from "node:path";
import { prepareReference } from "../evaluate/calibrate.ts";
import { evaluateWindow } from "../evaluate/evaluate.ts";
import type { WindowCounts } from "../evaluate/evaluation.ts";
import { COMPARE_WINDOW, type Compat, comparePolicy } from "../evaluate/policy.ts";
import { DriftdError } from "../lib/errors.ts";
import { readVersion } from "../lib/version.ts";
import { buildSnapshot } from "../reference/build.ts";
import { coarseCounts, coarseLabels, coarsePlan, referenceCoarse } from "../reference/coarse.ts";
import { columnOf, compileLayout, featureOf } from "../reference/compile.ts";
import { countTable } from "../reference/count.ts";
import { withoutDerived } from "../reference/derived.ts";
import { isSnapshotFile, loadSnapshot } from "../reference/load.ts";
import type { Snapshot } from "../reference/snapshot.ts";
import { type CommandSpec, exitCodes, helpText, type Io, type ParsedArgs, parseArgs } from "./args.ts";
import { printable } from "./columns.ts";
import { compareHtml } from "./compare-html.ts";
import { withDegraded } from "./compare-notes.ts";
import { compareFlags, compatOf, keptBins, reaches } from "./compare-options.ts";
import { type CompareDocument, compareText, ranked, type SkippedColumn } from "./compare-report.ts";
import type { Shape, View } from "./compare-table.ts";

const spec: CommandSpec = {
  name: "compare",
  description:
    "Compares two tables once and says for each column whether its distribution has changed.\nReads CSV, TSV, NDJSON, JSON and Parquet, text also with gzip or zstd, and quoted globs. The reference may be a snapshot.\nExit code: 0 no drift (or less than --fail-on), 1 drift, 2 it could not be done, 3 too little data to tell.",
  flags: {
    reference: { value: "DATA", description: "The data to compare with, or a reference snapshot.", required: true },
    current: { value: "DATA", description: "The data to judge.", required: true },
    format: { value: "FORMAT", description: "How to answer.", choices: ["text", "json", "html"], default: "text" },
    exclude: { value: "A,B", description: "Columns to leave out." },
    categorical: { value: "A,B", description: "Columns to take as categories though they hold numbers." },
    timestamp: { value: "COLUMN", description: "The event time: not judged." },
    "false-alarm": { value: "SHARE", description: "The chance that healthy data is called drift, over all columns.", default: "0.01" },
    "null-values": { value: "A,B", description: "Texts that mean a missing value, beside the empty field." },
    ...compareFlags,
    multivariate: { description: "Judge what is computed from several columns, too: principal components and the outlier score." },
  },
};

/** Runs the command; resolves to the exit code. Rejects with `USAGE`, `TABLE_*` and `REFERENCE_*` errors for what the user can mend. */
export async function compareCommand(args: string[], io: Io): Promise<number> {
  const parsed = parseArgs(spec, args);
  if (parsed.help) {
    io.stdout(helpText(spec));
    return exitCodes.fine;
  }
  const falseAlarm = Number(parsed.text("false-alarm"));
  if (!(falseAlarm > 0 && falseAlarm < 1)) {
    throw new DriftdError("USAGE", `--false-alarm ${parsed.text("false-alarm")}: is no share between 0 and 1`, {
      hint: "0.01 means: one healthy comparison in a hundred is called drift.",
    });
  }
  const compat = compatOf(parsed);
  const progress = createProgress(io);
  try {
    progress("reading the reference");
    const reference = await readReference(parsed, compat, io);
    progress("reading the current data");
    const current = parsed.text("current")!;
    const compiled = compileLayout(reference.snapshot);
    const counted = await countTable(resolve(io.cwd, current), compiled, { nullValues: list(parsed, "null-values") });
    progress("");

    const policy = {
      ...comparePolicy(falseAlarm),
      features: { exclude: reference.skipped.map(({ feature }) => feature) },
      ...(compat === undefined ? {} : { compat }),
    };
    const prepared = prepareReference(reference.snapshot, policy);
    const window: WindowCounts = {
      model: reference.snapshot.model,
      version: reference.snapshot.version ?? "",
      window: COMPARE_WINDOW,
      startMs: 0,
      endMs: 0,
      layout: compiled.row,
      counts: counted.counts,
      records: counted.records,
      coverage: 1,
      blocks: [],
      changedFeatures: new Set(),
      incomplete: false,
      lost: 0,
      offsets: [],
    };
    const evaluation = evaluateWindow(window, prepared);
    const known = new Set(reference.skipped.map(({ feature }) => columnOf(feature)));
    const document: CompareDocument = {
      schema: "driftd/compare/v1",
      verdict: evaluation.verdict,
      reason: evaluation.reason,
      ...(evaluation.severity === undefined ? {} : { severity: evaluation.severity }),
      reference: { source: parsed.text("reference")!, records: reference.snapshot.records, digest: reference.snapshot.digest },
      current: { source: current, records: counted.records },
      policy: {
        thresholds: "auto",
        false_alarm: falseAlarm,
        ...(prepared.features.length === 0 ? {} : { alpha: prepared.windowOf(0, 0).alpha }),
        digest: evaluation.policy,
      },
      skipped: reference.skipped,
      only_in_reference: counted.lacking.filter((feature) => prepared.names.includes(feature)),
      only_in_current: counted.extra.filter((column) => !known.has(column)),
      features: withDegraded(withRoles(evaluation.features, reference.snapshot), reference.snapshot, counted.float32),
    };
    warnOfColumns(document, reference, io);
    if (parsed.text("format") === "json") io.stdout(`${JSON.stringify(document)}\n`);
    else if (parsed.text("format") === "html") io.stdout(compareHtml(document, reference.snapshot, window));
    else {
      const shapes = io.terminal !== undefined || parsed.has("bars") ? shapesOf(document, reference.snapshot, window) : [];
      io.stdout(compareText(document, viewOf(io), shapes));
    }
    if (evaluation.verdict === "insufficient_data") return exitCodes.cannotTell;
    return reaches(evaluation.severity, parsed.text("fail-on")) ? exitCodes.no : exitCodes.fine;
  } finally {
    progress("");
  }
}

type Reference = { readonly snapshot: Snapshot; readonly skipped: readonly SkippedColumn[]; readonly isSnapshot: boolean };

/** The snapshot of the reference: loaded, or built of a table. Its time of making is left out, so that equal tables have equal digests. */
async function readReference(parsed: ParsedArgs, compat: Compat | undefined, io: Io): Promise<Reference> {
  const source = parsed.text("reference")!;
  const path = resolve(io.cwd, source);
  const exclude = list(parsed, "exclude");
  const categorical = list(parsed, "categorical");
  const timestamp = parsed.text("timestamp");
  const multivariate = parsed.has("multivariate");
  if (await isSnapshotFile(path)) {
    const loaded = await loadSnapshot(path);
    if (multivariate && loaded.derived === undefined) {
      throw new DriftdError("REFERENCE_DERIVED", `${source}: has no derived features to judge with --multivariate`, {
        hint: "Build it again with --pca on --outliers on, or leave --multivariate out.",
      });
    }
    const snapshot = multivariate ? loaded : withoutDerived(loaded);
    if (categorical.length > 0) io.stderr("warning: --categorical has no effect: a snapshot has its own kinds\n");
    const known = new Set(snapshot.features.map(({ feature }) => feature));
    const unknown = exclude.find((name) => !known.has(featureOf(name)));
    if (unknown !== undefined) {
      throw new DriftdError("TABLE_COLUMN_MISSING", `${source}: has no feature ${JSON.stringify(unknown)} to exclude`, {
        hint: `Its features are: ${[...known].slice(0, 20).join(", ")}${known.size > 20 ? " …" : ""}.`,
      });
    }
    const leave = new Set([...exclude, ...(timestamp === undefined ? [] : [timestamp])].map(featureOf));
    const skipped = snapshot.features
      .filter(({ feature }) => leave.has(feature))
      .map(({ feature }) => ({ feature, reason: feature === timestamp ? "timestamp" : "excluded" }));
    return { snapshot, skipped, isSnapshot: true };
  }
  const { snapshot, skipped, warnings } = await buildSnapshot({
    input: path,
    source: "",
    model: "",
    // One look needs no calibration, so the event time is only left out.
    exclude: timestamp === undefined ? exclude : [...exclude, timestamp],
    categorical,
    nullValues: list(parsed, "null-values"),
    recordColumns: false,
    psiBins: keptBins(compat),
    pca: multivariate ? "on" : "off",
    outliers: multivariate ? "on" : "off",
    nowMs: 0,
    driftd: readVersion(io.env).version,
  });
  for (const warning of warnings) io.stderr(`warning: ${printable(warning)}\n`);
  return {
    snapshot,
    skipped: skipped.map((one) => (one.feature === timestamp ? { ...one, reason: "timestamp" } : one)),
    isSnapshot: false,
  };
}

/** Derived features say that they are: their names are no columns. */
function withRoles(features: CompareDocument["features"], snapshot: Snapshot): CompareDocument["features"] {
  const derived = new Set(snapshot.features.filter(({ role }) => role === "derived").map(({ feature }) => feature));
  return features.map((one) => (derived.has(one.feature) ? { ...one, role: "derived" } : one));
}

/** The drifting columns over their coarse bins, the worst first. */
function shapesOf(document: CompareDocument, snapshot: Snapshot, { layout, counts }: WindowCounts): Shape[] {
  const place = new Map(snapshot.features.map(({ feature }, i) => [feature, i]));
  return ranked(document.features)
    .filter(({ verdict }) => verdict === "drift")
    .map(({ feature }) => {
      const i = place.get(feature)!;
      const of = snapshot.features[i]!;
      return {
        feature,
        labels: coarseLabels(of),
        regular: coarsePlan(of).regular,
        reference: referenceCoarse(of),
        current: coarseCounts(of, counts, layout.features[i]!.offset, new Float64Array(coarsePlan(of).size)),
      };
    });
}

/** Colours where a person looks and has not said no (https://no-color.org). */
function viewOf({ terminal, env }: Io): View {
  const wanted = (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb";
  return { width: terminal?.columns, colour: terminal !== undefined && wanted };
}

function warnOfColumns(document: CompareDocument, reference: Reference, io: Io): void {
  for (const feature of document.only_in_reference) io.stderr(`warning: ${printable(feature)}: is not in ${document.current.source}\n`);
  // A log that is compared with a snapshot has fields of its own, such as an id.
  if (reference.isSnapshot) return;
  for (const column of document.only_in_current) io.stderr(`warning: ${printable(column)}: is not in ${document.reference.source}\n`);
}

function list(parsed: ParsedArgs, flag: string): string[] {
  return (parsed.text(flag) ?? "").split(",").filter((name) => name !== "");
}

/** One line on a terminal, drawn over; nothing elsewhere. An empty text clears it. */
function createProgress(io: Io): (text: string) => void {
  let shown = 0;
  return (text) => {
    if (!io.isTTY) return;
    if (shown > 0) io.stderr(`\r${" ".repeat(shown)}\r`);
    shown = text.length;
    if (shown > 0) io.stderr(text);
  };
}
