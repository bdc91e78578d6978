/** values.schema.json: the type of every key of values.yaml, strict at every place that the chart knows. Pure. */

import type { JsonSchema } from "../../src/config/json-schema.ts";
import { toDraft07 } from "./draft-07.ts";
import type { DescribedValue } from "./values.ts";

const text = { type: "string" };
const webAddress = { type: "string", pattern: "^https?://[^ ]+$" };
const nonEmpty = { type: "string", minLength: 1 };
const flag = { type: "boolean" };
const map = { type: "object" };
const texts = { type: "object", additionalProperties: text };
const names = { type: "array", items: nonEmpty };
const maps = { type: "array", items: map };
const folder = { type: "string", pattern: "^/" };
const port = { type: "integer", minimum: 1, maximum: 65535 };
const prometheusDuration = { type: "string", pattern: "^([0-9]+(ms|[smhdwy]))+$" };
const quantity = { type: "string", pattern: "^[0-9]+(\\.[0-9]+)?([EPTGMk]i?)?$" };
const count = { type: "integer", minimum: 0 };

const strict = (properties: Readonly<Record<string, unknown>>) => ({ type: "object", additionalProperties: false, properties });

/** By path. Maps of Kubernetes' own (`resources`, `affinity` …) are open: the cluster checks them. */
const types: Readonly<Record<string, unknown>> = {
  nameOverride: text,
  fullnameOverride: text,
  namespaceOverride: text,
  "global.imageRegistry": text,
  "image.registry": text,
  "image.repository": nonEmpty,
  "image.tag": text,
  "image.digest": { type: "string", pattern: "^(sha256:[0-9a-f]{64})?$" },
  "image.pullPolicy": { enum: ["Always", "IfNotPresent", "Never"] },
  "image.pullSecrets": names,
  replicaCount: { type: "integer", minimum: 0, maximum: 1 },
  existingConfigMap: text,
  configAsSecret: flag,
  "configCheck.enabled": flag,
  containerPort: port,
  existingSecret: text,
  secretMountPath: folder,
  "references.mountPath": folder,
  "references.files": texts,
  "references.configMaps": names,
  "references.existingClaim": text,
  "references.subPath": text,
  "references.emptyDir": flag,
  "persistence.enabled": flag,
  "persistence.existingClaim": text,
  "persistence.storageClass": text,
  "persistence.accessModes": {
    type: "array",
    minItems: 1,
    items: { enum: ["ReadWriteOnce", "ReadWriteOncePod", "ReadWriteMany"] },
  },
  "persistence.size": quantity,
  "persistence.annotations": texts,
  "persistence.mountPath": folder,
  "serviceAccount.create": flag,
  "serviceAccount.name": text,
  "serviceAccount.annotations": texts,
  "serviceAccount.automount": flag,
  "rbac.jobs": flag,
  commonLabels: texts,
  podLabels: texts,
  podAnnotations: texts,
  podSecurityContext: map,
  securityContext: map,
  resources: strict({ requests: map, limits: map, claims: maps }),
  startupProbe: map,
  livenessProbe: map,
  readinessProbe: map,
  terminationGracePeriodSeconds: { type: "integer", minimum: 10 },
  revisionHistoryLimit: count,
  nodeSelector: texts,
  tolerations: maps,
  affinity: map,
  topologySpreadConstraints: maps,
  priorityClassName: text,
  hostAliases: maps,
  dnsConfig: map,
  extraEnv: maps,
  extraEnvFrom: maps,
  extraVolumes: maps,
  extraVolumeMounts: maps,
  extraContainers: maps,
  extraInitContainers: maps,
  extraObjects: { type: "array", items: { type: ["object", "string"] } },
  "service.type": { enum: ["ClusterIP", "NodePort", "LoadBalancer"] },
  "service.port": port,
  "service.annotations": texts,
  "ingress.enabled": flag,
  "ingress.className": text,
  "ingress.annotations": texts,
  "ingress.hosts": {
    type: "array",
    items: {
      ...strict({
        host: nonEmpty,
        paths: { type: "array", items: strict({ path: folder, pathType: { enum: ["Exact", "Prefix", "ImplementationSpecific"] } }) },
      }),
      required: ["host"],
    },
  },
  "ingress.tls": { type: "array", items: strict({ secretName: text, hosts: names }) },
  "route.enabled": flag,
  "route.annotations": texts,
  "route.parentRefs": maps,
  "route.hostnames": names,
  "route.matches": maps,
  "route.filters": maps,
  "networkPolicy.enabled": flag,
  "networkPolicy.ingressFrom": maps,
  "networkPolicy.egress.enabled": flag,
  "networkPolicy.egress.dns": flag,
  "networkPolicy.egress.rules": maps,
  "podDisruptionBudget.enabled": flag,
  "podDisruptionBudget.maxUnavailable": { type: "integer", minimum: 0, maximum: 1 },
  "serviceMonitor.enabled": flag,
  "serviceMonitor.namespace": text,
  "serviceMonitor.labels": texts,
  "serviceMonitor.interval": prometheusDuration,
  "serviceMonitor.scrapeTimeout": prometheusDuration,
  "serviceMonitor.sampleLimit": count,
  "serviceMonitor.relabelings": maps,
  "serviceMonitor.metricRelabelings": maps,
  "prometheusRule.enabled": flag,
  "prometheusRule.namespace": text,
  "prometheusRule.labels": texts,
  "prometheusRule.disabledAlerts": names,
  "prometheusRule.alertLabels": texts,
  "prometheusRule.runbooks": webAddress,
  "prometheusRule.grafana": webAddress,
  "prometheusRule.severities": { type: "object", additionalProperties: { enum: ["info", "warning", "critical"] } },
  "dashboards.enabled": flag,
  "dashboards.namespace": text,
  "dashboards.label": nonEmpty,
  "dashboards.labelValue": text,
  "dashboards.annotations": texts,
  "tests.enabled": flag,
};

type Node = { type: "object"; description?: string; additionalProperties: boolean; properties: Record<string, unknown> };

/** The schema. Throws when a key of values.yaml has no type here, or a type no key. */
export function valuesSchema(values: readonly DescribedValue[], config: JsonSchema): unknown {
  // Whether models and brokers are given is asked by a template: another place may hold the configuration (existingConfigMap).
  const { required: _, title: __, ...open } = toDraft07(config);
  const root = node();
  const unused = new Set(Object.keys(types));
  for (const { path, description } of values) {
    const name = path.join(".");
    if (name === "config") root.properties["config"] = { ...open, description };
    if (path[0] === "config") continue;
    const type = types[name];
    if (type === undefined) throw new Error(`scripts/chart/values-schema.ts has no type for ${name}`);
    unused.delete(name);
    let at = root;
    for (const key of path.slice(0, -1)) {
      at.properties[key] ??= node();
      at = at.properties[key] as Node;
    }
    at.properties[path.at(-1) ?? ""] = { description, ...(type as object) };
  }
  if (unused.size > 0) throw new Error(`values.yaml lacks ${[...unused].join(", ")}`);
  // An umbrella chart hands its own globals to every chart.
  (root.properties["global"] as Node).additionalProperties = true;
  return { $schema: "http://json-schema.org/draft-07/schema#", title: "Values of the driftd chart", ...root };
}

function node(): Node {
  return { type: "object", additionalProperties: false, properties: {} };
}
