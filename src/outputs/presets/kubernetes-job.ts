/**
 * A Kubernetes Job: its name is made of the message's id, so that the second one is refused (409 AlreadyExists, done before). In a cluster the
 * defaults do: the API server's address, and the pod's service account, whose token is read anew for each attempt.
 */

import { requiredTemplate, textMap } from "../../config/output-options.ts";
import { text } from "../../config/scalars.ts";
import { headline } from "../facts.ts";
import { TRAINING_MESSAGES } from "../output.ts";
import { definePreset } from "../preset.ts";
import { render } from "../template.ts";
import { holdsValue } from "./checks.ts";
import { kubernetesName } from "./names.ts";

const ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

export const kubernetesJob = definePreset({
  type: "kubernetes_job",
  description: "A Job in Kubernetes.",
  options: {
    namespace: text("Namespace of the Job."),
    labels: textMap("Labels of the Job.").default({}),
    spec: requiredTemplate("`spec` of the Job, a template: `template.spec.containers` …"),
  },
  secrets: {
    url: { description: "Address of the API server.", fallback: "https://kubernetes.default.svc" },
    token: { description: "Bearer token (a secret).", fallbackFile: `${ACCOUNT}/token` },
  },
  fallbackCaFile: `${ACCOUNT}/ca.crt`,
  templates: ["spec"],
  accepts: () => TRAINING_MESSAGES,
  onTest: "creates a real Job",
  attempt: async ({ settings, message, root, ask, judge }) => {
    const name = kubernetesName(message.id);
    const answer = await ask({
      path: `/apis/batch/v1/namespaces/${encodeURIComponent(settings.namespace)}/jobs`,
      auth: { kind: "bearer", token: settings.token },
      json: {
        apiVersion: "batch/v1",
        kind: "Job",
        metadata: {
          name,
          namespace: settings.namespace,
          labels: { "app.kubernetes.io/managed-by": "driftd", ...settings.labels },
          // Labels are too narrow for ids and names of models.
          annotations: { "driftd/message-id": message.id, "driftd/model": message.model, "driftd/about": headline(message) },
        },
        spec: render(settings.spec, root),
      },
    });
    return judge(answer, { success: [200, 201, 202], done: [409], check: holdsValue(name, "metadata", "name") });
  },
});
