/**
 * The statistics of one look in the shape of the public contract: what is shown beside the verdict. G, PSI and their kin are over coarse bins,
 * against the reference as expected at the window's hours; KS, Wasserstein and area gap over fine bins, against the whole reference.
 */

import {
  areaGap,
  chiSquareTest,
  degreesOfFreedom,
  gTest,
  hellinger,
  jensenShannon,
  kl,
  ksBracket,
  ksPValue,
  psi,
  psiExcess,
  totalVariation,
  wasserstein,
} from "../../detectors/index.ts";
import type { Statistics } from "./evaluation.ts";
import { WARNING_EFFECT } from "./limits.ts";
import { fillFine, type Look } from "./look.ts";
import type { FixedThresholds, Policy } from "./policy.ts";

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** All statistics that apply, or only those named in `only`. A statistic without a finite answer is absent. Cost: a few µs. */
export function statisticsOf(look: Look, only?: ReadonlySet<keyof Statistics>): Statistics {
  const { current, feature } = look;
  const reference = look.expected.counts;
  const out: Mutable<Statistics> = {};
  const wanted = (name: keyof Statistics): boolean => only === undefined || only.has(name);
  const put = <K extends keyof Statistics>(name: K, make: () => Statistics[K] | undefined): void => {
    if (!wanted(name)) return;
    const made = make();
    if (made !== undefined) out[name] = made;
  };
  const value = <T extends object>(number: number | undefined, rest: T): (T & { value: number }) | undefined =>
    number === undefined ? undefined : { value: number, ...rest };

  put("psi", () => {
    const excess = psiExcess(reference, current);
    return excess === undefined ? undefined : value(psi(reference, current), { excess });
  });
  put("kl", () => value(kl(reference, current), { direction: "current||reference" as const }));
  put("kl_reverse", () => value(kl(reference, current, { direction: "reference||current" }), { direction: "reference||current" as const }));
  if (feature.fine !== undefined && (only === undefined || only.has("ks") || only.has("wasserstein") || only.has("area_gap"))) {
    const fineReference = feature.fine;
    const fine = fillFine(look);
    const { support, singleton } = feature.fineShape();
    put("ks", () => {
      const bracket = ksBracket(fineReference, fine, singleton);
      if (bracket === undefined) return undefined;
      return { value: bracket.lower, upper: bracket.upper, p_value: ksPValue(bracket.lower, feature.total, look.n) };
    });
    put("wasserstein", () => value(wasserstein(fineReference, fine, support), { binned: true as const }));
    put("area_gap", () => value(areaGap(fineReference, fine), {}));
  }
  put("g", () => {
    const test = gTest(reference, current);
    return test === undefined ? undefined : { value: test.statistic, p_value: test.pValue, degrees_of_freedom: test.df };
  });
  put("chi_square", () => {
    const test = chiSquareTest(reference, current);
    return test === undefined ? undefined : { value: test.statistic, p_value: test.pValue, degrees_of_freedom: test.df };
  });
  put("jensen_shannon", () => value(jensenShannon(reference, current), { base: "e" as const, form: "divergence" as const }));
  put("hellinger", () => value(hellinger(reference, current), {}));
  put("total_variation", () => value(totalVariation(reference, current), {}));
  return out;
}

/** All statistics, each beside the limit that it was held against where there is one. */
export function shownStatistics(look: Look, policy: Policy): Statistics {
  const statistics = statisticsOf(look);
  const limits = policy.thresholds === "auto" ? autoLimits(look) : fixedLimits(policy.thresholds);
  const entries = Object.entries(statistics).map(([name, statistic]) => {
    const threshold = limits.get(name);
    return [name, threshold === undefined ? statistic : { ...statistic, threshold }] as const;
  });
  return Object.fromEntries(entries) as Statistics;
}

function autoLimits(look: Look): Map<string, number> {
  const { current, expected, n } = look;
  const limits = new Map<string, number>();
  // On the scale of PSI itself: the floor for an effect, and what noise adds to it.
  const bias = degreesOfFreedom(expected.counts, current) * (1 / n + 1 / expected.total);
  limits.set("psi", WARNING_EFFECT + bias);
  if (look.shiftLimit > 0 && look.shiftLimit < Number.POSITIVE_INFINITY) limits.set("g", look.shiftLimit);
  if (look.locationLimit > 0) limits.set("ks", look.locationLimit);
  return limits;
}

function fixedLimits(thresholds: FixedThresholds): Map<string, number> {
  const limits = new Map<string, number>();
  for (const [name, { warning, critical } = {}] of Object.entries(thresholds)) {
    const limit = warning ?? critical;
    if (limit !== undefined) limits.set(name, limit);
  }
  return limits;
}
