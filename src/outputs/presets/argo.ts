/**
 * Argo: a workflow of a template by Argo Workflows' API, named after the message's id so that the second one is refused (409, done before);
 * and an event for Argo Events or Argo Workflows' event endpoint, where the sensor decides what runs.
 */

import { choice, NO_PARAMETERS, template, templateMap } from "../../config/output-options.ts";
import { text } from "../../config/scalars.ts";
import { MESSAGE_TYPES, TRAINING_MESSAGES } from "../output.ts";
import { type Auth, definePreset } from "../preset.ts";
import { render, renderTexts } from "../template.ts";
import { holdsValue } from "./checks.ts";
import { kubernetesName } from "./names.ts";
import { WHOLE_MESSAGE } from "./payload.ts";

export const argoWorkflows = definePreset({
  type: "argo_workflows",
  description: "A workflow in Argo Workflows, of a template.",
  options: {
    namespace: text("Namespace of the template and of the workflow."),
    resource_kind: choice("Kind of the template.", ["WorkflowTemplate", "ClusterWorkflowTemplate", "CronWorkflow"]).default(
      "WorkflowTemplate",
    ),
    resource_name: text("Name of the template."),
    parameters: templateMap("Parameters of the workflow, a template.", NO_PARAMETERS),
  },
  secrets: {
    url: { description: "Address of the Argo server, e.g. `https://argo-server.argo:2746` (never shown).", required: true },
    token: { description: "Bearer token (a secret); in a cluster a service account's, by `token_file`." },
  },
  templates: ["parameters"],
  accepts: () => TRAINING_MESSAGES,
  onTest: "starts a real workflow",
  attempt: async ({ settings, message, root, ask, judge }) => {
    const name = kubernetesName(message.id);
    const answer = await ask({
      path: `/api/v1/workflows/${encodeURIComponent(settings.namespace)}/submit`,
      auth: bearer(settings.token),
      json: {
        namespace: settings.namespace,
        resourceKind: settings.resource_kind,
        resourceName: settings.resource_name,
        submitOptions: {
          name,
          labels: "app.kubernetes.io/managed-by=driftd",
          parameters: Object.entries(renderTexts(settings.parameters, root)).map(([parameter, value]) => `${parameter}=${value}`),
        },
      },
    });
    return judge(answer, { success: [200], done: [409], check: holdsValue(name, "metadata", "name") });
  },
});

export const argoEvents = definePreset({
  type: "argo_events",
  description: "An event for Argo Events (webhook source) or for Argo Workflows' event endpoint.",
  options: { body: template("JSON body of the event, a template.", WHOLE_MESSAGE) },
  secrets: {
    url: { description: "The whole address of the endpoint, e.g. `http://events-svc:12000/driftd` (never shown).", required: true },
    token: { description: "Bearer token (a secret)." },
  },
  templates: ["body"],
  accepts: () => MESSAGE_TYPES,
  onTest: "sends a real event: what sensors make of it, they do",
  attempt: async ({ settings, root, ask, judge }) => {
    const answer = await ask({ auth: bearer(settings.token), json: render(settings.body, root) });
    return judge(answer, { success: [200] });
  },
});

function bearer(token: string | undefined): Auth | undefined {
  return token === undefined ? undefined : { kind: "bearer", token };
}
