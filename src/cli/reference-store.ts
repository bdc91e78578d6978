/** `driftd reference build --from-store`: a snapshot of closed panes, in the bins of the reference that counted them. No raw data is needed. */

import { resolve } from "node:path";
import { loadConfig } from "../config/load.ts";
import { withThresholdOrigins } from "../evaluate/threshold-origins.ts";
import { systemClock } from "../lib/clock.ts";
import { DriftdError } from "../lib/errors.ts";
import { silentLog } from "../lib/log.ts";
import { didYouMean } from "../lib/suggest.ts";
import { readVersion } from "../lib/version.ts";
import { DAY_MS } from "../reference/from-panes.ts";
import { thinness } from "../reference/inspect.ts";
import { saveSnapshot } from "../reference/load.ts";
import { type LoadedReference, loadModelReferences, type ModelReferences } from "../reference/models.ts";
import { dayName, episodeDays, LEAST_DAYS, spoilsDays, storeSource } from "../reference/renewal.ts";
import { fetchReferences } from "../reference-fetch.ts";
import { sumStore } from "../reference-panes.ts";
import { openSqliteStore } from "../store/sqlite.ts";
import type { Store } from "../store/store.ts";
import { type CommandSpec, exitCodes, helpText, type Io, type ParsedArgs, parseArgs } from "./args.ts";
import { printable } from "./columns.ts";
import { timeOf } from "./topic-input.ts";

/** What of `driftd reference build` belongs to `--from-store`. */
export const fromStoreSpec: CommandSpec = {
  name: "reference build --from-store",
  description:
    "Builds a reference snapshot from the closed panes of a store, in the bins of the configured reference: no raw data is needed, and windows go on\nwithout a gap. Days of an episode are left out. Works beside a running daemon.",
  flags: {
    store: { value: "STORE", description: "The store itself (also as --from-store STORE); without it, the one of the configuration." },
    config: {
      value: "FILE",
      description: "The configuration: it names the reference that has the bins, the windows and the store.",
      required: true,
    },
    model: { value: "NAME", description: "The model; not needed where only one is configured." },
    version: { value: "VERSION", description: "Panes of this version alone; the snapshot judges it alone." },
    from: { value: "TIME", description: "Only panes that start at this time or later (ISO 8601)." },
    to: { value: "TIME", description: "Only panes that start before this time." },
    output: { value: "FILE", description: "The snapshot to write: .json, or .json.gz.", required: true },
  },
};

/** Whether the arguments of `driftd reference build` ask for panes instead of data. */
export function isFromStore(args: readonly string[]): boolean {
  return args.some((arg) => arg === "--from-store" || arg.startsWith("--from-store="));
}

/**
 * Builds the snapshot; resolves to the exit code. Rejects with `USAGE`, `CONFIG_*`, `REFERENCE_*`, `STORE_*`, `MODEL_UNKNOWN` for a model that is not
 * configured, `REFERENCE_VERSION_NEEDED` where its versions have references of their own, `REFERENCE_NO_PANES` when there is nothing to build from.
 */
export async function buildFromStore(args: readonly string[], io: Io): Promise<number> {
  const parsed = parseArgs(fromStoreSpec, withStore(args));
  if (parsed.help) {
    io.stdout(helpText(fromStoreSpec));
    return exitCodes.fine;
  }
  const { config } = await loadConfig(resolve(io.cwd, parsed.text("config")!), io.env, { source: "optional" });
  const names = config.models.map(({ name }) => name);
  const model = parsed.text("model") ?? (names.length === 1 ? names[0] : undefined);
  if (model === undefined)
    throw new DriftdError("USAGE", "--model is missing: the configuration has several models", { hint: names.join(", ") });
  const configured = config.models.filter(({ name }) => name === model);
  if (configured.length === 0) {
    throw new DriftdError("MODEL_UNKNOWN", `model ${JSON.stringify(model)} is not in the configuration`, {
      hint: didYouMean(model, names),
    });
  }
  const fetch = fetchReferences(config, { clock: systemClock, version: readVersion(io.env).version });
  const base = baseOf(await loadModelReferences(configured, fetch), model, parsed.text("version"));
  const version = parsed.text("version") ?? base.snapshot.version;
  const store = await openSqliteStore({
    path: parsed.text("store") === undefined ? config.store.path : resolve(io.cwd, parsed.text("store")!),
    readOnly: true,
    log: silentLog,
    driftdVersion: readVersion(io.env).version,
  });
  try {
    const span = await spanOf(store, model, version, parsed);
    const episodes = (await store.episodes({ model })).filter(
      (episode) => spoilsDays(episode) && (version === undefined || episode.version === version),
    );
    const reach = { longestWindowMs: Math.max(...config.windows.map(({ lengthMs }) => lengthMs)), clearMs: configured[0]!.keepFiringForMs };
    const range = { ...span, leftOut: episodeDays(span, episodes, reach) };
    const { summed, open, incomplete } = await sumStore(store, base.snapshot, { model, version, range });
    const leftOut = [...range.leftOut].sort((a, b) => a - b).map(dayName);
    const without = summed.without();
    if (summed.records() === 0 || without.length === base.snapshot.features.length) {
      throw noPanes(model, version, span, { leftOut, otherBins: summed.records() > 0 });
    }
    const made = await summed.snapshot({
      source: storeSource(Math.max(span.fromMs, summed.days()[0]! * DAY_MS), span.toMs, leftOut),
      createdAtMs: systemClock.nowMs(),
      driftd: readVersion(io.env).version,
      version,
      // What is computed from other features needs all of them.
      empty: base.snapshot.derived === undefined ? "leave_out" : "keep",
      gaps: leftOut.length > 0,
    });
    const snapshot = withThresholdOrigins(made);
    const output = parsed.text("output")!;
    await saveSnapshot(snapshot, resolve(io.cwd, output));
    const days = summed.days().length;
    io.stdout(
      `${printable(output)}: ${snapshot.records.toLocaleString("en")} records of ${days} days, ${snapshot.features.length} features\n${snapshot.digest}\n`,
    );
    for (const feature of without)
      io.stderr(
        `${snapshot.derived === undefined ? "left out" : "kept as it was"}: ${printable(feature)} (no value in these panes and bins)\n`,
      );
    if (leftOut.length > 0) io.stderr(`left out: ${leftOut.join(", ")} (days of an episode)\n`);
    if (open + incomplete > 0) io.stderr(`left out: ${open} open panes, ${incomplete} with lost records\n`);
    const uncalibrated = `no calibration on own days: ${days} days of closed panes, ${LEAST_DAYS} needed`;
    const thin = thinness(snapshot).filter((warning) => days >= LEAST_DAYS || !warning.includes("thresholds cannot be calibrated"));
    for (const warning of days < LEAST_DAYS ? [uncalibrated, ...thin] : thin) io.stderr(`warning: ${printable(warning)}\n`);
    return exitCodes.fine;
  } finally {
    await store.close();
  }
}

/** `--from-store STORE` is `--store STORE`. */
function withStore(args: readonly string[]): string[] {
  return args.flatMap((arg, i) => {
    if (arg.startsWith("--from-store=")) return [`--store=${arg.slice("--from-store=".length)}`];
    if (arg !== "--from-store") return [arg];
    const next = args[i + 1];
    return next === undefined || next.startsWith("-") ? [] : ["--store"];
  });
}

/** The reference whose bins the panes were counted in. */
function baseOf(references: ModelReferences, model: string, version: string | undefined): LoadedReference {
  const all = references.all();
  const found = version === undefined ? all.find((one) => one.version === undefined) : references.find(model, version);
  if (found !== undefined) return "reference" in found ? found.reference : found;
  const versions = all.flatMap((one) => (one.version === undefined ? [] : [one.version]));
  if (version === undefined && versions.length === 1) return all[0]!.reference;
  const which = version === undefined ? "its references are for one version each" : `version ${JSON.stringify(version)} has no reference`;
  throw new DriftdError("REFERENCE_VERSION_NEEDED", `model ${JSON.stringify(model)}: ${which}`, {
    hint: `--version ${versions.join(" or ")}`,
  });
}

/** The range that was asked for, or all there is: whole days of panes. */
async function spanOf(
  store: Store,
  model: string,
  version: string | undefined,
  parsed: ParsedArgs,
): Promise<{ readonly fromMs: number; readonly toMs: number }> {
  const from = parsed.text("from");
  const to = parsed.text("to");
  const fromMs = from === undefined ? undefined : timeOf("from", from);
  const toMs = to === undefined ? undefined : timeOf("to", to);
  if (fromMs !== undefined && toMs !== undefined && toMs <= fromMs) {
    throw new DriftdError("USAGE", `--to ${to} is not after --from ${from}`, {
      hint: "the range is half-open: from the first up to, not including, the second",
    });
  }
  const versions = (await store.versions()).filter((one) => one.model === model && (version === undefined || one.version === version));
  const firsts = await Promise.all(versions.map((one) => store.firstPane(one.model, one.version)));
  const through = (await store.evaluatedThrough()).filter(
    (row) => row.model === model && (version === undefined || row.version === version),
  );
  const firstMs = Math.min(...firsts.filter((ms) => ms !== undefined));
  const lastMs = Math.max(...through.map(({ throughMs }) => throughMs), firstMs);
  if (!Number.isFinite(firstMs)) throw noPanes(model, version, undefined, { leftOut: [], otherBins: false });
  return {
    fromMs: fromMs ?? Math.floor(firstMs / DAY_MS) * DAY_MS,
    toMs: toMs ?? Math.ceil(lastMs / DAY_MS) * DAY_MS,
  };
}

function noPanes(
  model: string,
  version: string | undefined,
  span: { readonly fromMs: number; readonly toMs: number } | undefined,
  { leftOut, otherBins }: { readonly leftOut: readonly string[]; readonly otherBins: boolean },
): DriftdError {
  const what = `model ${JSON.stringify(model)}${version === undefined ? "" : `, version ${JSON.stringify(version)}`}`;
  const where = span === undefined ? "the store" : `${new Date(span.fromMs).toISOString()} … ${new Date(span.toMs).toISOString()}`;
  const why = otherBins
    ? "the panes there were counted in other bins than those of the configured reference"
    : leftOut.length === 0
      ? "there are no closed panes with records"
      : `no closed panes with records are left without the days of an episode, ${leftOut.length} of them`;
  return new DriftdError("REFERENCE_NO_PANES", `${what}: ${where}: ${why}`, {
    hint:
      leftOut.length === 0
        ? "`driftd store export --config …` lists the panes; store.retention says how long they are kept."
        : "Take days without an episode with --from and --to; GET /api/v1/episodes lists the episodes.",
  });
}
