/** driftd on a stream: the real `evaluateWindow` on its windows and the real `transition` on the verdicts, look by look. */

import type { Severity } from "../../src/decide/alert.ts";
import { type AlertState, inactiveState, sustained, transition } from "../../src/decide/transition.ts";
import type { PreparedReference } from "../../src/evaluate/calibrate.ts";
import { evaluateWindow } from "../../src/evaluate/evaluate.ts";
import type { Evaluation, WindowCounts } from "../../src/evaluate/evaluation.ts";
import type { Policy } from "../../src/evaluate/policy.ts";
import { MINUTE, type Process } from "./process.ts";
import type { BuiltReference } from "./reference.ts";
import { walk } from "./windows.ts";

/** Sees every window that is judged. The counts change afterwards. */
export type OnWindow = (window: WindowCounts, evaluation: Evaluation, reference: PreparedReference) => void;

export type Judged = { readonly built: BuiltReference; readonly reference: PreparedReference; readonly policy: Policy };

/** The longest window, ms. */
export function longestOf({ windows }: Policy): number {
  return Math.max(...windows.map(({ lengthMs }) => lengthMs));
}

/** Judges the windows that end in `(fromMs, toMs]`; the process stands one longest window before. `onDecision` returns false to stop. */
function judge(
  { built, reference, policy }: Judged,
  stretch: { readonly process: Process; readonly fromMs: number; readonly toMs: number },
  onDecision: (state: AlertState, moved: ReturnType<typeof transition>, endMs: number) => boolean | undefined,
  onWindow?: OnWindow,
): void {
  const { windows } = policy;
  const rule = { forMs: 0, keepFiringForMs: longestOf(policy), windows: windows.map(({ name }) => name) };
  let state: AlertState = inactiveState;
  walk({ ...stretch, built, windows }, (counts, endMs) => {
    const evaluations = counts.map((window) => {
      const evaluation = evaluateWindow(window, reference);
      onWindow?.(window, evaluation, reference);
      return evaluation;
    });
    const moved = transition(state, evaluations, rule, (parts) => parts.join("/"));
    state = moved.state;
    return onDecision(state, moved, endMs);
  });
}

/** An episode that fired: when it first did, what it became, and every feature that it had. */
export type Fired = { readonly atMs: number; readonly severity: Severity; readonly features: readonly string[] };

export type Watched = {
  readonly episodes: readonly Fired[];
  /** Hours, of all, at whose end a feature sustained a warning or worse, and a critical verdict. */
  readonly hours: number;
  readonly alarmedHours: number;
  readonly criticalHours: number;
  /** When each feature first sustained a warning or worse, and a critical verdict. */
  readonly first: Readonly<Record<string, First>>;
};

export type First = { readonly warningMs: number; readonly criticalMs?: number };

/** All episodes of a stretch of healthy (or only naturally drifting) traffic. */
export function watch(judged: Judged, process: Process, toMs: number, onWindow?: OnWindow): Watched {
  const fired = new Map<string, Fired>();
  const hours = { hours: 0, alarmedHours: 0, criticalHours: 0 };
  const first: Record<string, First> = {};
  const fromMs = process.now() + longestOf(judged.policy);
  judge(
    judged,
    { process, fromMs, toMs },
    (state, { changes }, endMs) => {
      for (const { kind, episode } of changes) {
        if (kind === "pending" || kind === "lapsed") continue;
        fired.set(episode.id, {
          atMs: fired.get(episode.id)?.atMs ?? endMs,
          severity: episode.severity,
          features: episode.features,
        });
      }
      const levels = sustained(state);
      for (const { feature, severity } of levels) {
        first[feature] ??= { warningMs: endMs };
        if (severity === "critical") first[feature] = { criticalMs: endMs, ...first[feature] };
      }
      if (endMs % 3_600_000 === 0) {
        hours.hours++;
        if (levels.length > 0) hours.alarmedHours++;
        if (levels.some(({ severity }) => severity === "critical")) hours.criticalHours++;
      }
      return true;
    },
    onWindow,
  );
  return { episodes: [...fired.values()], first, ...hours };
}

/** Minutes from the onset until `feature` has sustained a warning or worse, and a critical verdict; Infinity: not before `toMs`. */
export type Found = { readonly warningMin: number; readonly criticalMin: number };

/** A fault that has only been a warning for so long is not waited for any more. */
const PATIENCE_MIN = 25 * 60;

/** When a fault is found; stops when it is critical, or has been found for a day. */
export function find(
  judged: Judged,
  process: Process,
  fault: { readonly feature: string; readonly onsetMs: number; readonly toMs: number },
): Found {
  const { feature, onsetMs, toMs } = fault;
  let warningMin = Number.POSITIVE_INFINITY;
  let criticalMin = Number.POSITIVE_INFINITY;
  judge(judged, { process, fromMs: process.now() + longestOf(judged.policy), toMs }, (state, _, endMs) => {
    if (endMs <= onsetMs) return true;
    const minutes = (endMs - onsetMs) / MINUTE;
    for (const track of sustained(state)) {
      if (track.feature !== feature) continue;
      warningMin = Math.min(warningMin, minutes);
      if (track.severity === "critical") criticalMin = minutes;
    }
    return criticalMin === Number.POSITIVE_INFINITY && minutes < warningMin + PATIENCE_MIN;
  });
  return { warningMin, criticalMin };
}

/** When streams with a fault begin: judged for an hour or two before the onset, at a full hour. */
export function startBefore(onsetMs: number, policy: Policy): number {
  return Math.floor((onsetMs - 60 * MINUTE) / (60 * MINUTE)) * 60 * MINUTE - longestOf(policy);
}
