/**
 * `--set KEY=VALUE` and `--sweep KEY=V1,V2,…`: a configuration with other values, checked by the schema that checks the file, so that a slip is
 * told as well as there. A key is one of a model (`thresholds.psi.critical`, for all models, or `models.NAME.…` for one) or `windows`.
 */

import type { Config } from "../config/config.ts";
import { jsonSchemaAt } from "../config/json-schema.ts";
import { type LoadOptions, loadConfig } from "../config/load.ts";
import { formatPath, isConfigError, type Problem } from "../config/problem.ts";
import { DriftdError } from "../lib/errors.ts";
import { didYouMean } from "../lib/suggest.ts";
import type { Io } from "./args.ts";

/** One value in place of the file's. `text` is what the user wrote, flag and all. */
type Assignment = {
  readonly text: string;
  readonly key: string;
  readonly value: unknown;
  /** The value as the report names it. */
  readonly shown: unknown;
  /** The model it is for; undefined: every model, or none for `windows`. */
  readonly model: string | undefined;
  readonly path: readonly string[];
};

/** One configuration of a sweep, with what makes it differ. */
export type Setting = { readonly set: Readonly<Record<string, unknown>>; readonly config: Config };

export type Settings = {
  /** The file with every `--set`. */
  readonly config: Config;
  /** The grid of all `--sweep`, the last one turning fastest; empty without one. */
  readonly sweep: readonly Setting[];
};

/** More settings than this are a search, and whoever picks the best of so many finds what fits the past. */
const MAX_SETTINGS = 100;

/** Statistics of `thresholds`, which may be named without it. */
const STATISTICS = new Set(["psi", "kl", "kl_reverse", "ks", "jensen_shannon", "hellinger", "total_variation"]);
/** Keys of a model that decide what is counted, not how it is judged. */
const COUNTED = new Set(["name", "max_versions", "expectations", "outliers"]);
/** Beside those: one input is counted in the bins of one reference. */
const COUNTED_IN = new Set(["reference", "references"]);

/**
 * Loads the configuration and its variations. Throws what `loadConfig` throws for the file itself; `USAGE`, naming the flag, for a key that does
 * not exist, a value that is none, a value that cannot stand beside others, and more than 100 settings. `counted`: the panes are there already,
 * so that `--set` too can only change how they are judged.
 */
export async function loadSettings(
  file: string,
  { sets, sweeps, counted }: { readonly sets: readonly string[]; readonly sweeps: readonly string[]; readonly counted: boolean },
  io: Io,
  options: Omit<LoadOptions, "edit"> = {},
): Promise<Settings> {
  const { config: base } = await loadConfig(file, io.env, options);
  const models = base.models.map(({ name }) => name);
  const fixed = sets.map((text) => assignment(`--set ${text}`, ...split("--set", text), models, counted ? [COUNTED] : []));
  const grid = gridOf(sweeps, models);
  const load = async (assignments: readonly Assignment[]): Promise<Config> => {
    if (assignments.length === 0) return base;
    try {
      return (await loadConfig(file, io.env, { ...options, edit: (root) => edit(root, assignments) })).config;
    } catch (thrown) {
      throw isConfigError(thrown) ? explained(thrown.problems, assignments) : thrown;
    }
  };
  const config = await load(fixed);
  const sweep: Setting[] = [];
  for (const varied of grid) {
    sweep.push({ set: Object.fromEntries(varied.map(({ key, shown }) => [key, shown])), config: await load([...fixed, ...varied]) });
  }
  return { config, sweep };
}

function gridOf(sweeps: readonly string[], models: readonly string[]): Assignment[][] {
  const axes = sweeps.map((text) => {
    const [key, values] = split("--sweep", text);
    const parts = values.split(values.includes(";") ? ";" : ",").map((value) => value.trim());
    if (parts.includes("")) throw new DriftdError("USAGE", `--sweep ${text}: a value is empty`, { hint: "write KEY=0.1,0.2" });
    return parts.map((value) => assignment(`--sweep ${key}=${value}`, key, value, models, [COUNTED, COUNTED_IN]));
  });
  const size = axes.reduce((product, axis) => product * axis.length, 1);
  if (size > MAX_SETTINGS) {
    throw new DriftdError(
      "USAGE",
      `--sweep: ${axes.map((axis) => axis.length).join(" × ")} = ${size} settings are too many; at most ${MAX_SETTINGS}`,
      {
        hint: "take fewer values; the best of very many settings only fits the past",
      },
    );
  }
  const seen = new Set<string>();
  for (const [first] of axes) {
    const name = JSON.stringify([first!.model, first!.path]);
    if (seen.has(name))
      throw new DriftdError("USAGE", `${first!.text}: this key is swept twice`, { hint: "put all its values into one --sweep" });
    seen.add(name);
  }
  if (axes.length === 0) return [];
  return axes.reduce<Assignment[][]>((rows, axis) => rows.flatMap((row) => axis.map((value) => [...row, value])), [[]]);
}

function split(flag: string, text: string): [string, string] {
  const equals = text.indexOf("=");
  if (equals > 0 && equals < text.length - 1) return [text.slice(0, equals).trim(), text.slice(equals + 1).trim()];
  throw new DriftdError("USAGE", `${flag} ${text}: has no form KEY=VALUE`, { hint: `write ${flag} thresholds.psi.critical=0.2` });
}

function assignment(
  text: string,
  key: string,
  value: string,
  models: readonly string[],
  refused: readonly ReadonlySet<string>[],
): Assignment {
  const { model, rest } = modelOf(text, key, models);
  const path = rest.split(".");
  if (STATISTICS.has(path[0]!)) path.unshift("thresholds");
  if (model === undefined && path[0] !== "windows") refuseSection(text, path[0]!);
  if (refused.some((keys) => keys.has(path[0]!))) {
    throw new DriftdError("USAGE", `${text}: ${path[0]} decides what is counted, and the records are counted once`, {
      hint: "change it in the configuration and replay the records for each value",
    });
  }
  // One limit for a statistic: what reaches it is critical.
  if (path.length === 3 && path[0] === "thresholds" && path[2] === "threshold") {
    const shown = readValue(text, value, undefined);
    return { text, key, model, path: path.slice(0, 2), value: { critical: shown }, shown };
  }
  const schema = jsonSchemaAt(path[0] === "windows" && model === undefined ? ["windows"] : ["models", 0, ...path], {
    models: [{ thresholds: {}, reference: {} }],
  });
  const read = readValue(text, value, schema?.title);
  return { text, key, model, path, value: read, shown: read };
}

/** `models.NAME.rest`; a name may hold dots. */
function modelOf(text: string, key: string, models: readonly string[]): { model: string | undefined; rest: string } {
  if (!key.startsWith("models.")) return { model: undefined, rest: key };
  const after = key.slice("models.".length);
  const found = models.filter((name) => after.startsWith(`${name}.`)).sort((a, b) => b.length - a.length)[0];
  if (found !== undefined) return { model: found, rest: after.slice(found.length + 1) };
  const named = after.split(".")[0]!;
  throw new DriftdError("USAGE", `${text}: no model ${JSON.stringify(named)} is configured`, { hint: didYouMean(named, models) });
}

function refuseSection(text: string, section: string): void {
  const sections = jsonSchemaAt([], {})?.keys ?? [];
  if (!sections.includes(section)) return;
  throw new DriftdError("USAGE", `${text}: ${section} cannot be set here`, {
    hint: section === "models" ? "write models.NAME.KEY=VALUE" : "only windows and keys of a model can; change it in the configuration",
  });
}

/** A number or a switch where it looks like one, JSON where it begins like it, a list where the key wants one, else text. */
function readValue(text: string, value: string, title: string | undefined): unknown {
  if (/^["[{]/.test(value)) {
    try {
      return JSON.parse(value) as unknown;
    } catch (cause) {
      throw new DriftdError("USAGE", `${text}: the value is no JSON`, {
        hint: "a value that begins with a quote or a bracket is read as JSON",
        cause,
      });
    }
  }
  if (title === "list") return value.split(",").map((item) => item.trim());
  if (value === "true" || value === "false") return value === "true";
  return /^-?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(value) ? Number(value) : value;
}

/** Puts the values in place; maps on the way are copied, since YAML lets two models share one. */
function edit(root: Record<string, unknown>, assignments: readonly Assignment[]): void {
  const models = root["models"] as Record<string, unknown>[];
  for (const { model, path, value } of assignments) {
    if (model === undefined && path[0] === "windows") root["windows"] = value;
    else
      root["models"] = (root["models"] as typeof models).map((one) =>
        model === undefined || one["name"] === model ? put(one, path, value) : one,
      );
  }
}

function put(map: Readonly<Record<string, unknown>>, [key, ...rest]: readonly string[], value: unknown): Record<string, unknown> {
  if (rest.length === 0) return { ...map, [key!]: value };
  const held = map[key!];
  const inner = typeof held === "object" && held !== null && !Array.isArray(held) ? (held as Record<string, unknown>) : {};
  // The short form of a reference is its path.
  return { ...map, [key!]: put(key === "reference" && typeof held === "string" ? { path: held } : inner, rest, value) };
}

/** What is wrong, by the flag that brought it: each once, though it is wrong for every model. */
function explained(problems: readonly Problem[], assignments: readonly Assignment[]): DriftdError {
  const said = new Map<string, string | undefined>();
  for (const { path, value, message, hint } of problems) {
    const own = path.replace(/^models\[\d+\]\.?/, "");
    const by = assignments.filter((one) => touches(own, formatPath(one.path)));
    // `threshold` is a word of these flags alone.
    const limit = message === "unknown key" ? /^thresholds\.\w+\.(\w+)$/.exec(own)?.[1] : undefined;
    const advice = limit === undefined ? hint : didYouMean(limit, ["threshold", "warning", "critical"]);
    const what = `${value === undefined ? "" : `${value} `}${message}`;
    if (by.length > 0) said.set(`${by.at(-1)!.text}: ${own === formatPath(by.at(-1)!.path) ? "" : `${own}: `}${what}`, advice);
    else said.set(`with ${assignments.map(({ text }) => text).join(" and ")}: ${path}: ${what}`, hint);
  }
  const [[first, hint] = ["", undefined]] = said;
  const rest = [...said.keys()].slice(1);
  return new DriftdError("USAGE", [first, ...rest].join("\n"), hint === undefined ? {} : { hint });
}

function touches(problem: string, path: string): boolean {
  return problem === path || [".", "["].some((next) => problem.startsWith(path + next) || path.startsWith(problem + next));
}
