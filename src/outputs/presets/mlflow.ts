/**
 * MLflow's model registry: a tag, an alias or both on the version that drifts, so that whoever looks it up there sees it. Setting them twice is
 * setting them once.
 */

import { section, templateText } from "../../config/output-options.ts";
import { text } from "../../config/scalars.ts";
import { MESSAGE_TYPES } from "../output.ts";
import { definePreset } from "../preset.ts";
import { renderText } from "../template.ts";
import { isJsonMap } from "./checks.ts";
import { checkLogin, loginOf, loginOptions, loginSecrets } from "./login.ts";

export const mlflow = definePreset({
  type: "mlflow",
  description: "A tag or an alias on the model version in MLflow's registry.",
  options: {
    ...loginOptions,
    model: templateText("Name of the registered model, a template.").default("{{ model }}"),
    model_version: templateText("Its version, a template.").default("{{ version }}"),
    tag: section("A tag to set.", {
      key: text("Its key, e.g. `driftd`."),
      value: templateText("Its value, a template.").default("{{ type }}"),
    }).optional(),
    alias: text("An alias to put on the version, e.g. `drifting`.").optional(),
  },
  secrets: {
    url: { description: "Address of the tracking server (never shown).", required: true },
    ...loginSecrets,
  },
  templates: ["model", "model_version", "tag"],
  accepts: () => MESSAGE_TYPES.filter((type) => type !== "driftd.digest"),
  check: ({ tag, alias }, given) => [
    ...checkLogin(given),
    ...(tag === undefined && alias === undefined ? [{ path: [], message: "sets nothing", hint: "set tag, alias or both" }] : []),
  ],
  onTest: "sets the tag and the alias of the model in the registry",
  attempt: async ({ settings, root, ask, judge, refuse }) => {
    const name = renderText(settings.model, root);
    const version = renderText(settings.model_version, root);
    if (version === "") return refuse("the message has no version of the model: set model_version");
    const { tag, alias } = settings;
    const asks = [
      ...(tag === undefined
        ? []
        : [{ path: "model-versions/set-tag", json: { name, version, key: tag.key, value: renderText(tag.value, root) } }]),
      ...(alias === undefined ? [] : [{ path: "registered-models/alias", json: { name, alias, version } }]),
    ];
    let verdict = refuse("nothing to set");
    for (const { path, json } of asks) {
      verdict = judge(await ask({ path: `/api/2.0/mlflow/${path}`, auth: loginOf(settings), json }), { success: [200], check: isJsonMap });
      if (!verdict.ok) break;
    }
    return verdict;
  },
});
