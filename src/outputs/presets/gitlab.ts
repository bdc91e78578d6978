/** GitLab: a pipeline by its trigger token. It is not idempotent; the message's id is a variable, and `resource_group` keeps runs apart. */

import { templateMap } from "../../config/output-options.ts";
import { text } from "../../config/scalars.ts";
import { TRAINING_MESSAGES } from "../output.ts";
import { definePreset } from "../preset.ts";
import { renderTexts } from "../template.ts";
import { holds } from "./checks.ts";
import { AS_VARIABLES } from "./payload.ts";

export const gitlab = definePreset({
  type: "gitlab",
  description: "A pipeline in GitLab, by a trigger token.",
  options: {
    project: text("Id of the project, or its path `group/name`."),
    ref: text("Branch or tag whose pipeline runs.").default("main"),
    variables: templateMap("Variables of the pipeline, a template.", AS_VARIABLES),
  },
  secrets: {
    url: { description: "Address of GitLab.", fallback: "https://gitlab.com" },
    token: { description: "Pipeline trigger token (a secret).", required: true },
  },
  templates: ["variables"],
  accepts: () => TRAINING_MESSAGES,
  onTest: "starts a real pipeline",
  attempt: async ({ settings, root, ask, judge }) => {
    const variables = Object.entries(renderTexts(settings.variables, root)).map(([name, value]) => [`variables[${name}]`, value]);
    const answer = await ask({
      path: `/api/v4/projects/${encodeURIComponent(settings.project)}/trigger/pipeline`,
      form: { token: settings.token, ref: settings.ref, ...Object.fromEntries(variables) },
    });
    return judge(answer, { success: [201], check: holds("id") });
  },
});
