/**
 * Which per-feature series exist: `metrics.features` (all, drifted, none) and the cap `metrics.max_series`.
 *
 * Over the cap whole families go, in the catalog's fixed order, so that what is left can still be added and compared; only the last one
 * standing is cut within itself. A dropped family stays away until series were removed, else it would come and go with every write.
 */

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
};

/** The family that says which features drift: in the mode `drifted` the others follow it, so it has to be written first. */
const DRIFTED_FAMILY = "driftd_feature_drifted";
/** Sparse, and a verdict that has nothing to do with drift: it stands in every mode but `none`. */
const FAILED_FAMILY = "driftd_feature_quality_failed";

type Drifting = { readonly model: string; readonly feature: string; readonly at: Map<string, string> };

/** Rules over `families`. `onDropped` counts refused and evicted series. */
export function createPerFeature(options: {
  readonly families: readonly LineFamily[];
  readonly mode: FeatureMode;
  readonly maxSeries: number;
  readonly onDropped: (family: string, series: number) => void;
}): PerFeature {
  const { families, mode, maxSeries, onDropped } = options;
  const dropOrder = [...families].sort((a, b) => b.row.perFeature! - a.row.perFeature!);
  const last = dropOrder.at(-1);
  const dropped = new Set<LineFamily>();
  /** Mode `drifted`: the drifting features, each with the (version, severity) pairs at 1 and their version. */
  const drifting = new Map<string, Drifting>();
  let total = 0;

  const dropWhole = (family: LineFamily) => {
    dropped.add(family);
    onDropped(family.row.name, family.series.size);
    total -= family.series.size;
    family.series.clear();
  };

  /** Makes room for one series of `family` by dropping families that matter less, then the family itself. */
  const hasRoom = (family: LineFamily): boolean => {
    for (const candidate of dropOrder) {
      if (total < maxSeries) break;
      if (candidate === last) return false;
      if (candidate.series.size > 0 || candidate === family) dropWhole(candidate);
      if (candidate === family) return false;
    }
    return total < maxSeries;
  };

  const removeWhere = (matches: (series: Series) => boolean, but?: string) => {
    for (const family of families) {
      if (family.row.name === but) continue;
      for (const series of family.series.values()) {
        if (matches(series) && family.series.delete(series.key)) total--;
      }
    }
    dropped.clear();
  };

  const groupOf = (labels: Labels) => JSON.stringify([String(labels["model"]), String(labels["feature"])]);

  /** Keeps `drifting` up to date; false when the series itself is not to be written. */
  const follow = (labels: Labels, value: number): boolean => {
    const group = groupOf(labels);
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
    if (drifting.delete(group)) removeWhere((series) => series.owner === entry.model && series.feature === entry.feature, FAILED_FAMILY);
    return false;
  };

  /** Mode `drifted`. */
  const mayStand = (family: string, labels: Labels, value: number): boolean => {
    if (family === FAILED_FAMILY) return true;
    return family === DRIFTED_FAMILY ? follow(labels, value) : drifting.has(groupOf(labels));
  };

  return {
    refuses: (family) => {
      if (mode === "none") return true;
      if (!dropped.has(family)) return false;
      onDropped(family.row.name, 1);
      return true;
    },
    write: (family, key, labels, value, add) => {
      if (mode === "drifted" && !mayStand(family.row.name, labels, value)) return;
      let series = family.series.get(key);
      if (series === undefined) {
        if (!hasRoom(family)) return onDropped(family.row.name, 1);
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
    },
  };
}
