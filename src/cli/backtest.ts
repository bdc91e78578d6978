/** `driftd backtest`: the closed panes of a store judged again, beside a running daemon: what these thresholds would have done. Nothing is written. */

import { resolve } from "node:path";
import type { Config } from "../config/config.ts";
import type { WindowCounts } from "../evaluate/evaluation.ts";
import { systemClock } from "../lib/clock.ts";
import { DriftdError } from "../lib/errors.ts";
import { silentLog } from "../lib/log.ts";
import { didYouMean } from "../lib/suggest.ts";
import { readVersion } from "../lib/version.ts";
import { loadModelReferences } from "../reference/models.ts";
import { fetchReferences } from "../reference-fetch.ts";
import { openSqliteStore } from "../store/sqlite.ts";
import type { Store } from "../store/store.ts";
import { type CommandSpec, helpText, type Io, type ParsedArgs, parseArgs } from "./args.ts";
import { type BacktestDocument, formatBacktest } from "./backtest-report.ts";
import { exitCodeOf, fetching, renewing, requireOnset, whatIfFlags } from "./replay.ts";
import { iso } from "./replay-report.ts";
import { judgePanes } from "./sweep-judge.ts";
import { summarized } from "./sweep-report.ts";
import { loadSettings, type Settings } from "./sweep-settings.ts";
import { timeOf, timeRange } from "./topic-input.ts";

const spec: CommandSpec = {
  name: "backtest",
  description:
    "Judge the panes of a store again, by this configuration and by others: what these thresholds would have done. Works beside a running daemon.\nIt goes as far as the daemon has judged, and begins with no episode open. Nothing is written or sent.\nExits 0 when nothing fired, 1 when something did, 2 when it could not be done, 3 when it cannot tell.",
  flags: {
    config: { value: "FILE", description: "The configuration; it names the store.", required: true },
    store: { value: "FILE", description: "The store itself, instead of the configuration's." },
    from: { value: "TIME", description: "Judge windows that end after this event time (ISO 8601); by default from the first pane." },
    to: { value: "TIME", description: "Judge windows that end up to this event time; by default as far as the daemon has come." },
    ...whatIfFlags,
    format: { value: "FORMAT", description: "What to print.", choices: ["text", "json"], default: "text" },
  },
};

/** Runs the command; returns the exit code. Rejects with `USAGE`, `CONFIG_*`, `REFERENCE_*`, `STORE_*` and `BACKTEST_EMPTY`. */
export async function backtestCommand(args: string[], io: Io): Promise<number> {
  const parsed = parseArgs(spec, args);
  if (parsed.help) {
    io.stdout(helpText(spec));
    return 0;
  }
  const range = timeRange(parsed);
  const settings = await loadSettings(
    resolve(io.cwd, parsed.text("config") as string),
    { sets: parsed.all("set"), sweeps: parsed.all("sweep"), counted: true },
    io,
    { source: "optional" },
  );
  const named = parsed.text("store");
  const path = named === undefined ? settings.config.store.path : resolve(io.cwd, named);
  const store = await openSqliteStore({ path, readOnly: true, log: silentLog, driftdVersion: readVersion(io.env).version });
  try {
    const document = await backtest(store, { settings, path, range, parsed, io });
    for (const note of document.notes) io.stderr(`note: ${note}\n`);
    io.stdout(parsed.text("format") === "json" ? `${JSON.stringify(document)}\n` : formatBacktest(document));
    return exitCodeOf(document.models);
  } finally {
    await store.close();
  }
}

type Backtest = {
  readonly settings: Settings;
  readonly path: string;
  readonly range: { readonly fromMs: number | undefined; readonly toMs: number | undefined };
  readonly parsed: ParsedArgs;
  readonly io: Io;
};

async function backtest(store: Store, { settings, path, range, parsed, io }: Backtest): Promise<BacktestDocument> {
  const { config, sweep } = settings;
  const onset = parsed.text("onset");
  const onsetMs = onset === undefined ? undefined : timeOf("onset", onset);
  const notes: string[] = [];
  const subjects = await subjectsOf(store, { config, path, notes });
  const held = await spanOf(store, subjects, config.eventTime.paneMs);
  const fromMs = range.fromMs ?? held.fromMs;
  const throughMs = Math.min(range.toMs ?? Number.POSITIVE_INFINITY, held.throughMs);
  if (fromMs >= held.throughMs || throughMs <= held.fromMs) {
    throw new DriftdError(
      "BACKTEST_EMPTY",
      `store ${path} has nothing judged${range.fromMs === undefined ? "" : ` from ${iso(range.fromMs)}`}${range.toMs === undefined ? "" : ` to ${iso(range.toMs)}`}; its panes are from ${iso(held.fromMs)} to ${iso(held.throughMs)}`,
      { hint: "choose --from and --to within, or leave them out" },
    );
  }
  noteRange(range, held, config, notes);
  for (const name of renewing(config)) {
    notes.push(`${name}: everything is judged by the configured reference; renewals are not repeated here (driftd replay repeats them)`);
  }
  requireOnset(onsetMs, Math.max(fromMs, held.fromMs), throughMs);

  const references = await loadModelReferences(config.models, fetchReferences(config, fetching(io)));
  const changed = createChanged();
  const began = systemClock.monotonicMs();
  const [own, ...reports] = await judgePanes({
    ...{ store, references, subjects, throughMs, retentionMs: config.store.retentionMs, onWindow: changed.see },
    ...(range.fromMs === undefined ? {} : { fromMs: range.fromMs }),
    sources: config.kafka?.topics.map((topic) => `kafka:${topic}`),
    ...{ configs: [config, ...sweep.map((setting) => setting.config)], signal: io.signal, clock: systemClock },
  });
  notes.push(...changed.notes());
  if (sweep.length > 0) io.stderr(`${sweep.length + 1} settings in ${((systemClock.monotonicMs() - began) / 1000).toFixed(1)} s\n`);
  return {
    schema: "driftd/backtest/v1",
    store: path,
    time: { from: iso(Math.max(fromMs, held.fromMs)), to: iso(throughMs) },
    notes,
    models: summarized(own!, subjects, onsetMs),
    ...(sweep.length === 0 ? {} : { sweep: sweep.map(({ set }, i) => ({ set, models: summarized(reports[i]!, subjects, onsetMs) })) }),
  };
}

type Subjects = readonly { readonly model: string; readonly version: string }[];

/** Models of the configuration that have panes, in its order. */
async function subjectsOf(store: Store, { config, path, notes }: { config: Config; path: string; notes: string[] }): Promise<Subjects> {
  const stored = await store.versions();
  const configured = config.models.map(({ name }) => name);
  const subjects = configured.flatMap((name) => stored.filter(({ model }) => model === name));
  const names = [...new Set(stored.map(({ model }) => model))];
  if (subjects.length === 0) {
    const hint =
      names.length === 0 ? "has a daemon counted into it? driftd replay reads the records themselves" : didYouMean(configured[0]!, names);
    throw new DriftdError("BACKTEST_EMPTY", `store ${path} has no pane of ${configured.join(", ")}`, { hint });
  }
  for (const name of configured) if (!names.includes(name)) notes.push(`model ${name} has no pane in the store`);
  const others = names.filter((name) => !configured.includes(name));
  if (others.length > 0) notes.push(`the store also has panes of ${others.join(", ")}, which the configuration does not name`);
  return subjects;
}

type Span = { readonly fromMs: number; readonly throughMs: number };

/** From the first pane to as far as the daemon has judged: panes beyond may still change. */
async function spanOf(store: Store, subjects: Subjects, paneMs: number): Promise<Span> {
  let fromMs = Number.POSITIVE_INFINITY;
  for (const { model, version } of subjects) fromMs = Math.min(fromMs, (await store.firstPane(model, version)) ?? fromMs);
  const evaluated = await store.evaluatedThrough();
  // One gate for all models: whoever has come furthest shows where it stands.
  let throughMs = Math.max(Number.NEGATIVE_INFINITY, ...evaluated.map((row) => row.throughMs));
  if (evaluated.length === 0) {
    // Counted, never judged: closed panes are all that is certain.
    await store.eachPane({ finalOnly: true }, (panes) => {
      for (const { key } of panes) throughMs = Math.max(throughMs, key.startMs + paneMs);
    });
  }
  return { fromMs, throughMs };
}

function noteRange({ fromMs, toMs }: Backtest["range"], held: Span, config: Config, notes: string[]): void {
  if (fromMs !== undefined && fromMs < held.fromMs) {
    notes.push(
      `the store begins at ${iso(held.fromMs)}: earlier panes are gone (store.retention keeps ${config.store.retentionMs / 86_400_000} days) or were never counted`,
    );
  }
  if (toMs !== undefined && toMs > held.throughMs)
    notes.push(`the daemon has judged up to ${iso(held.throughMs)}: nothing later is judged here`);
}

/** Collects which features stood in other bins, and when: they cannot be judged there. */
function createChanged() {
  const found = new Map<string, { model: string; version: string; features: Set<string>; fromMs: number; toMs: number }>();
  return {
    see: ({ model, version, changedFeatures, startMs, endMs }: WindowCounts) => {
      if (changedFeatures.size === 0) return;
      const key = JSON.stringify([model, version]);
      const entry = found.get(key) ?? { model, version, features: new Set(), fromMs: startMs, toMs: endMs };
      for (const feature of changedFeatures) entry.features.add(feature);
      entry.fromMs = Math.min(entry.fromMs, startMs);
      entry.toMs = Math.max(entry.toMs, endMs);
      found.set(key, entry);
    },
    notes: () =>
      [...found.values()].map(({ model, version, features, fromMs, toMs }) => {
        const names = [...features].slice(0, 5).join(", ");
        const more = features.size > 5 ? ` and ${features.size - 5} more` : "";
        return `${model}${version === "" ? "" : ` version ${version}`}: panes between ${iso(fromMs)} and ${iso(toMs)} were counted in other bins than the reference has for ${names}${more}; these cannot be judged where such a pane is in the window`;
      }),
  };
}
