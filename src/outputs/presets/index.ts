/** The table of targets over HTTP: one more is one more file and one more line. The configuration's types of outputs are made from it. */

import { http } from "../http.ts";
import { airflow } from "./airflow.ts";
import { argoEvents, argoWorkflows } from "./argo.ts";
import { cloudevents } from "./cloudevents.ts";
import { dagster } from "./dagster.ts";
import { githubDispatch, githubWorkflow } from "./github.ts";
import { gitlab } from "./gitlab.ts";
import { jenkins } from "./jenkins.ts";
import { kubeflow } from "./kubeflow.ts";
import { kubernetesJob } from "./kubernetes-job.ts";
import { mlflow } from "./mlflow.ts";
import { pagerduty } from "./pagerduty.ts";
import { prefect } from "./prefect.ts";
import { slack } from "./slack.ts";
import { teams } from "./teams.ts";

/** Each under its `type`. */
export const presets = {
  http,
  airflow,
  kubeflow,
  github_dispatch: githubDispatch,
  github_workflow: githubWorkflow,
  gitlab,
  argo_workflows: argoWorkflows,
  argo_events: argoEvents,
  jenkins,
  mlflow,
  prefect,
  dagster,
  kubernetes_job: kubernetesJob,
  slack,
  pagerduty,
  teams,
  cloudevents,
} as const;

export type PresetType = keyof typeof presets;
