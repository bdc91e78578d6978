/**
 * Which versions of a model still have series. A version that was replaced brings no records any more; its last numbers would stand on the page
 * for ever, and every new version would add as many series. Of this the observer is told; it removes and writes, here nothing is.
 */

import type { Alert } from "../decide/decision.ts";
import type { Evaluation } from "../evaluate/evaluation.ts";
import type { Snapshot } from "../reference/snapshot.ts";

type Version = { readonly model: string; readonly version: string };
type Reference = { readonly path: string; readonly snapshot: Snapshot };

export type LiveVersions = {
  /** Looks at the last evaluations: which versions were retired by it, and which are back. */
  readonly look: (
    latest: Iterable<Pick<Evaluation, "model" | "version" | "records">>,
    alerts: readonly Alert[],
  ) => { readonly retired: readonly Version[]; readonly returned: readonly Version[] };
  readonly isRetired: (model: string, version: string) => boolean;
  /** Remembers what judges a version, for when it is back. */
  readonly judged: (model: string, version: string, reference: Reference) => void;
  readonly reference: (model: string, version: string) => Reference | undefined;
  /** Features of its reference that no other version's reference of the model has. */
  readonly ownFeatures: (model: string, version: string) => ReadonlySet<string>;
  /** The model was removed, or is judged otherwise: all of its versions are looked at anew. */
  readonly forget: (model: string) => void;
};

/**
 * No version is retired at first. One is when every window of it is empty while another version of the model has records, and neither drift nor
 * failing quality of it is open: the newest version of a model that is silent keeps its series, and so does what somebody is still told of.
 */
export function createLiveVersions(): LiveVersions {
  const retired = new Map<string, Version>();
  const references = new Map<string, Version & Reference>();

  return {
    look: (latest, alerts) => {
      const records = new Map<string, Version & { most: number }>();
      const ofModel = new Map<string, number>();
      for (const { model, version, records: count } of latest) {
        const key = keyOf(model, version);
        const one = records.get(key) ?? { model, version, most: 0 };
        one.most = Math.max(one.most, count);
        records.set(key, one);
        ofModel.set(model, Math.max(ofModel.get(model) ?? 0, count));
      }
      const open = new Set(
        alerts
          .filter(({ phase, quality }) => phase === "firing" || quality.phase === "firing")
          .map(({ model, version }) => keyOf(model, version)),
      );
      const changed = { retired: [] as Version[], returned: [] as Version[] };
      for (const [key, { model, version, most }] of records) {
        const gone = most === 0 && (ofModel.get(model) ?? 0) > 0 && !open.has(key);
        if (gone === retired.has(key)) continue;
        if (gone) retired.set(key, { model, version });
        else retired.delete(key);
        changed[gone ? "retired" : "returned"].push({ model, version });
      }
      return changed;
    },
    isRetired: (model, version) => retired.has(keyOf(model, version)),
    judged: (model, version, reference) => void references.set(keyOf(model, version), { model, version, ...reference }),
    reference: (model, version) => references.get(keyOf(model, version)),
    ownFeatures: (model, version) => {
      const own = new Set(references.get(keyOf(model, version))?.snapshot.features.map(({ feature }) => feature));
      for (const [key, other] of references) {
        if (other.model !== model || other.version === version || retired.has(key)) continue;
        for (const { feature } of other.snapshot.features) own.delete(feature);
      }
      return own;
    },
    forget: (model) => {
      for (const map of [retired, references]) for (const [key, one] of map) if (one.model === model) map.delete(key);
    },
  };
}

function keyOf(model: string, version: string): string {
  return JSON.stringify([model, version]);
}
