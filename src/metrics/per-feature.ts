/**
 * Which per-feature series exist: `metrics.features` (all, drifted, none) and the cap `metrics.max_series`.
 *
 * Over the cap series go in one fixed order (`dropOrder`): whole families first, so that what is left can still be added and compared; then
 * scores, limits and shares of missing values keep to the features that drift, as with `metrics.features: drifted`, before they go whole too;
 * only the last family, driftd's own verdict, is cut within itself, features that drift last. What was dropped stays away until series of a model or version were
 * removed, else it would come and go with every write.
 */

import type { MetricRow } from "./catalog.ts";
import type { LineFamily, Series } from "./lines.ts";
import { newSeries } from "./lines.ts";
import type { Labels } from "./metrics.ts";

export type FeatureMode = "all" | "drifted" | "none";

export type PerFeature = {
  /** True (and counted) when nothing of this family may exist now: saves making the key. */
  readonly refuses: (family: LineFamily) => boolean;
  /** Sets or (with `add`) raises a series, made if need be; nothing happens where it may not exist (not wanted, not drifting, cap). */
  readonly write: (family: LineFamily, key: string, labels: Labels, value: number, add: boolean) => void;
  readonly remove: (family: LineFamily, key: string) => void;
  /** Removes the series of a model, or of one version of it, and lets dropped families come back. */
  readonly forget: (model: string, version?: string) => void;
  /** The same for features that no version of the model has. */
  readonly forgetFeatures: (model: string, features: ReadonlySet<string>) => void;
};

/** The family that says which features drift: in the mode `drifted` the others follow it, so it has to be written first. */
const DRIFTED_FAMILY = "driftd_feature_drifted";
/** Sparse, and a verdict that has nothing to do with drift: it stands in every mode but `none`. */
const FAILED_FAMILY = "driftd_feature_quality_failed";

/** Families worth having of drifting features alone. */
const OF_DRIFTING = new Set(["driftd_feature_missing_ratio", "driftd_drift_threshold", "driftd_drift_score"]);

/** What goes next when the cap is hit: a family's series of features that do not drift (`calm`), or all of it. */
export type DropStep<F> = { readonly family: F; readonly calm: boolean };

/** The fixed order in which per-feature families go, those that matter least first. The last is only cut. */
export function dropOrder<F extends { readonly row: MetricRow }>(families: readonly F[]): DropStep<F>[] {
  const ordered = families.filter(({ row }) => row.perFeature !== undefined).sort((a, b) => b.row.perFeature! - a.row.perFeature!);
  const firstOfDrifting = ordered.findIndex(({ row }) => OF_DRIFTING.has(row.name));
  const whole = (family: F) => ({ family, calm: false });
  return [
    ...ordered.slice(0, firstOfDrifting).map(whole),
    ...ordered.filter(({ row }) => OF_DRIFTING.has(row.name)).map((family) => ({ family, calm: true })),
    ...ordered.slice(firstOfDrifting).map(whole),
  ];
}

type Drifting = { readonly model: string; readonly feature: string; readonly at: Map<string, string> };

/** Rules over `families`. `onDropped` counts refused and evicted series. */
export function createPerFeature(options: {
  readonly families: readonly LineFamily[];
  readonly mode: FeatureMode;
  readonly maxSeries: number;
  readonly onDropped: (family: string, series: number) => void;
}): PerFeature {
  const { families, mode, maxSeries, onDropped } = options;
  const steps = dropOrder(families);
  const last = steps.at(-1)?.family;
  const dropped = new Set<LineFamily>();
  /** Cut down to the features that drift. */
  const thinned = new Set<LineFamily>();
  /** The drifting features, each with the (version, severity) pairs at 1 and their version. */
  const drifting = new Map<string, Drifting>();
  let total = 0;

  const dropWhole = (family: LineFamily) => {
    dropped.add(family);
    onDropped(family.row.name, family.series.size);
    total -= family.series.size;
    family.series.clear();
  };

  const dropCalm = (family: LineFamily) => {
    thinned.add(family);
    const before = family.series.size;
    for (const series of family.series.values()) if (!drifting.has(groupOf(series.owner, series.feature))) family.series.delete(series.key);
    onDropped(family.row.name, before - family.series.size);
    total -= before - family.series.size;
  };

  /** The last resort: a verdict of drift takes the place of one of none. */
  const replacesCalm = (family: LineFamily, value: number): boolean => {
    if (family !== last || value === 0) return false;
    for (const series of family.series.values()) {
      if (series.value > 0) continue;
      family.series.delete(series.key);
      total--;
      onDropped(family.row.name, 1);
      return true;
    }
    return false;
  };

  /** Makes room for one series of `family` by dropping what matters less, then the family itself. */
  const hasRoom = (family: LineFamily, labels: Labels, value: number): boolean => {
    for (const { family: candidate, calm } of steps) {
      if (total < maxSeries) break;
      if (calm) {
        if (!thinned.has(candidate)) dropCalm(candidate);
        if (candidate === family && !isDrifting(labels)) return false;
        continue;
      }
      if (candidate === last) return replacesCalm(family, value);
      if (candidate.series.size > 0 || candidate === family) dropWhole(candidate);
      if (candidate === family) return false;
    }
    return total < maxSeries;
  };

  const removeWhere = (matches: (series: Series) => boolean, from = families) => {
    for (const family of from) {
      for (const series of family.series.values()) {
        if (matches(series) && family.series.delete(series.key)) total--;
      }
    }
  };

  const groupOf = (model: unknown, feature: unknown) => JSON.stringify([String(model), String(feature)]);
  const isDrifting = (labels: Labels) => drifting.has(groupOf(labels["model"], labels["feature"]));

  /** Keeps `drifting` up to date; a feature that drifts no longer loses what only drifting ones have. False when none of its versions drifts. */
  const follow = (labels: Labels, value: number): boolean => {
    const group = groupOf(labels["model"], labels["feature"]);
    const entry = drifting.get(group) ?? {
      model: String(labels["model"]),
      feature: String(labels["feature"]),
      at: new Map<string, string>(),
    };
    const pair = JSON.stringify([String(labels["version"]), String(labels["severity"])]);
    if (value > 0) {
      entry.at.set(pair, String(labels["version"]));
      drifting.set(group, entry);
      return true;
    }
    entry.at.delete(pair);
    if (entry.at.size > 0) return true;
    if (drifting.delete(group)) {
      const gone = mode === "drifted" ? families.filter(({ row }) => row.name !== FAILED_FAMILY) : [...thinned];
      if (gone.length > 0) removeWhere((series) => series.owner === entry.model && series.feature === entry.feature, gone);
      if (mode === "drifted") cameBack();
    }
    return false;
  };

  /** There is room again, perhaps: everything may be tried anew. */
  const cameBack = () => {
    dropped.clear();
    thinned.clear();
  };

  return {
    refuses: (family) => {
      if (mode === "none") return true;
      if (!dropped.has(family)) return false;
      onDropped(family.row.name, 1);
      return true;
    },
    write: (family, key, labels, value, add) => {
      const { name } = family.row;
      if (name === DRIFTED_FAMILY) {
        if (!follow(labels, value) && mode === "drifted") return;
      } else if (name !== FAILED_FAMILY && (mode === "drifted" || thinned.has(family)) && !isDrifting(labels)) {
        if (mode !== "drifted") onDropped(name, 1);
        return;
      }
      let series = family.series.get(key);
      if (series === undefined) {
        if (!hasRoom(family, labels, value)) return onDropped(name, 1);
        series = newSeries(family.row, key, labels);
        family.series.set(key, series);
        total++;
      }
      series.value = add ? series.value + value : value;
    },
    remove: (family, key) => {
      if (family.series.delete(key)) total--;
    },
    forget: (model, version) => {
      for (const [group, entry] of drifting) {
        if (entry.model !== model) continue;
        for (const [pair, ofVersion] of entry.at) if (version === undefined || ofVersion === version) entry.at.delete(pair);
        if (entry.at.size === 0) drifting.delete(group);
      }
      removeWhere((series) => series.owner === model && (version === undefined || series.version === version));
      cameBack();
    },
    forgetFeatures: (model, features) => {
      if (features.size === 0) return;
      for (const [group, entry] of drifting) if (entry.model === model && features.has(entry.feature)) drifting.delete(group);
      removeWhere((series) => series.owner === model && series.feature !== undefined && features.has(series.feature));
      cameBack();
    },
  };
}
