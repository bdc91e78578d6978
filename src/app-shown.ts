/** What the metrics and the log say about a configuration in force: which references judge, which outputs there are, when it was loaded. */

import type { Config } from "./config/config.ts";
import { explainRules } from "./evaluate/explain.ts";
import type { Judges } from "./judges.ts";
import { coerceError } from "./lib/errors.ts";
import type { Log } from "./lib/log.ts";
import type { Observer } from "./metrics/observer.ts";
import type { MetricsRegistry } from "./metrics/registry.ts";
import type { Snapshot } from "./reference/snapshot.ts";

type InForce = { readonly config: Config; readonly digest: string; readonly loadedAtMs: number; readonly judges: Judges };

export type Shown = {
  /** Which reference judges a version: said once, when it is first judged. */
  readonly reference: (model: string, version: string) => void;
  /** From now on this configuration is in force: its models, outputs and the references of the versions that were seen. */
  readonly configuration: (next: InForce) => void;
  /** The last load or reload worked. */
  readonly loaded: () => void;
  /** It did not. */
  readonly reloadFailed: () => void;
  /** Takes back what holds no longer: series of models and outputs that are gone, and of models that are judged otherwise. */
  readonly replaced: (before: InForce, next: InForce) => void;
};

/** Begins with the configuration of the start. */
export function createShown(
  start: InForce,
  { metrics, observer, log }: { readonly metrics: MetricsRegistry; readonly observer: Observer; readonly log: Log },
): Shown {
  let inForce = start;
  const shown = new Set<string>();

  /** A misspelt name would leave the values of the feature that was meant in the log and the API: that is no matter for `check-config` alone. */
  function warnOfSensitive(model: string, version: string, { features }: Snapshot): void {
    const known = new Set(features.map(({ feature }) => feature));
    const named = inForce.config.models.find(({ name }) => name === model)?.features.sensitive ?? [];
    const unknown = named.filter((feature) => !known.has(feature));
    if (unknown.length > 0)
      log.warn(
        { model, version, features: unknown },
        "features.sensitive names features that the reference does not have: nothing is held back for them",
      );
  }

  function reference(model: string, version: string): void {
    const key = JSON.stringify([model, version]);
    const judge = inForce.judges.find(model, version);
    if (shown.has(key) || judge === undefined) return;
    shown.add(key);
    observer.judged(model, version, judge.reference.path, judge.reference.snapshot);
    warnOfSensitive(model, version, judge.reference.snapshot);
    void explainRules(judge.prepared)
      .then((meanings) => {
        for (const meaning of meanings) log.info({ model, version, meaning }, "what the rules mean");
      })
      .catch((thrown: unknown) => log.warn({ model, version, err: coerceError(thrown) }, "what the rules mean could not be measured"));
  }

  function configuration(next: InForce): void {
    inForce = next;
    shown.clear();
    const { config, judges } = next;
    const intervalMs = Math.min(...config.windows.map(({ slideMs }) => slideMs));
    for (const { name } of config.outputs.values()) metrics.initialise({ target: name });
    for (const topic of config.kafka?.topics ?? []) metrics.initialise({ topic });
    for (const { name } of config.models) {
      metrics.initialise({ model: name });
      metrics.set("driftd_evaluation_interval_seconds", { model: name }, intervalMs / 1000);
    }
    for (const { model, version } of judges.subjects()) reference(model, version);
  }

  configuration(start);
  return {
    reference,
    configuration,
    loaded: () => {
      metrics.set("driftd_config_last_reload_successful", {}, 1);
      metrics.set("driftd_config_last_reload_success_timestamp_seconds", {}, inForce.loadedAtMs / 1000);
      // 48 bits of the digest: what a double holds exactly.
      metrics.set("driftd_config_hash", {}, Number.parseInt(inForce.digest.replace("sha256:", "").slice(0, 12), 16));
    },
    reloadFailed: () => metrics.set("driftd_config_last_reload_successful", {}, 0),
    replaced: (before, next) => {
      for (const { name } of before.config.models) {
        if (next.judges.digest(name) === before.judges.digest(name)) continue;
        if (next.judges.knows(name)) metrics.removeGauges(name);
        else metrics.removeModel(name);
        observer.forget(name);
      }
      for (const name of before.config.outputs.keys()) if (!next.config.outputs.has(name)) metrics.removeTarget(name);
    },
  };
}
