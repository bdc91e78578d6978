/** What the keys of `retraining.ts` mean, and what their schema cannot say. Pure. */

import { parseDuration } from "../lib/duration.ts";
import { didYouMean } from "../lib/suggest.ts";
import type { NotifyConfig, RetrainConfig } from "./config.ts";
import type { Slip } from "./issues.ts";
import type { OutputConfig } from "./outputs.ts";
import type { ConfigPath } from "./problem.ts";
import type { EffectiveModel } from "./schema.ts";

/** The guards of a retraining that wait for an answer. */
export function resolveGuards(retrain: NonNullable<EffectiveModel["retrain"]>): Pick<RetrainConfig, "inProgressTimeoutMs" | "approval"> {
  const { in_progress_timeout: timeout, approval } = retrain;
  return { inProgressTimeoutMs: timeout === "off" ? undefined : parseDuration(timeout)!, approval };
}

/** Who is told of episodes; undefined: nobody. */
export function resolveNotify({ notify }: EffectiveModel): NotifyConfig | undefined {
  return notify && { to: notify.to, severity: notify.severity, quality: notify.quality };
}

/** `to` of a model's `notify` names outputs, each once. */
export function checkNotify(path: ConfigPath, { notify }: EffectiveModel, outputNames: readonly string[]): Slip[] {
  return (notify?.to ?? []).flatMap((output, index, all): Slip[] => {
    const slip = (message: string, hint?: string): Slip[] => [
      { path: [...path, "notify", "to", index], at: "value", value: true, message, hint },
    ];
    if (all.indexOf(output) !== index) return slip("stands twice in the list");
    if (outputNames.includes(output)) return [];
    return slip("is not one of outputs", outputNames.length === 0 ? "outputs has none" : didYouMean(output, outputNames));
  });
}

/** The most retrainings that may be in progress at an output; undefined: any number. */
export function concurrencyOf(output: OutputConfig | undefined): number | undefined {
  return output !== undefined && "concurrency" in output && typeof output.concurrency === "number" ? output.concurrency : undefined;
}

/** Whether an address is reached from this machine alone. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}
