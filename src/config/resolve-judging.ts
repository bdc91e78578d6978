/** From the file's spelling of how a model is judged (`judging.ts`) to what the stages get. Pure. */

import { parseDuration } from "../lib/duration.ts";
import type { CompatConfig, ExpectationConfig, ModelConfig, RenewConfig } from "./config.ts";
import type { EffectiveModel } from "./schema.ts";

/** What `epsilon` and `floor` put in place of an empty bin when no number is given: Evidently's and Deepchecks' own. */
const DEFAULT_EPSILON = 1e-4;
const DEFAULT_FLOOR = 0.01;

type Judging = Pick<ModelConfig, "renew" | "expectations" | "quality" | "volume" | "compat" | "outliers">;

/** The snapshot's path in either form of `reference`; undefined where `references` lists them. */
export function referencePath({ reference }: Pick<EffectiveModel, "reference">): string | undefined {
  return typeof reference === "object" ? reference.path : reference;
}

/** Resolves what stands beside the thresholds. The values have passed `checkJudging`. */
export function resolveJudging(model: EffectiveModel, absolute: (name: string) => string): Judging {
  const { silence, against, duplicates } = model.volume;
  return {
    renew: resolveRenewal(model),
    expectations: new Map(
      Object.entries(model.expectations).map(([feature, given]) => [feature, (Array.isArray(given) ? given : [given]).flatMap(checksOf)]),
    ),
    quality: model.quality,
    volume: {
      against,
      silenceMs: silence === "auto" ? "auto" : silence === "off" ? null : parseDuration(silence)!,
      duplicates: duplicates === "off" ? null : duplicates,
    },
    compat: resolveCompat(model.compat),
    outliers:
      model.outliers === undefined
        ? undefined
        : { path: absolute(model.outliers.path), share: model.outliers.share, perMinute: model.outliers.per_minute },
  };
}

function resolveRenewal({ reference }: EffectiveModel): RenewConfig | undefined {
  const renew = typeof reference === "object" ? reference.renew : undefined;
  return renew && { everyMs: parseDuration(renew.every)!, days: renew.days, maxDistance: renew.max_distance };
}

type Given = Exclude<EffectiveModel["expectations"][string], readonly unknown[]>;

function checksOf(given: Given): ExpectationConfig[] {
  const { tolerate } = given;
  const checks: ExpectationConfig[] = [];
  if (given.not_null !== undefined) checks.push({ check: "not_null", tolerate });
  if (given.type !== undefined) checks.push({ check: "type", type: given.type, tolerate });
  if (given.between !== undefined) {
    const [min, max] = given.between;
    checks.push({ check: "between", min: min ?? undefined, max: max ?? undefined, tolerate });
  }
  if (given.in_set !== undefined) checks.push({ check: "in_set", values: given.in_set, tolerate });
  if (given.matches !== undefined) checks.push({ check: "matches", pattern: given.matches, tolerate });
  return checks;
}

function resolveCompat({ psi, kl, js }: EffectiveModel["compat"]): CompatConfig {
  return { psi: psi && { zero: zeroOf(psi.zero), bins: binsOf(psi.bins) }, kl, js };
}

type Psi = NonNullable<CompatConfig["psi"]>;

function zeroOf(text: string): Psi["zero"] {
  const [kind, value] = text.toLowerCase().split(":") as [Psi["zero"]["kind"], string | undefined];
  if (kind === "epsilon") return { kind, value: value === undefined ? DEFAULT_EPSILON : Number(value) };
  if (kind === "floor") return { kind, value: value === undefined ? DEFAULT_FLOOR : Number(value) };
  return { kind };
}

function binsOf(bins: NonNullable<EffectiveModel["compat"]["psi"]>["bins"]): Psi["bins"] {
  if (typeof bins === "object") return { kind: "edges_by_feature", edges: bins.edges };
  const [kind, rest = ""] = bins.toLowerCase().split(":") as [string, string | undefined];
  if (kind === "width") return { kind, bins: Number(rest) };
  if (kind === "edges") return { kind, edges: JSON.parse(rest) as number[] };
  return { kind: kind as "coarse" | "deciles" | "doane" };
}
