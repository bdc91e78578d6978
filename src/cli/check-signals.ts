/** `check-config`: whether the signals of the record (`record.signals`) and those of the references are the same. */

import type { LoadedConfig } from "../config/load.ts";
import type { Problem } from "../config/problem.ts";
import { isSignalName } from "../reference/columns.ts";
import { signalOf } from "../reference/compile.ts";
import type { Snapshot } from "../reference/snapshot.ts";

export type SignalCheck = {
  /** These snapshots judge the model. */
  readonly loaded: (model: string, snapshots: readonly Snapshot[]) => void;
  /** What does not fit, once the snapshots of all models are loaded. */
  readonly problems: () => Problem[];
};

/** A check of one configuration; a snapshot that could not be loaded is another check's matter. */
export function createSignalCheck({ config, problemAt }: LoadedConfig): SignalCheck {
  const { signals } = config.record;
  const ofModel = new Map<string, Set<string>>();
  return {
    loaded: (model, snapshots) => {
      const names = ofModel.get(model) ?? new Set();
      for (const { features } of snapshots) for (const { feature, role } of features) if (role === "signal") names.add(signalOf(feature));
      ofModel.set(model, names);
    },
    problems: () => {
      const problems: Problem[] = [];
      for (const [index, { name: model }] of config.models.entries()) {
        const lacking = [...(ofModel.get(model) ?? [])].filter((name) => !signals.has(name));
        if (lacking.length === 0) continue;
        const named = lacking.map((name) => `$${name}`).join(", ");
        const hint = `say where it stands, e.g. record.signals: { ${lacking[0]}: ${lacking[0]}_ms }, or build the reference without --signal`;
        problems.push(problemAt(["models", index], `has a reference with ${named}, which record.signals does not name`, hint));
      }
      for (const name of signals.keys()) {
        const at = ["record", "signals", name];
        if (!isSignalName(name)) problems.push(problemAt(at, "is a name of driftd's own", "give the signal another name"));
        // A model whose references could not be loaded might know it.
        else if (ofModel.size === config.models.length && ![...ofModel.values()].some((names) => names.has(name))) {
          const hint = `build one with driftd reference build --signal ${name}=COLUMN`;
          problems.push(problemAt(at, `is a signal that no reference knows: it would not be judged`, hint));
        }
      }
      return problems;
    },
  };
}
