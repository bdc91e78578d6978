/**
 * One look for all dashboards: what a colour means. Green says that something was judged and found to be in order; what could not be judged is
 * purple and what was not asked is grey, never green.
 */

import type { Json } from "./grafana.ts";

/** Colours by meaning. */
export const COLOURS = {
  fine: "green",
  near: "#EAB839",
  warning: "orange",
  critical: "red",
  cannotTell: "semi-dark-purple",
  neutral: "text",
} as const;

/** States as numbers, for queries; the mapping below turns them back into words. */
export const STATE = { cannotTell: -1, noDrift: 0, warning: 1, critical: 2 } as const;

const named = (value: number, text: string, color: string, index: number) => [String(value), { text, color, index }];

/** Words and colours of `STATE`. */
export const stateMappings: readonly Json[] = [
  {
    type: "value",
    options: Object.fromEntries([
      named(STATE.cannotTell, "cannot tell", COLOURS.cannotTell, 0),
      named(STATE.noDrift, "no drift", COLOURS.fine, 1),
      named(STATE.warning, "warning", COLOURS.warning, 2),
      named(STATE.critical, "critical", COLOURS.critical, 3),
    ]),
  },
];

/** Of a window, whose verdict on its own is no alert yet. */
export const verdictMappings: readonly Json[] = [
  {
    type: "value",
    options: Object.fromEntries([
      named(STATE.cannotTell, "cannot tell", COLOURS.cannotTell, 0),
      named(STATE.noDrift, "no drift", COLOURS.fine, 1),
      named(STATE.warning, "drift", COLOURS.warning, 2),
    ]),
  },
];

/** For 0 and 1, where 1 is bad. */
export function yesNo(no: string, yes: string, colour: string = COLOURS.critical): readonly Json[] {
  return [{ type: "value", options: Object.fromEntries([named(0, no, COLOURS.fine, 0), named(1, yes, colour, 1)]) }];
}

/** Thresholds: the first colour holds from minus infinity. */
export function steps(first: string, ...more: readonly (readonly [from: number, colour: string])[]): Json {
  return { mode: "absolute", steps: [{ color: first, value: null }, ...more.map(([value, color]) => ({ color, value }))] };
}

/**
 * The one scale of a score as a share of its highest limit, whatever the statistic. By calibrated limits a warning begins at a fifth of the
 * critical one, and green ends there: no score that is over a limit is green. Orange is at the limit without a verdict of drift, red beyond it
 * with one (`coloured` in queries.ts).
 */
export const limitSteps = steps(COLOURS.fine, [0.2, COLOURS.near], [1, COLOURS.warning], [1.0001, COLOURS.critical]);

/** For counts of what should not be: none is not a verdict, so it has no colour. */
export function anyIs(colour: string): Json {
  return steps(COLOURS.neutral, [1, colour]);
}

/** Colours by threshold. */
export const byThreshold: Json = { mode: "thresholds" };

/** A limit drawn as a dashed line: of the series whose name matches. */
export function dashed(pattern: string, colour: string): Json {
  return {
    matcher: { id: "byRegexp", options: pattern },
    properties: [
      { id: "color", value: { mode: "fixed", fixedColor: colour } },
      { id: "custom.lineStyle", value: { fill: "dash", dash: [10, 10] } },
      { id: "custom.lineWidth", value: 2 },
      { id: "custom.fillOpacity", value: 0 },
    ],
  };
}
