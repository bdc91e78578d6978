/**
 * What the schemas of outputs cannot say: secrets with their twins, what goes together, templates tried on sample messages, and whether an
 * output can carry what a model sends to it.
 */

import type { MessageType } from "../outputs/output.ts";
import type { OptionSlip } from "../outputs/preset.ts";
import { checkLogin } from "../outputs/presets/login.ts";
import { samplesOf } from "../outputs/samples.ts";
import { checkTemplate } from "../outputs/template.ts";
import type { Slip } from "./issues.ts";
import { checkKafkaAccess } from "./kafka-access.ts";
import { acceptsOf, type EffectiveOutput, presetOf, secretKeysOf } from "./outputs.ts";
import type { ConfigPath } from "./problem.ts";
import type { EffectiveModel } from "./schema.ts";
import { checkSecrets, slip } from "./slips.ts";

type Outputs = Readonly<Record<string, EffectiveOutput>>;

/** Checks every output by itself; `sections` holds the sections that stand in the file. */
export function checkOutputs(outputs: Outputs | undefined, sections: ReadonlySet<string>): Slip[] {
  return Object.entries(outputs ?? {}).flatMap(([name, output]) => {
    const path = ["outputs", name];
    const { keys, required } = secretKeysOf(output.type);
    return [...checkSecrets(path, output, keys, required), ...checkOwn(path, output, sections)];
  });
}

/** Checks what the models send: nobody can be asked or told by an output that cannot carry the message. */
export function checkCarried(outputs: Outputs | undefined, models: readonly (EffectiveModel | undefined)[]): Slip[] {
  return models.flatMap((model, index) => {
    const notices: readonly MessageType[] = [
      "driftd.drift.firing",
      ...(model?.notify?.quality === true ? (["driftd.quality.firing"] as const) : []),
    ];
    return [
      ...carriedBy(outputs, model?.retrain?.to, ["models", index, "retrain", "to"], ["driftd.retrain.requested"]),
      ...carriedBy(outputs, model?.notify?.to, ["models", index, "notify", "to"], notices),
    ];
  });
}

/** A slip for each named output that cannot carry one of these messages; `path` is that of the list. */
export function carriedBy(
  outputs: Outputs | undefined,
  to: readonly string[] | undefined,
  path: ConfigPath,
  types: readonly MessageType[],
): Slip[] {
  return (to ?? []).flatMap((name, index) => {
    const output = outputs?.[name];
    const missing = output && types.find((type) => !acceptsOf(output).includes(type));
    if (output === undefined || missing === undefined) return [];
    const hint = output.type === "http" ? `add it to outputs.${name}.accepts` : hintFor(output.type, missing);
    return [slip([...path, index], `is of type ${output.type}, which cannot carry ${missing}`, hint, true)];
  });
}

function hintFor(type: EffectiveOutput["type"], missing: MessageType): string {
  if (type === "alertmanager") return "it gets alerts by itself, without being named";
  if (missing === "driftd.retrain.requested") return "name an output that starts a training, e.g. webhook or airflow";
  return "name an output that tells people, e.g. webhook or slack";
}

function checkOwn(path: ConfigPath, output: EffectiveOutput, sections: ReadonlySet<string>): Slip[] {
  if (output.type === "webhook") return [];
  const slipsAt = (slips: readonly OptionSlip[]) =>
    slips.map(({ path: inside, message, hint }) => slip([...path, ...inside], message, hint));
  if (output.type === "alertmanager") return slipsAt(checkLogin(new Set(Object.keys(output))));
  if (output.type === "kafka") {
    if (output.brokers === undefined && !sections.has("kafka"))
      return [slip([...path, "brokers"], "is required without a section kafka", "name the brokers of the topic")];
    return output.brokers === undefined ? [] : checkKafkaAccess(path, output);
  }
  const preset = presetOf(output.type);
  if (preset === undefined) return [];
  const own = preset.check?.(output as never, new Set(Object.keys(output))) ?? [];
  const samples = samplesOf(acceptsOf(output));
  const templates = (preset.templates ?? []).flatMap((key) =>
    checkTemplate((output as Readonly<Record<string, unknown>>)[key], samples).map((problem) => ({
      ...problem,
      path: [key, ...problem.path],
    })),
  );
  return slipsAt([...own, ...templates]);
}
