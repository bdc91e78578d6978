/** What the section `calendar` (`references.ts`) means, and what its schema cannot say. Pure. */

import { cronProblem, isTimeZone } from "../lib/schedule.ts";
import { didYouMean } from "../lib/suggest.ts";
import type { CalendarEntry } from "./config.ts";
import type { Slip } from "./issues.ts";
import { carriedBy } from "./output-rules.ts";
import type { ConfigPath } from "./problem.ts";
import type { Effective, EffectiveModel } from "./schema.ts";
import { slip } from "./slips.ts";

/** The entries in the order of the file. The values have passed `checkCalendar`. */
export function resolveCalendar({ calendar, models }: Pick<Effective, "calendar" | "models">): readonly CalendarEntry[] {
  return Object.entries(calendar).map(([name, entry]) => ({
    name,
    cron: entry.cron.trim(),
    timeZone: entry.time_zone,
    action: entry.do,
    models: entry.models ?? models.filter((model) => entry.do !== "retrain" || model.retrain !== undefined).map((model) => model.name),
    to: entry.to ?? [],
    missed: entry.missed,
  }));
}

/** Checks each entry: its times, and that its models and outputs can do what it says. */
export function checkCalendar(
  {
    calendar,
    models,
    outputs,
  }: { readonly [K in "calendar" | "outputs"]: Effective[K] | undefined } & {
    readonly models: readonly (EffectiveModel | undefined)[];
  },
  outputNames: readonly string[],
): Slip[] {
  return Object.entries(calendar ?? {}).flatMap(([name, entry]) => {
    const path = ["calendar", name];
    return [
      ...checkTimes(path, entry),
      ...checkModels(path, entry, models),
      ...checkOutputs(path, entry, outputNames),
      ...carriedBy(outputs, entry.to, [...path, "to"], ["driftd.digest"]),
    ];
  });
}

type Entry = Effective["calendar"][string];

function checkTimes(path: ConfigPath, { cron, time_zone: zone }: Entry): Slip[] {
  const slips: Slip[] = [];
  // A retraining or a digest every second is a slip of the pen.
  const seconds = cron.trim().split(/\s+/).length === 6;
  const problem = seconds ? { message: "has six fields", hint: "write five: seconds are not told apart" } : cronProblem(cron.trim());
  if (problem !== undefined) slips.push(slip([...path, "cron"], problem.message, problem.hint, true));
  if (!isTimeZone(zone)) slips.push(slip([...path, "time_zone"], "is not a time zone", "write e.g. UTC or Europe/Oslo", true));
  return slips;
}

function checkModels(path: ConfigPath, entry: Entry, models: readonly (EffectiveModel | undefined)[]): Slip[] {
  const known = models.flatMap((model) => (model === undefined ? [] : [model]));
  const complete = known.length === models.length;
  const names = known.map(({ name }) => name);
  if (entry.models === undefined) {
    const nobody = entry.do === "retrain" && complete && !known.some(({ retrain }) => retrain !== undefined);
    return nobody ? [slip([...path, "do"], "is not possible: no model has retrain", "set models[].retrain", true)] : [];
  }
  return entry.models.flatMap((name, index, all): Slip[] => {
    const at = [...path, "models", index];
    if (all.indexOf(name) !== index) return [slip(at, "stands twice in the list", undefined, true)];
    const model = known.find((one) => one.name === name);
    if (model === undefined) return complete ? [slip(at, "is not one of models", didYouMean(name, names), true)] : [];
    if (entry.do === "retrain" && model.retrain === undefined) return [slip(at, "has no retrain", "set retrain of this model", true)];
    return [];
  });
}

function checkOutputs(path: ConfigPath, entry: Entry, outputNames: readonly string[]): Slip[] {
  if (entry.do !== "digest")
    return entry.to === undefined ? [] : [{ ...slip([...path, "to"], `is for digests, not for ${entry.do}`, "remove it"), at: "key" }];
  if (entry.to === undefined) return [slip([...path, "to"], "is required", "name the outputs that get the digest")];
  return entry.to.flatMap((output, index, all): Slip[] => {
    const at = [...path, "to", index];
    if (all.indexOf(output) !== index) return [slip(at, "stands twice in the list", undefined, true)];
    if (outputNames.includes(output)) return [];
    return [slip(at, "is not one of outputs", outputNames.length === 0 ? "outputs has none" : didYouMean(output, outputNames), true)];
  });
}
