/**
 * Jenkins: a build of a job with parameters. With an API token no crumb is needed. Not idempotent, but Jenkins folds a queued build into one
 * that waits with the same parameters, and the message's id is one of them.
 */

import { templateMap, textLike } from "../../config/output-options.ts";
import { text } from "../../config/scalars.ts";
import { headerOf } from "../answer.ts";
import { TRAINING_MESSAGES } from "../output.ts";
import { definePreset } from "../preset.ts";
import { renderTexts } from "../template.ts";
import { AS_VARIABLES } from "./payload.ts";

export const jenkins = definePreset({
  type: "jenkins",
  description: "A build of a job in Jenkins.",
  options: {
    job: textLike("The job with its folders: `ml/train`.", /^[^/]+(\/[^/]+)*$/, "is not the path of a job; write folder/job"),
    username: text("User of the API token."),
    parameters: templateMap("Parameters of the build, a template; those that the job does not name are dropped.", AS_VARIABLES),
  },
  secrets: {
    url: { description: "Address of Jenkins (never shown).", required: true },
    token: { description: "API token of the user (a secret).", required: true },
  },
  templates: ["parameters"],
  accepts: () => TRAINING_MESSAGES,
  onTest: "starts a real build",
  attempt: async ({ settings, root, ask, judge }) => {
    const job = settings.job
      .split("/")
      .map((name) => `/job/${encodeURIComponent(name)}`)
      .join("");
    const answer = await ask({
      path: `${job}/buildWithParameters`,
      auth: { kind: "basic", username: settings.username, password: settings.token },
      form: renderTexts(settings.parameters, root),
    });
    return judge(answer, {
      // 303 in some set-ups; a redirect to a login page leads elsewhere.
      success: [201, 303],
      check: (got) =>
        /\/queue\/item\/\d+/.test(headerOf(got, "location") ?? "") ? undefined : { problem: "no queued build in the answer", retry: true },
    });
  },
});
