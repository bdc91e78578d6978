/** Prefect: a run of a deployment. The message's id is its `idempotency_key`: a second time Prefect answers 200 with the first run. */

import { list, NO_PARAMETERS, templateMap, textLike } from "../../config/output-options.ts";
import { text } from "../../config/scalars.ts";
import { TRAINING_MESSAGES } from "../output.ts";
import { definePreset } from "../preset.ts";
import { render } from "../template.ts";
import { holds, valueIn } from "./checks.ts";
import { checkLogin, loginOf, loginOptions, loginSecrets } from "./login.ts";

export const prefect = definePreset({
  type: "prefect",
  description: "A run of a deployment in Prefect.",
  options: {
    ...loginOptions,
    deployment: textLike(
      "Id of the deployment, or `flow/deployment` by name.",
      /^[^/]+(\/[^/]+)?$/,
      "is neither an id nor flow/deployment",
    ),
    parameters: templateMap("Parameters of the flow, a template; Prefect may refuse what the flow does not name.", NO_PARAMETERS),
    tags: list("Tags of the run.", text("A tag.")).default(["driftd"]),
  },
  secrets: {
    url: { description: "API URL of Prefect, e.g. `http://prefect:4200/api` (never shown).", required: true },
    ...loginSecrets,
  },
  templates: ["parameters"],
  accepts: () => TRAINING_MESSAGES,
  check: (_, given) => checkLogin(given),
  onTest: "starts a real flow run",
  attempt: async ({ settings, message, root, ask, judge }) => {
    const auth = loginOf(settings);
    let id = settings.deployment;
    if (id.includes("/")) {
      const path = id.split("/").map(encodeURIComponent).join("/");
      const found = await ask({ method: "GET", path: `/deployments/name/${path}`, auth });
      const looked = judge(found, { success: [200], check: holds("id") });
      if (!looked.ok) return looked;
      id = String(valueIn(found.json, "id"));
    }
    const answer = await ask({
      path: `/deployments/${encodeURIComponent(id)}/create_flow_run`,
      auth,
      json: {
        name: `driftd ${message.id}`,
        parameters: render(settings.parameters, root),
        tags: settings.tags,
        idempotency_key: message.id,
        state: { type: "SCHEDULED" },
      },
    });
    return judge(answer, { success: [200, 201], check: holds("id") });
  },
});
