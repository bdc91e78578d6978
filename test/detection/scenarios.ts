/** The streams that are simulated: how the features of a scenario look, move through the day and the week, and hang together. */

import type { ShapeName } from "./shapes.ts";

export type Scenario = {
  readonly title: string;
  /** Feature j has the shape j modulo the length. */
  readonly shapes: readonly ShapeName[];
  /** Amplitude of the daily cycle of a feature's location, sd; each feature has a phase of its own. */
  readonly daily: number;
  /** Added to every location at weekends, sd. */
  readonly weekend: number;
  /** Standard deviation of a slow random wander of each location (AR(1), correlation time two hours), sd. */
  readonly wander: number;
  /** Traffic is rate · (1 + swing · sin), lowest at 03:00. */
  readonly swing: number;
  /** Latent correlation of all numeric features within a record. */
  readonly correlation: number;
  /** Every column comes so often. */
  readonly copies: number;
};

const MIXED: readonly ShapeName[] = ["normal", "normal", "normal", "normal", "category"];
const PLAIN: Scenario = { title: "", shapes: MIXED, daily: 0, weekend: 0, wander: 0, swing: 0, correlation: 0, copies: 1 };
const DAILY: Scenario = { ...PLAIN, daily: 0.4, swing: 0.5 };

/** Four of five features are normal and one has eight categories, unless the title says otherwise. */
export const SCENARIOS = {
  iid: { ...PLAIN, title: "i.i.d." },
  daily: { ...DAILY, title: "daily cycle" },
  weekly: { ...DAILY, title: "daily cycle and weekend", weekend: 0.15 },
  wander: { ...PLAIN, title: "slow wander (.05 sd, 2 h)", wander: 0.05 },
  weekly_wander: { ...DAILY, title: "daily cycle, weekend and slow wander (.05 sd)", weekend: 0.15, wander: 0.05 },
  strong_wander: { ...DAILY, title: "daily cycle and strong wander (.15 sd)", wander: 0.15 },
  heavy: { ...PLAIN, title: "heavy tails (Student's t with 2 df, lognormal σ = 2)", shapes: ["t2", "lognormal"] },
  heavy_daily: { ...DAILY, title: "heavy tails with a daily cycle", shapes: ["t2", "lognormal"] },
  zeros: { ...PLAIN, title: "zero inflation (40 % and 95 %)", shapes: ["zeros40", "zeros95"] },
  zeros_daily: { ...DAILY, title: "zero inflation with a daily cycle", shapes: ["zeros40", "zeros95"] },
  zipf: { ...PLAIN, title: "20,000 categories (Zipf 1.2)", shapes: ["zipf"] },
  correlated: { ...PLAIN, title: "all features correlated by .8", shapes: ["normal"], correlation: 0.8 },
  correlated_daily: { ...DAILY, title: "all features correlated by .8, daily cycle", shapes: ["normal"], correlation: 0.8 },
  copies: { ...PLAIN, title: "every column five times", copies: 5 },
  copies_weekly: { ...DAILY, title: "every column five times, daily cycle and weekend", weekend: 0.15, copies: 5 },
} as const satisfies Record<string, Scenario>;

export type ScenarioName = keyof typeof SCENARIOS;

/** What goes wrong with one feature from the onset on. */
export type Fault =
  | { readonly kind: "mean"; readonly by: number }
  | { readonly kind: "sd"; readonly factor: number }
  /** Location moves by so many sd a day. */
  | { readonly kind: "ramp"; readonly perDay: number }
  /** This share of the values becomes a category never seen, the number 0, or null. */
  | { readonly kind: "new_category" | "zeros" | "missing"; readonly share: number };
