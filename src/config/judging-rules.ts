/** What the schema of `judging.ts` cannot say: patterns that compile, ranges with two ends in order, edges that ascend. */

import { unsafePattern } from "../lib/pattern.ts";
import type { Slip } from "./issues.ts";
import type { ConfigPath } from "./problem.ts";
import type { EffectiveModel } from "./schema.ts";

/** Checks expectations and older tools' bins of one model, which stands at `path`. */
export function checkJudging(path: ConfigPath, model: EffectiveModel): Slip[] {
  return [...checkExpectations([...path, "expectations"], model), ...checkBins([...path, "compat", "psi", "bins"], model)];
}

function checkExpectations(path: ConfigPath, { expectations }: EffectiveModel): Slip[] {
  return Object.entries(expectations).flatMap(([feature, given]) => {
    const list = Array.isArray(given) ? given : [given];
    return list.flatMap((one, i) => {
      const at = Array.isArray(given) ? [...path, feature, i] : [...path, feature];
      const slips: Slip[] = [];
      const { tolerate: _, ...checks } = one;
      if (Object.values(checks).every((check) => check === undefined)) {
        slips.push(fact(at, "expects nothing", "set not_null, type, between, in_set or matches", false));
      }
      if (one.between !== undefined) {
        const [min, max] = one.between;
        if (min === null && max === null) slips.push(fact([...at, "between"], "has no end", "give at least one of the two", false));
        else if (min !== null && max !== null && min > max)
          slips.push(fact([...at, "between"], "begins above its end", "swap the two", false));
      }
      if (one.matches !== undefined) {
        const unsafe = isPattern(one.matches) ? unsafePattern(one.matches) : undefined;
        if (!isPattern(one.matches))
          slips.push(fact([...at, "matches"], "is not a regular expression", "JavaScript's, with the flag u", true));
        else if (unsafe !== undefined) slips.push(fact([...at, "matches"], `could take for ever: ${unsafe}`, "write it without", true));
      }
      return slips;
    });
  });
}

function checkBins(path: ConfigPath, { compat }: EffectiveModel): Slip[] {
  const bins = compat.psi?.bins;
  if (bins === undefined) return [];
  if (typeof bins === "object") {
    return Object.entries(bins.edges).flatMap(([feature, edges]) =>
      ascending(edges) ? [] : [fact([...path, "edges", feature], "do not ascend", "sort them, each once", false)],
    );
  }
  if (!/^edges:/i.test(bins)) return [];
  const edges = readEdges(bins.slice("edges:".length));
  if (edges === undefined) return [fact(path, "is no list of numbers", "write edges:[0, 10, 100]", true)];
  return ascending(edges) ? [] : [fact(path, "holds edges that do not ascend", "sort them, each once", true)];
}

function readEdges(text: string): number[] | undefined {
  try {
    return JSON.parse(text) as number[];
  } catch {
    return undefined;
  }
}

function ascending(edges: readonly number[]): boolean {
  return edges.every((edge, i) => i === 0 || edge > edges[i - 1]!);
}

function isPattern(text: string): boolean {
  try {
    new RegExp(text, "u");
    return true;
  } catch {
    return false;
  }
}

function fact(path: ConfigPath, message: string, hint: string, value: boolean): Slip {
  return { path, at: "value", value, message, hint };
}
