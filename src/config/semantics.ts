/**
 * What the schema cannot say: rules over several keys. Each rule takes the sections that it needs and is left out when one of them
 * is not valid, so that one slip brings no others with it.
 */

import { formatDuration, parseDuration } from "../lib/duration.ts";
import { didYouMean } from "../lib/suggest.ts";
import { formOf } from "../reference/addresses/form.ts";
import type { Slip } from "./issues.ts";
import { checkJudging } from "./judging-rules.ts";
import { checkKafkaAccess } from "./kafka-access.ts";
import { checkCarried, checkOutputs } from "./output-rules.ts";
import { secretKeysOf } from "./outputs.ts";
import type { ConfigPath } from "./problem.ts";
import { checkCalendar } from "./resolve-calendar.ts";
import { referencePath } from "./resolve-judging.ts";
import { checkAddresses, checkMlflow } from "./resolve-references.ts";
import { checkNotify } from "./resolve-retraining.ts";
import type { Effective, EffectiveModel } from "./schema.ts";
import { checkSecrets, checkTwins, slip } from "./slips.ts";

const HALF_HOUR_MS = 30 * 60_000;

/** Panes in the shortest window, and the most slides in any. */
const SLIDES_PER_WINDOW = 12;

/** The valid parts of a file. A section that is not valid is undefined; so is a model. */
export type ValidParts = {
  readonly [Section in Exclude<keyof Effective, "models">]: Effective[Section] | undefined;
} & { readonly models: readonly (EffectiveModel | undefined)[] };

/** What stands in the file, valid or not. */
export type Present = {
  /** Names under `outputs`. */
  readonly outputNames: readonly string[];
  readonly sections: ReadonlySet<string>;
};

/** The slide of a window: a twelfth of its length, at most 30 minutes (design: windows). */
export function slideOf(lengthMs: number): number {
  return Math.min(lengthMs / SLIDES_PER_WINDOW, HALF_HOUR_MS);
}

/** Checks every rule; returns all slips. */
export function checkSemantics(parts: ValidParts, present: Present): Slip[] {
  return [
    ...checkSources(present),
    ...checkKafkaAccess(["kafka"], parts.kafka),
    ...(parts.http === undefined ? [] : checkTwins(["http"], parts.http, "token")),
    ...checkEventTime(parts, present),
    ...checkWindows(parts),
    ...checkOutputs(parts.outputs, present.sections),
    ...checkCarried(parts.outputs, parts.models),
    ...checkModels(parts, present),
    ...checkRenewal(parts),
    ...checkMlflow(parts.mlflow, parts.models),
    ...checkCalendar(parts, present.outputNames),
  ];
}

function checkSources({ sections }: Present): Slip[] {
  if (sections.has("kafka") && sections.has("file"))
    return [{ ...slip(["file"], "stands beside kafka", "keep one of the two"), at: "key" }];
  return [];
}

function checkEventTime({ event_time: eventTime }: ValidParts, { sections }: Present): Slip[] {
  if (eventTime === undefined) return [];
  const slips: Slip[] = [];
  const paneMs = parseDuration(eventTime.pane)!;
  if (paneMs % 1000 !== 0) slips.push(slip(["event_time", "pane"], "is not a whole number of seconds", undefined, true));
  else if (HALF_HOUR_MS % paneMs !== 0)
    slips.push(slip(["event_time", "pane"], "does not divide 30 minutes", "write 1m, 5m, 10m, 15m or 30m", true));
  if (parseDuration(eventTime.idle_timeout)! > parseDuration(eventTime.stall_timeout)!) {
    slips.push(
      slip(
        ["event_time", "idle_timeout"],
        `is longer than stall_timeout, ${eventTime.stall_timeout}`,
        "an idle partition would count as stalled first",
        true,
      ),
    );
  }
  if (eventTime.from === "kafka" && sections.has("file") && !sections.has("kafka")) {
    slips.push(
      slip(
        ["event_time", "from"],
        "is not possible with a file, whose records have no such time",
        "name the field that holds the event time",
        true,
      ),
    );
  }
  return slips;
}

function checkWindows({ windows, event_time: eventTime, store }: ValidParts): Slip[] {
  if (windows === undefined) return [];
  const slips: Slip[] = [];
  const lengthsMs = windows.map((window) => parseDuration(window)!);
  const paneMs = eventTime === undefined ? undefined : parseDuration(eventTime.pane)!;
  for (const [index, lengthMs] of lengthsMs.entries()) {
    const path = ["windows", index];
    const first = lengthsMs.indexOf(lengthMs);
    if (first < index) slips.push(slip(path, `is the same length as windows[${first}]`, "remove one", true));
    if (first < index || paneMs === undefined || HALF_HOUR_MS % paneMs !== 0) continue;
    const slideMs = slideOf(lengthMs);
    if (slideMs % paneMs === 0 && lengthMs % slideMs === 0) continue;
    // Up to 6 h a slide is a twelfth, which must be whole panes; beyond, it is 30 min, which any valid pane divides.
    const stepMs = lengthMs <= SLIDES_PER_WINDOW * HALF_HOUR_MS ? SLIDES_PER_WINDOW * paneMs : HALF_HOUR_MS;
    const lower = Math.floor(lengthMs / stepMs) * stepMs;
    const near = [lower, lower + stepMs].filter((ms) => ms > 0).map(formatDuration);
    const hint = `write ${near.join(" or ")} (with pane ${formatDuration(paneMs)})`;
    slips.push(slip(path, `is not a multiple of ${formatDuration(stepMs)}`, hint, true));
  }
  if (store !== undefined && eventTime !== undefined) {
    const neededMs = Math.max(...lengthsMs) + parseDuration(eventTime.allowed_lateness)!;
    if (parseDuration(store.retention)! < neededMs) {
      slips.push(
        slip(
          ["store", "retention"],
          "is shorter than the longest window and allowed_lateness together",
          `at least ${formatDuration(neededMs)}`,
          true,
        ),
      );
    }
  }
  return slips;
}

/** A renewed reference is made of panes that are still there. */
function checkRenewal({ models, store }: ValidParts): Slip[] {
  return models.flatMap((model, index) => {
    if (typeof model?.reference !== "object" || model.reference.renew === undefined || store === undefined) return [];
    const { days } = model.reference.renew;
    if (parseDuration(store.retention)! >= days * 24 * 2 * HALF_HOUR_MS) return [];
    const hint = `at most as many as store.retention, ${store.retention}`;
    return [slip(["models", index, "reference", "renew", "days"], "are more days than panes are kept", hint, true)];
  });
}

function checkModels({ models }: ValidParts, { outputNames, sections }: Present): Slip[] {
  const names = new Map<string, number>();
  return models.flatMap((model, index) => {
    if (model === undefined) return [];
    const path = ["models", index];
    const slips: Slip[] = [];
    const first = names.get(model.name);
    if (first === undefined) names.set(model.name, index);
    else slips.push(slip([...path, "name"], `is also the name of models[${first}]`, "names must differ", true));
    return [
      ...slips,
      ...checkReference(path, model),
      ...checkAddresses(path, model, sections.has("mlflow")),
      ...checkThresholds(path, model),
      ...checkRetrain(path, model, outputNames),
      ...checkNotify(path, model, outputNames),
      ...checkFeatures(path, model),
      ...checkJudging(path, model),
    ];
  });
}

function checkReference(path: ConfigPath, model: EffectiveModel): Slip[] {
  const { references } = model;
  const reference = referencePath(model);
  const at = typeof model.reference === "object" ? [...path, "reference", "path"] : [...path, "reference"];
  if (reference === undefined && references === undefined) {
    return [slip(at, "is required", "name a snapshot; `driftd reference build` makes one")];
  }
  if (reference !== undefined && references !== undefined) {
    return [{ ...slip([...path, "references"], "stands beside reference", "keep one of the two"), at: "key" }];
  }
  if (references !== undefined && Object.keys(references).length === 0)
    return [slip([...path, "references"], "is an empty map", "list a snapshot per version")];
  // Of an address `checkAddresses` says it.
  const versions = reference === undefined || formOf(reference) !== "file" ? 1 : reference.split("{version}").length;
  if (versions > 2 || (versions === 2 && !/\{version\}[^/\\]*$/.test(reference!))) {
    return [slip(at, "must hold {version} once, in the file's name", undefined, true)];
  }
  return [];
}

function checkThresholds(path: ConfigPath, { thresholds }: EffectiveModel): Slip[] {
  if (thresholds === "auto") return [];
  const set = Object.entries(thresholds).flatMap(([statistic, limits]) => (limits === undefined ? [] : [{ statistic, ...limits }]));
  if (set.length === 0)
    return [slip([...path, "thresholds"], "names no statistic", "write auto, or e.g. psi: { warning: 0.1, critical: 0.2 }")];
  return set.flatMap(({ statistic, warning, critical }) => {
    const at = [...path, "thresholds", statistic];
    if (warning === undefined && critical === undefined) return [slip(at, "has no limit", "set warning, critical or both")];
    if (warning !== undefined && critical !== undefined && warning > critical) {
      return [slip([...at, "warning"], `is above critical, ${critical}`, "swap them, or lower the warning", true)];
    }
    return [];
  });
}

function checkRetrain(path: ConfigPath, { name, retrain }: EffectiveModel, outputNames: readonly string[]): Slip[] {
  if (retrain === undefined) return [];
  const at = [...path, "retrain"];
  const { to, webhook } = retrain;
  if (to === undefined && webhook === undefined)
    return [slip(at, "names nobody to ask", "set to: [<output>] or webhook: { url, secret_file }")];
  if (webhook !== undefined) {
    const { keys, required } = secretKeysOf("webhook");
    const slips = checkSecrets([...at, "webhook"], webhook, keys, required);
    if (to !== undefined) slips.push({ ...slip([...at, "webhook"], "stands beside to", "keep one of the two"), at: "key" });
    if (outputNames.includes(`retrain-${name}`)) {
      slips.push(slip([...at, "webhook"], `would be the output retrain-${name}, which outputs has already`, `write to: [retrain-${name}]`));
    }
    return slips;
  }
  return (to ?? []).flatMap((output, index) => {
    const here = [...at, "to", index];
    if (to?.indexOf(output) !== index) return [slip(here, "stands twice in the list", undefined, true)];
    if (outputNames.includes(output)) return [];
    return [slip(here, "is not one of outputs", outputNames.length === 0 ? "outputs has none" : didYouMean(output, outputNames), true)];
  });
}

function checkFeatures(path: ConfigPath, { features }: EffectiveModel): Slip[] {
  const both = features.exclude.findIndex((feature) => features.include?.includes(feature));
  return both === -1 ? [] : [slip([...path, "features", "exclude", both], "is in include too", "remove it from one", true)];
}
