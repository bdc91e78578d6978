/**
 * GitHub Actions, by a repository's `repository_dispatch` and by a workflow's `workflow_dispatch`. Neither is idempotent: the message's id is
 * in the payload, and a `concurrency` group in the workflow keeps a repetition from running beside the first.
 */

import { flag, NO_PARAMETERS, templateMap, textLike } from "../../config/output-options.ts";
import { text } from "../../config/scalars.ts";
import { type AnswerRules, headerOf } from "../answer.ts";
import { TRAINING_MESSAGES } from "../output.ts";
import { definePreset } from "../preset.ts";
import { render, renderTexts } from "../template.ts";
import { holds } from "./checks.ts";
import { WHOLE_MESSAGE } from "./payload.ts";

/** GitHub refuses more at the top of a `client_payload`. */
const MAX_PAYLOAD_KEYS = 10;

const repository = textLike("`owner/name`.", /^[\w.-]+\/[\w.-]+$/, "is not owner/name");
const secrets = {
  url: { description: "Address of the API, of GitHub Enterprise e.g. `https://ghe.example/api/v3`.", fallback: "https://api.github.com" },
  token: { description: "Token (a secret) that may write the repository's contents, or its actions.", required: true },
} as const;
const headers = { accept: "application/vnd.github+json", "x-github-api-version": "2022-11-28" };

/** A used-up rate limit is a 403 that says when it is over. */
const rateLimit: AnswerRules = {
  waitMs: (answer, nowMs) => {
    if (answer.status !== 403 || headerOf(answer, "x-ratelimit-remaining") !== "0") return undefined;
    const resetMs = Number(headerOf(answer, "x-ratelimit-reset")) * 1000;
    return Number.isFinite(resetMs) ? Math.max(0, resetMs - nowMs) : 0;
  },
};

export const githubDispatch = definePreset({
  type: "github_dispatch",
  description: "A `repository_dispatch` event in GitHub.",
  options: {
    repository,
    event_type: textLike("Type of the event, as the workflow names it.", /^.{1,100}$/, "is longer than 100 characters").default(
      "driftd-retrain",
    ),
    client_payload: templateMap("Payload of the event, a template; at most 10 keys.", WHOLE_MESSAGE),
  },
  secrets,
  templates: ["client_payload"],
  accepts: () => TRAINING_MESSAGES,
  check: ({ client_payload: payload }) =>
    Object.keys(payload).length > MAX_PAYLOAD_KEYS
      ? [{ path: ["client_payload"], message: `has more than ${MAX_PAYLOAD_KEYS} keys, which GitHub refuses`, hint: "put some into a map" }]
      : [],
  onTest: "sends a real event: workflows that listen to it run",
  attempt: async ({ settings, root, ask, judge }) => {
    const answer = await ask({
      path: `/repos/${settings.repository}/dispatches`,
      headers,
      auth: { kind: "bearer", token: settings.token },
      json: { event_type: settings.event_type, client_payload: render(settings.client_payload, root) },
    });
    return judge(answer, { ...rateLimit, success: [204] });
  },
});

export const githubWorkflow = definePreset({
  type: "github_workflow",
  description: "A run of a workflow in GitHub, by `workflow_dispatch`.",
  options: {
    repository,
    workflow: text("File of the workflow, e.g. `train.yml`, or its id."),
    ref: text("Branch or tag whose workflow runs.").default("main"),
    inputs: templateMap("Inputs, a template; GitHub refuses what the workflow does not name.", NO_PARAMETERS),
    run_details: flag("Ask for the run's id (not known to older GitHub Enterprise).").default(false),
  },
  secrets,
  templates: ["inputs"],
  accepts: () => TRAINING_MESSAGES,
  onTest: "starts a real run of the workflow",
  attempt: async ({ settings, root, ask, judge }) => {
    const details = settings.run_details;
    const answer = await ask({
      path: `/repos/${settings.repository}/actions/workflows/${encodeURIComponent(settings.workflow)}/dispatches`,
      headers,
      auth: { kind: "bearer", token: settings.token },
      json: { ref: settings.ref, inputs: renderTexts(settings.inputs, root), ...(details ? { return_run_details: true } : {}) },
    });
    if (details && answer.status === 200) return judge(answer, { check: holds("workflow_run_id") });
    return judge(answer, { ...rateLimit, success: [204] });
  },
});
