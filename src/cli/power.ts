/** `driftd power`: what the rules can see. Per feature and window, the smallest change that is found with 80 % probability at a given traffic. */

import { resolve } from "node:path";
import { policyOf } from "../assembly.ts";
import { loadConfig } from "../config/load.ts";
import { type PreparedReference, prepareReference } from "../evaluate/calibrate.ts";
import { calibrationState } from "../evaluate/calibration-state.ts";
import { trafficOf } from "../evaluate/explain.ts";
import { DEFAULT_POLICY, type Policy } from "../evaluate/policy.ts";
import { createPower, ENDS, type FeaturePower, POWER } from "../evaluate/power.ts";
import { parseDuration } from "../lib/duration.ts";
import { DriftdError } from "../lib/errors.ts";
import { didYouMean } from "../lib/suggest.ts";
import { loadSnapshot } from "../reference/load.ts";
import type { Snapshot } from "../reference/snapshot.ts";
import { type CommandSpec, exitCodes, helpText, type Io, type ParsedArgs, parseArgs } from "./args.ts";
import { columns } from "./columns.ts";

const spec: CommandSpec = {
  name: "power",
  description:
    "Says what can be seen: per feature and window the smallest shift of the mean, growth of the spread and share of new categories that a window\nwholly inside the change finds with 80 % probability. Measured by drawing windows and judging them as the daemon does.\nExit code: 0, or 3 when no feature could be judged at this traffic.",
  flags: {
    reference: { value: "FILE", description: "The snapshot.", required: true },
    rate: { value: "RATE", description: "Records by time, e.g. 50/min, 10/s, 3000/h; by default the reference's own." },
    config: { value: "FILE", description: "Take thresholds, budget, windows and features of this configuration's model." },
    windows: { value: "A,B", description: "Lengths of the windows; by default the configuration's, or 1h,6h,24h." },
    features: { value: "A,B", description: "Only these features." },
    format: { value: "FORMAT", description: "How to answer.", choices: ["text", "json"], default: "text" },
  },
};

type Line = { readonly feature: string; readonly window: string; readonly origin: string; readonly degraded?: string } & FeaturePower;

/** Runs the command; resolves to the exit code. Rejects with `USAGE`, `CONFIG_*` and `REFERENCE_*` errors. */
export async function powerCommand(args: string[], io: Io): Promise<number> {
  const parsed = parseArgs(spec, args);
  if (parsed.help) {
    io.stdout(helpText(spec));
    return exitCodes.fine;
  }
  const path = resolve(io.cwd, parsed.text("reference")!);
  const snapshot = await loadSnapshot(path);
  const prepared = prepareReference(snapshot, await policyFor(parsed, snapshot, io));
  const perMinute = rateOf(parsed, snapshot);
  const lines: Line[] = [];
  const power = createPower(prepared);
  for (const [window, { name }] of prepared.policy.windows.entries()) {
    await prepared.readyFor(window);
    for (const feature of wantedFeatures(parsed, prepared)) {
      if (io.signal?.aborted) throw new DriftdError("INTERRUPTED", "driftd power was interrupted");
      const state = calibrationState(prepared, feature, window);
      lines.push({ feature: prepared.names[feature]!, window: name, ...state, ...(await power.inTurns(feature, window, perMinute)) });
    }
  }
  io.stdout(parsed.text("format") === "json" ? json(prepared, perMinute, lines) : text(prepared, perMinute, lines));
  return lines.some(({ insufficient }) => insufficient === undefined) ? exitCodes.fine : exitCodes.cannotTell;
}

async function policyFor(parsed: ParsedArgs, snapshot: Snapshot, io: Io): Promise<Policy> {
  const file = parsed.text("config");
  let policy = DEFAULT_POLICY;
  if (file !== undefined) {
    const { config } = await loadConfig(resolve(io.cwd, file), io.env, { source: "optional" });
    const model = config.models.find(({ name }) => name === snapshot.model);
    if (model === undefined) {
      const known = config.models.map(({ name }) => name);
      throw new DriftdError("USAGE", `driftd power: ${file} has no model ${JSON.stringify(snapshot.model)}`, {
        hint: didYouMean(snapshot.model, known),
      });
    }
    policy = policyOf(config, model);
  }
  const lengths = parsed.text("windows");
  if (lengths === undefined) return policy;
  const windows = lengths.split(",").map((name) => {
    const lengthMs = parseDuration(name);
    if (lengthMs === undefined || lengthMs <= 0)
      throw new DriftdError("USAGE", `driftd power: --windows ${name}: is not a duration`, { hint: "write 1h,6h,24h" });
    return { name, lengthMs };
  });
  return { ...policy, windows: windows.sort((a, b) => a.lengthMs - b.lengthMs) };
}

/** Records in a minute. */
function rateOf(parsed: ParsedArgs, snapshot: Snapshot): number {
  const given = parsed.text("rate");
  if (given === undefined) {
    const own = trafficOf(snapshot);
    if (own !== undefined) return own;
    throw new DriftdError("USAGE", "driftd power: the reference has no time range, so its traffic is not known", {
      hint: "add --rate, e.g. --rate 50/min",
    });
  }
  const [, count, unit] = /^(\d+(?:\.\d+)?)\/(s|sec|min|h|hour|d|day)$/.exec(given) ?? [];
  const minutes = { s: 1 / 60, m: 1, h: 60, d: 1440 }[unit?.[0] ?? ""];
  if (minutes === undefined || !(Number(count) > 0))
    throw new DriftdError("USAGE", `driftd power: --rate ${given}: is no rate above 0`, { hint: "write 50/min, 10/s or 3000/h" });
  return Number(count) / minutes;
}

function wantedFeatures(parsed: ParsedArgs, prepared: PreparedReference): number[] {
  const wanted = parsed.text("features")?.split(",");
  if (wanted === undefined) return prepared.names.map((_, i) => i);
  return wanted.map((name) => {
    const at = prepared.names.indexOf(name);
    if (at < 0)
      throw new DriftdError("USAGE", `driftd power: the reference has no feature ${JSON.stringify(name)}`, {
        hint: didYouMean(name, prepared.names),
      });
    return at;
  });
}

function json(prepared: PreparedReference, perMinute: number, lines: readonly Line[]): string {
  const features = lines.map(({ feature, window, origin, degraded, values, times, insufficient, meanShiftSd, spreadFactor, newShare }) => ({
    feature,
    window,
    values,
    times_of_day: { judged: times, of: ENDS.length },
    threshold: { origin, ...(degraded === undefined ? {} : { degraded }) },
    verdict: insufficient === undefined ? "measured" : "insufficient_data",
    ...(insufficient === undefined ? {} : { reason: insufficient }),
    ...(meanShiftSd === undefined ? {} : { mean_shift_sd: meanShiftSd }),
    ...(spreadFactor === undefined ? {} : { spread_factor: spreadFactor }),
    ...(newShare === undefined ? {} : { new_share: newShare }),
  }));
  const { snapshot, policyDigest } = prepared;
  const reference = { digest: snapshot.digest, model: snapshot.model, records: snapshot.records };
  return `${JSON.stringify({ schema: "driftd/power/v1", reference, policy: { digest: policyDigest }, rate_per_minute: perMinute, power: POWER, features })}\n`;
}

function text(prepared: PreparedReference, perMinute: number, lines: readonly Line[]): string {
  const head = `Smallest change found with ${100 * POWER} % probability in a window wholly inside it, at ${short(perMinute)} records/min, ${prepared.names.length} features judged.\n`;
  const parts = prepared.policy.windows.map(({ name }) => {
    const rows = lines
      .filter(({ window }) => window === name)
      .map((line) => [line.feature, line.values.toLocaleString("en"), ...changes(line), line.origin, notes(line)]);
    return `\nwindow ${name}\n${columns([["feature", "values", "mean shift", "spread", "new values", "threshold", ""], ...rows])}`;
  });
  return `${head}${parts.join("")}`;
}

function notes({ times, degraded }: Line): string {
  const at = times === ENDS.length || times === 0 ? [] : [`judged at ${times} of ${ENDS.length} times of day`];
  return [...at, ...(degraded === undefined ? [] : [degraded])].join("; ");
}

function changes({ insufficient, meanShiftSd, spreadFactor, newShare }: Line): string[] {
  if (insufficient !== undefined) return ["cannot tell", "", insufficient];
  return [
    meanShiftSd === undefined ? "-" : meanShiftSd === null ? "none" : `${short(meanShiftSd)} sd`,
    spreadFactor === undefined ? "-" : spreadFactor === null ? "none" : `x${spreadFactor.toFixed(2)}`,
    newShare === undefined ? "-" : newShare === null ? "none" : `${short(100 * newShare)} %`,
  ];
}

function short(value: number): string {
  return String(Number(value.toPrecision(2)));
}
