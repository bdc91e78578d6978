/**
 * Kubeflow Pipelines v2: a run of a pipeline. It has no idempotency of its own, so the run is named after the message's id and looked for
 * before it is made: a repetition finds it. (Two driftd at once could still both find none.)
 */

import { NO_PARAMETERS, templateMap } from "../../config/output-options.ts";
import { text } from "../../config/scalars.ts";
import { headline } from "../facts.ts";
import { TRAINING_MESSAGES } from "../output.ts";
import { definePreset } from "../preset.ts";
import { render } from "../template.ts";
import { holds, isJsonMap, valueIn } from "./checks.ts";

const RUNS = "/apis/v2beta1/runs";

export const kubeflow = definePreset({
  type: "kubeflow",
  description: "A run of a pipeline in Kubeflow Pipelines v2.",
  options: {
    pipeline_id: text("The pipeline."),
    pipeline_version_id: text("Its version; absent: the newest.").optional(),
    experiment_id: text("The experiment; absent: the default one.").optional(),
    namespace: text("The profile's namespace, where Kubeflow has several users.").optional(),
    pipeline_root: text("Where artifacts go.").optional(),
    service_account: text("Service account of the run.").optional(),
    parameters: templateMap("Parameters of the pipeline, a template.", NO_PARAMETERS),
  },
  secrets: {
    url: { description: "Address of the pipelines' API, e.g. `http://ml-pipeline.kubeflow:8888` (never shown).", required: true },
    token: { description: "Bearer token (a secret); in a cluster a service account's, by `token_file`." },
  },
  templates: ["parameters"],
  accepts: () => TRAINING_MESSAGES,
  onTest: "starts a real run of the pipeline",
  attempt: async ({ settings, message, root, ask, judge }) => {
    const auth = settings.token === undefined ? undefined : ({ kind: "bearer", token: settings.token } as const);
    const name = `driftd ${message.id}`;
    const found = await ask({
      method: "GET",
      path: RUNS,
      query: {
        page_size: "1",
        filter: JSON.stringify({ predicates: [{ operation: "EQUALS", key: "display_name", string_value: name }] }),
        ...(settings.namespace === undefined ? {} : { namespace: settings.namespace }),
        ...(settings.experiment_id === undefined ? {} : { experiment_id: settings.experiment_id }),
      },
      auth,
    });
    const looked = judge(found, { check: isJsonMap });
    if (!looked.ok) return looked;
    if (typeof valueIn(found.json, "runs", 0, "run_id") === "string") return judge(found, { done: [found.status] });
    const made = await ask({
      path: RUNS,
      auth,
      json: {
        display_name: name,
        description: headline(message),
        ...(settings.experiment_id === undefined ? {} : { experiment_id: settings.experiment_id }),
        pipeline_version_reference: {
          pipeline_id: settings.pipeline_id,
          ...(settings.pipeline_version_id === undefined ? {} : { pipeline_version_id: settings.pipeline_version_id }),
        },
        runtime_config: {
          parameters: render(settings.parameters, root),
          ...(settings.pipeline_root === undefined ? {} : { pipeline_root: settings.pipeline_root }),
        },
        ...(settings.service_account === undefined ? {} : { service_account: settings.service_account }),
      },
    });
    return judge(made, { check: holds("run_id") });
  },
});
