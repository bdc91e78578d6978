/** The flags of `driftd compare` that say when it fails and which older tools' numbers it shows, and what they mean. Pure. */

import type { Severity } from "../decide/alert.ts";
import type { Compat } from "../evaluate/policy.ts";
import { DriftdError } from "../lib/errors.ts";
import { type PsiBins, parsePsiBins } from "../reference/compat-bins.ts";
import type { CommandSpec, ParsedArgs } from "./args.ts";

/** What an empty bin is filled with when no number is given: radicalbit's and deepchecks' own. */
const DEFAULT_EPSILON = 1e-4;
const DEFAULT_FLOOR = 0.01;

/** Flags of the gate, and of the older tools' numbers. */
export const compareFlags: NonNullable<CommandSpec["flags"]> = {
  "fail-on": {
    value: "SEVERITY",
    description: "The least severity that exits 1.",
    choices: ["warning", "critical"],
    default: "warning",
  },
  bars: { description: "Draw the drifting columns' shapes also where the output is no terminal." },
  "psi-zero": { value: "RULE", description: "Show PSI as an older tool fills empty bins: jeffreys, evidently, epsilon:1e-4, floor:0.01." },
  "psi-bins": { value: "BINS", description: "Show PSI over an older tool's bins: coarse, deciles, width:20, doane, edges:[0,10,100]." },
  "js-base": { value: "BASE", description: "Show Jensen-Shannon in nats (e) or bits (2).", choices: ["e", "2"] },
  "js-form": { value: "FORM", description: "Show Jensen-Shannon as this; the distance is its root.", choices: ["distance", "divergence"] },
  "kl-direction": {
    value: "DIRECTION",
    description: "Show KL in this direction.",
    choices: ["current||reference", "reference||current"],
  },
};

/** Whether a verdict of this severity fails the gate. */
export function reaches(severity: Severity | undefined, failOn: string | undefined): boolean {
  return severity === "critical" || (severity === "warning" && failOn !== "critical");
}

/** The older tools' numbers that the flags ask for; undefined: none. Throws USAGE. */
export function compatOf(parsed: ParsedArgs): Compat | undefined {
  const zero = parsed.text("psi-zero");
  const bins = parsed.text("psi-bins");
  const base = parsed.text("js-base");
  const form = parsed.text("js-form");
  const direction = parsed.text("kl-direction");
  const compat: Compat = {
    ...(zero === undefined && bins === undefined ? {} : { psi: { zero: zeroOf(zero ?? "jeffreys"), bins: binsOf(bins ?? "coarse") } }),
    ...(direction === undefined ? {} : { kl: { direction: direction as NonNullable<Compat["kl"]>["direction"] } }),
    ...(base === undefined && form === undefined
      ? {}
      : { js: { base: base === "2" ? 2 : "e", form: (form ?? "divergence") as "distance" | "divergence" } }),
  };
  return Object.keys(compat).length === 0 ? undefined : compat;
}

/** The bins whose edges a reference made of a table keeps, so that the numbers over them are exact. */
export function keptBins(compat: Compat | undefined): PsiBins[] {
  const bins = compat?.psi?.bins;
  return bins === undefined || bins.kind === "coarse" || bins.kind === "edges_by_feature" ? [] : [bins as PsiBins];
}

type Psi = NonNullable<Compat["psi"]>;

function zeroOf(text: string): Psi["zero"] {
  const [kind, number] = text.toLowerCase().split(":") as [string, string | undefined];
  if ((kind === "jeffreys" || kind === "evidently") && number === undefined) return { kind };
  if (kind === "epsilon" || kind === "floor") {
    const value = number === undefined ? (kind === "epsilon" ? DEFAULT_EPSILON : DEFAULT_FLOOR) : Number(number);
    if (value > 0 && value < 1) return { kind, value };
  }
  throw new DriftdError("USAGE", `--psi-zero ${text}: is none of jeffreys, evidently, epsilon:x, floor:x`, {
    hint: "x is a share between 0 and 1: epsilon:0.0001.",
  });
}

function binsOf(text: string): Psi["bins"] {
  if (text.toLowerCase() === "coarse") return { kind: "coarse" };
  const bins = parsePsiBins(text);
  if (bins.length > 1) {
    throw new DriftdError("USAGE", `--psi-bins ${text}: names ${bins.length} kinds of bins`, { hint: "A comparison shows one." });
  }
  return bins[0]!;
}
