/** Finds what a path and its parameters name, or says what is not there. */

import { featureEvaluation } from "../evaluate/evaluate.ts";
import type { Evaluation, FeatureEvaluation } from "../evaluate/evaluation.ts";
import { httpError } from "./problem.ts";
import type { Values } from "./query.ts";
import type { ApiView, ModelFacts, VersionFacts } from "./view.ts";

/** The model of the path; HTTP_UNKNOWN_MODEL (404). */
export async function findModel(view: ApiView, values: Values): Promise<ModelFacts> {
  const name = values.text("model")!;
  const facts = await view.model(name);
  if (facts === undefined) {
    throw httpError(404, "HTTP_UNKNOWN_MODEL", `there is no model ${JSON.stringify(name)}`, { hint: "configured models: /api/v1/models" });
  }
  return facts;
}

/** The version asked for, or the one evaluated last; HTTP_UNKNOWN_VERSION (404). */
export function findVersion(facts: ModelFacts, values: Values): { model: ModelFacts; version: VersionFacts } {
  const name = values.text("version");
  const lastEnd = (one: VersionFacts) => Math.max(Number.NEGATIVE_INFINITY, ...one.evaluations.map(({ endMs }) => endMs));
  const found =
    name === undefined
      ? facts.versions.reduce<VersionFacts | undefined>((a, b) => (a === undefined || lastEnd(b) > lastEnd(a) ? b : a), undefined)
      : facts.versions.find(({ version }) => version === name);
  if (found !== undefined) return { model: facts, version: found };
  const what = name === undefined ? "has no version yet: no record has come" : `has no version ${JSON.stringify(name)}`;
  throw httpError(404, "HTTP_UNKNOWN_VERSION", `model ${JSON.stringify(facts.model)} ${what}`, {
    hint: "versions: /api/v1/models/{model}",
  });
}

/** The window asked for, or the shortest, with its last evaluation; HTTP_UNKNOWN_WINDOW (404). */
export function findWindow(facts: ModelFacts, version: VersionFacts, values: Values): { name: string; evaluation: Evaluation | undefined } {
  const name = values.text("window") ?? facts.windows[0] ?? "";
  if (!facts.windows.includes(name)) {
    throw httpError(404, "HTTP_UNKNOWN_WINDOW", `there is no window ${JSON.stringify(name)}`, {
      hint: `windows: ${facts.windows.join(", ")}`,
    });
  }
  return { name, evaluation: version.evaluations.find(({ window }) => window === name) };
}

/** The detail of one feature, without building the others. */
export function judgedFeature(evaluation: Evaluation, feature: string): FeatureEvaluation | undefined {
  const place = evaluation.outcomes?.features.indexOf(feature);
  if (place === undefined) return evaluation.features.find((one) => one.feature === feature);
  return place < 0 ? undefined : featureEvaluation(evaluation, place);
}

/** The answer to an id that no delivery has. */
export function unknownDelivery(id: string) {
  return httpError(404, "HTTP_UNKNOWN_DELIVERY", `there is no delivery ${JSON.stringify(id)}`, { hint: "deliveries: /api/v1/deliveries" });
}
