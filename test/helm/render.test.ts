/** The chart, rendered by both releases of Helm for every values file, and held against strict schemas, driftd's own checks and its server. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, expect, it, vi } from "vitest";
import { parse } from "yaml";
import { chartFolder, copies } from "../../scripts/chart.ts";
import { healthRoutes } from "../../src/http/health.ts";
import { driftd } from "../support/daemon.ts";
import { type KubeObject, only, podSpecs, render, template, valuesFiles } from "./chart.ts";
import { chartTool, describeWith, helmPath, helmReleases, run } from "./tools.ts";

const folder = mkdtempSync(join(tmpdir(), "driftd-chart-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The oldest Kubernetes that Chart.yaml allows, and the newest that there are schemas for. */
const kubernetes = ["1.25", "1.37"];
const everything = (values: string): KubeObject[] => [
  ...render("4.1.4", values),
  // The check before an upgrade is a hook, and rendered for upgrades only.
  ...render("4.1.4", values, ["--is-upgrade"]).filter(({ metadata }) => metadata.name.endsWith("-check-config")),
];

function strictErrors(objects: readonly KubeObject[]): string[] {
  const { code, stdout, stderr } = run(
    chartTool("python"),
    [join(import.meta.dirname, "strict.py"), join(import.meta.dirname, "schemas"), ...kubernetes],
    { input: JSON.stringify(objects) },
  );
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as string[];
}

describeWith(helmReleases.map(helmPath))("the chart", () => {
  it.each(helmReleases)("is linted without a warning by Helm %s, with its defaults and with every values file", (release) => {
    for (const values of [[], ...valuesFiles.map((name) => ["--values", join(chartFolder, "ci", name)])]) {
      const { code, stdout } = run(helmPath(release), ["lint", "--strict", chartFolder, ...values]);
      expect(stdout.replace("[INFO] Chart.yaml: icon is recommended", "")).not.toMatch(/\[(INFO|WARNING|ERROR)\]/);
      expect(code).toBe(0);
    }
  });

  it.each(valuesFiles)("renders the same objects with both releases: %s", (values) => {
    expect(render("3.17.3", values)).toEqual(render("4.1.4", values));
  });

  it("is refused without a model, and says which key to set", () => {
    for (const release of helmReleases) {
      const { code, stderr } = run(helmPath(release), ["template", "watch", chartFolder]);
      expect(code).not.toBe(0);
      expect(stderr).toContain("config.models is empty: name at least one model");
    }
  });

  it.each([
    ["a key of the chart", "persistance.size=1Gi", "persistance"],
    ["a key deep in the chart", "serviceMonitor.intervall=30s", "intervall"],
    ["a type", "serviceMonitor.interval=30", "interval"],
    ["a second replica", "replicaCount=2", "replicaCount"],
    ["a section of driftd", "config.kafak.brokers={a:1}", "kafak"],
    ["a key of driftd", "config.kafka.broker=a:1", "broker"],
    ["a key of an output", "config.outputs.retrain.max_atempts=3", "max_atempts"],
    ["a type of output", "config.outputs.retrain.type=webhok", "type"],
    ["a key in one of several shapes", "config.models[0].thresholds.psy.warning=1", "psy"],
    ["a choice", "config.metrics.features=some", "features"],
    ["an ingress path", "ingress.hosts[0].host=a,ingress.hosts[0].pahts[0].path=/", "pahts"],
    ["the loopback", "config.http.listen=127.0.0.1:9465", "config.http.listen"],
    ["another port", "config.http.listen=:9000", "containerPort"],
    ["a store off the volume", "config.store.path=/tmp/driftd.db", "config.store.path"],
    ["a password in a ConfigMap", "config.kafka.sasl.password=x", "config.kafka.sasl.password"],
    ["a signing key in a ConfigMap", "config.outputs.retrain.secret=x", "config.outputs.retrain.secret"],
    ["a token in a header", "config.outputs.retrain.headers.authorization=x", "config.outputs.retrain.headers.authorization"],
    [
      "the address of an incoming webhook in a ConfigMap",
      "config.outputs.chat.type=slack,config.outputs.chat.url=https://a.b/c",
      "config.outputs.chat.url",
    ],
    [
      "a password in an address in a ConfigMap",
      "config.outputs.am.type=alertmanager,config.outputs.am.urls={http://u:p@am:9093}",
      "config.outputs.am.urls[0]",
    ],
    ["a name that no Service may have", "fullnameOverride=9x_y", "fullnameOverride"],
    ["two places for references", "references.emptyDir=true", "references.emptyDir"],
    ["Jobs without a token to make them with", "rbac.jobs=true", "serviceAccount.automount"],
    ["an alert that there is not", "prometheusRule.enabled=true,prometheusRule.disabledAlerts={Nope}", "Nope"],
  ])("refuses %s that is wrong and names it: %s", (_, set, named) => {
    for (const release of helmReleases) {
      const { code, stderr } = template(release, "existing-secret-values.yaml", ["--set", set]);
      expect({ release, code, stderr }).toMatchObject({ code: expect.not.toBeOneOf([0]), stderr: expect.stringContaining(named) });
    }
  });

  it("takes a value from the environment in place of a secret", () => {
    const login = `config.kafka.sasl=${JSON.stringify({ mechanism: "plain", username: "driftd", password: `$${"{KAFKA_PASSWORD}"}` })}`;
    for (const release of helmReleases)
      expect(configText(render(release, "minimal-values.yaml", ["--set-json", login]))).toContain("KAFKA_PASSWORD");
  });

  it.each(valuesFiles)("selects exactly the daemon's pod: %s", (values) => {
    const objects = everything(values);
    const pods = objects.flatMap((object) => {
      const metadata = object.kind === "Pod" ? object.metadata : object["spec"]?.template?.metadata;
      return metadata === undefined ? [] : [{ kind: object.kind, labels: metadata.labels as Record<string, string> }];
    });
    const matched = (selector: Record<string, string>) =>
      pods.filter(({ labels }) => Object.entries(selector).every(([key, value]) => labels[key] === value)).map(({ kind }) => kind);
    const set = only(objects, "StatefulSet");
    expect(matched(set["spec"].selector.matchLabels)).toEqual(["StatefulSet"]);
    expect(only(objects, "Service")["spec"].selector).toEqual(set["spec"].selector.matchLabels);
    expect(set["spec"].serviceName).toBe(only(objects, "Service").metadata.name);
    for (const object of objects) {
      const selector = object.kind === "NetworkPolicy" ? object["spec"].podSelector : object["spec"]?.selector;
      if (["NetworkPolicy", "PodDisruptionBudget"].includes(object.kind)) expect(matched(selector.matchLabels)).toEqual(["StatefulSet"]);
      if (object.kind !== "ServiceMonitor") continue;
      const service = only(objects, "Service");
      expect(service.metadata.labels).toMatchObject(selector.matchLabels);
      expect(object["spec"].namespaceSelector.matchNames).toEqual([service.metadata.namespace]);
      expect(service["spec"].ports.map(({ name }: { name: string }) => name)).toContain(object["spec"].endpoints[0].port);
      expect(service.metadata.labels?.[object["spec"].jobLabel]).toBe("driftd");
    }
  });

  it.each(valuesFiles)("probes paths that the server has, on a port that it listens to: %s", (values) => {
    const objects = render("4.1.4", values);
    const [container] = only(objects, "StatefulSet")["spec"].template.spec.containers;
    const paths = healthRoutes.filter(({ methods }) => methods.includes("get")).map(({ path }) => path);
    for (const probe of [container.startupProbe, container.livenessProbe, container.readinessProbe]) {
      expect(paths).toContain(probe.httpGet.path);
      expect(container.ports.map(({ name }: { name: string }) => name)).toContain(probe.httpGet.port);
    }
    expect(container.readinessProbe.httpGet.path).toBe("/-/ready");
    const listen = configOf(objects)?.http?.listen;
    if (listen !== undefined) expect(listen).toBe(`:${container.ports[0].containerPort}`);
  });

  it.each(valuesFiles)("makes pods of the restricted profile, with a root that cannot be written: %s", (values) => {
    const pods = podSpecs(everything(values));
    expect(pods.length).toBeGreaterThan(0);
    for (const { spec } of pods) {
      expect(spec.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: "RuntimeDefault" } });
      expect(spec.hostNetwork ?? spec.hostPID ?? spec.hostIPC).toBeUndefined();
      for (const container of [...spec.containers, ...(spec.initContainers ?? [])]) {
        expect(container.securityContext).toMatchObject({ allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } });
        if (/(^|\/)driftd[:@]/.test(container.image)) expect(container.securityContext.readOnlyRootFilesystem).toBe(true);
      }
      expect(spec.automountServiceAccountToken).toBe(values === "full-values.yaml" && spec.serviceAccountName !== undefined);
      for (const volume of spec.volumes ?? []) expect(volume.hostPath).toBeUndefined();
    }
  });

  it.each(valuesFiles)("mounts each volume, and no volume that there is not: %s", (values) => {
    const { spec } = only(render("4.1.4", values), "StatefulSet");
    const volumes = [...spec.template.spec.volumes, ...(spec.volumeClaimTemplates ?? []).map(({ metadata }: KubeObject) => metadata)];
    const names: string[] = volumes.map(({ name }: { name: string }) => name);
    const containers = [...spec.template.spec.containers, ...(spec.template.spec.initContainers ?? [])];
    const mounted = containers.flatMap(({ volumeMounts = [] }) => volumeMounts.map(({ name }: { name: string }) => name));
    expect([...new Set(mounted)].sort()).toEqual([...names].sort());
    expect(new Set(names).size).toBe(names.length);
  });

  it.each(valuesFiles.filter((name) => !name.startsWith("existing-configmap")))(
    "renders a configuration that driftd accepts: %s",
    async (values) => {
      const file = join(folder, `${values}.driftd.yaml`);
      writeFileSync(file, configText(render("4.1.4", values)) ?? "");
      vi.stubEnv("RETRAIN_TOKEN", "what the Secret holds");
      const { code, stdout, stderr } = await driftd(["check-config", "--no-files", file]);
      expect(code, `${stdout}${stderr}`).toBe(0);
    },
  );

  it("asks for a roll when the configuration or a reference changes, and for none when nothing did", () => {
    const checksums = (...args: string[]) =>
      Object.entries(only(render("4.1.4", "full-values.yaml", args), "StatefulSet")["spec"].template.metadata.annotations).filter(([key]) =>
        key.startsWith("checksum/"),
      );
    expect(checksums()).toEqual(checksums());
    expect(checksums("--set", "config.log.level=debug")).not.toEqual(checksums());
    expect(checksums("--set", "references.files.other=x")).not.toEqual(checksums());
    expect(checksums("--set", "service.port=8080")).toEqual(checksums());
  });

  it("checks a configuration before an upgrade, in a Job that no selector takes for the daemon, and not at an install", () => {
    const jobs = (args: string[]) => render("4.1.4", "minimal-values.yaml", args).filter(({ kind }) => kind === "Job");
    expect(jobs([])).toEqual([]);
    const [job] = jobs(["--is-upgrade"]);
    expect(job?.metadata.annotations?.["helm.sh/hook"]).toBe("pre-upgrade");
    expect(job?.["spec"].template.spec.containers[0].args).toEqual(["check-config", "--no-files", "/etc/driftd/driftd.yaml"]);
    const maps = render("4.1.4", "minimal-values.yaml", ["--is-upgrade"]).filter(({ kind }) => kind === "ConfigMap");
    expect(maps.map(({ data }) => data["driftd.yaml"])).toEqual([maps[0]?.["data"]["driftd.yaml"], maps[0]?.["data"]["driftd.yaml"]]);
  });

  it("keeps what Kubernetes lets nobody change when the chart, the image, the labels and the configuration do", () => {
    const next = join(folder, "next");
    run("cp", ["-r", chartFolder, next]);
    const chart = readFileSync(join(next, "Chart.yaml"), "utf8");
    writeFileSync(
      join(next, "Chart.yaml"),
      chart.replace(/^version: .*/m, "version: 9.9.9").replace(/^appVersion: .*/m, 'appVersion: "9.9.9"'),
    );
    const changes = ["--set", "image.tag=x,commonLabels.a=b,podLabels.c=d,config.log.level=debug,replicaCount=0,service.port=80"];
    const fixed = (objects: KubeObject[]) => {
      const { metadata, spec } = only(objects, "StatefulSet");
      const { volumeClaimTemplates, selector, serviceName, podManagementPolicy } = spec;
      return { name: metadata.name, namespace: metadata.namespace, volumeClaimTemplates, selector, serviceName, podManagementPolicy };
    };
    const before = render("4.1.4", "minimal-values.yaml");
    const after = render("4.1.4", "minimal-values.yaml", [...changes, "--is-upgrade"], next);
    expect(fixed(after)).toEqual(fixed(before));
    expect(fixed(before).volumeClaimTemplates).toHaveLength(1);
    expect(only(after, "StatefulSet")["spec"].persistentVolumeClaimRetentionPolicy).toEqual({
      whenDeleted: "Retain",
      whenScaled: "Retain",
    });
    // A pod that never became ready must not stand in the way of a rollback.
    expect(fixed(before).podManagementPolicy).toBe("Parallel");
  });

  it.each(helmReleases)("gives each label once, with the chart's own before those of the values: Helm %s", (release) => {
    const sets = [
      "commonLabels.release=kps,serviceMonitor.labels.release=other,podLabels.release=mine",
      "podLabels.app\\.kubernetes\\.io/component=web,commonLabels.app\\.kubernetes\\.io/name=web",
    ];
    // `parse` refuses a key that stands twice.
    const objects = render(release, "full-values.yaml", ["--is-upgrade", ...sets.flatMap((set) => ["--set-string", set])]);
    const { metadata, spec } = only(objects, "StatefulSet");
    expect(metadata.labels).toMatchObject({ release: "kps", "app.kubernetes.io/name": "driftd" });
    expect(spec.template.metadata.labels).toMatchObject({ release: "mine", ...spec.selector.matchLabels });
    expect(only(objects, "ServiceMonitor").metadata.labels).toMatchObject({ release: "other" });
  });

  it("keeps the name of the check's Job, which is a label of its pod, within 63 characters", () => {
    const longest = "r".repeat(60);
    const jobs = render("4.1.4", "minimal-values.yaml", ["--is-upgrade", "--set", `fullnameOverride=${longest}`]).filter(
      ({ kind }) => kind === "Job",
    );
    expect(jobs[0]?.metadata.name).toMatch(/^r{50}-check-config$/);
  });

  it("looks for the job by the name that nameOverride gives it", () => {
    const objects = render("4.1.4", "full-values.yaml", ["--set", "nameOverride=watch"]);
    const text = JSON.stringify(only(objects, "PrometheusRule")["spec"]);
    expect(only(objects, "Service").metadata.labels?.["app.kubernetes.io/name"]).toBe("watch");
    expect(text).toContain('up{job=\\"watch\\"} == 0');
    expect(text).not.toContain('job=\\"driftd\\"');
  });

  it("hands over the rules and the dashboards as they are", async () => {
    const objects = render("4.1.4", "full-values.yaml", ["--set", "prometheusRule.alertLabels=null"]);
    for (const [path, source] of await copies()) {
      const original = readFileSync(source, "utf8");
      if (path === "files/rules.yaml") expect(only(objects, "PrometheusRule")["spec"].groups).toEqual(parse(original).groups);
      else {
        const map = objects.find(({ kind, data }) => kind === "ConfigMap" && Object.hasOwn(data, basename(path)));
        expect(map?.metadata.labels?.["grafana_dashboard"]).toBe("1");
        expect(map?.metadata.namespace).toBe("monitoring");
        expect(`${map?.["data"][basename(path)].trimEnd()}\n`).toBe(`${original.trim()}\n`);
      }
    }
  });

  it("puts the addresses of the values into every alert", () => {
    const objects = render("4.1.4", "full-values.yaml", [
      "--set",
      "prometheusRule.runbooks=https://wiki.my.org/driftd/,prometheusRule.grafana=https://grafana.my.org",
    ]);
    const text = JSON.stringify(only(objects, "PrometheusRule")["spec"]);
    expect(text).toContain('"runbook_url":"https://wiki.my.org/driftd/DriftdModelDrift.md"');
    expect(text).toContain('"dashboard_url":"https://grafana.my.org/d/driftd-overview');
    expect(text).not.toMatch(/driftd\.example|grafana\.example/);
  });

  it("leaves out, relabels and labels alerts as the values say", async () => {
    const source = (await copies()).get("files/rules.yaml");
    if (source === undefined) return; // nothing to change yet
    type Rule = { alert?: string; labels?: Record<string, string> };
    const rulesIn = (groups: { rules: Rule[] }[]) => groups.flatMap(({ rules }) => rules);
    const original = rulesIn(parse(readFileSync(source, "utf8")).groups);
    const [first, second] = original.flatMap(({ alert }) => (alert === undefined ? [] : [alert]));
    const objects = render("4.1.4", "full-values.yaml", [
      "--set",
      `prometheusRule.disabledAlerts={${first}},prometheusRule.severities.${second}=info`,
    ]);
    const rules = rulesIn(only(objects, "PrometheusRule")["spec"].groups);
    expect(rules.map(({ alert }) => alert)).toEqual(original.map(({ alert }) => alert).filter((alert) => alert !== first));
    expect(rules.find(({ alert }) => alert === second)?.labels).toMatchObject({ severity: "info", team: "ml-platform" });
  });

  it.each(helmReleases)("is packaged by Helm %s with its rules, dashboards and schema, and without the test cases", (release) => {
    const { code, stderr } = run(helmPath(release), ["package", chartFolder, "--destination", folder]);
    expect(code, stderr).toBe(0);
    const { stdout } = run("tar", ["-tzf", join(folder, "driftd-0.1.0.tgz")]);
    const files = stdout.trim().split("\n");
    expect(files).toEqual(expect.arrayContaining(["driftd/values.schema.json", "driftd/files/secret-keys.json", "driftd/README.md"]));
    expect(files.filter((file) => file.startsWith("driftd/ci/"))).toEqual([]);
  });
});

describeWith([...helmReleases.map(helmPath), chartTool("python")])("what the chart renders, held against strict schemas", () => {
  it("has only kinds and keys that the oldest and the newest Kubernetes and the operators know", () => {
    const objects = valuesFiles.flatMap(everything);
    expect(new Set(objects.map(({ kind }) => kind))).toEqual(
      new Set(
        "ConfigMap HTTPRoute Ingress Job NetworkPolicy Pod PodDisruptionBudget PrometheusRule Role RoleBinding Secret Service ServiceAccount ServiceMonitor StatefulSet".split(
          " ",
        ),
      ),
    );
    expect(strictErrors(objects)).toEqual([]);
  });

  it("would be refused with a key that is not known, in Kubernetes' own kinds and in the operators'", () => {
    const objects = structuredClone(render("4.1.4", "full-values.yaml"));
    const wrong: readonly [kind: string, at: (object: KubeObject) => Record<string, unknown>, key: string][] = [
      ["StatefulSet", ({ spec }) => spec, "serviceNam"],
      ["StatefulSet", ({ spec }) => spec.template.spec.containers[0], "livenesProbe"],
      ["ServiceMonitor", ({ spec }) => spec.endpoints[0], "intervall"],
      ["HTTPRoute", ({ spec }) => spec.rules[0], "backendRef"],
      ["PrometheusRule", ({ spec }) => spec, "group"],
    ];
    for (const [kind, at, key] of wrong) at(only(objects, kind))[key] = "x";
    const found = strictErrors(objects);
    for (const [kind, , key] of wrong)
      expect(found.filter((line) => line.includes(kind) && line.includes(key))).toHaveLength(kubernetes.length);
  });
});

describeWith([helmPath("4.1.4"), "promtool"])("the rules in the rendered PrometheusRule", () => {
  it("are accepted by promtool", () => {
    const { spec } = only(render("4.1.4", "full-values.yaml"), "PrometheusRule");
    const file = join(folder, "rules.json");
    writeFileSync(file, JSON.stringify({ groups: spec.groups })); // JSON is YAML
    const { code, stdout, stderr } = run("promtool", ["check", "rules", "--lint=all", "--lint-fatal", file]);
    expect(code, `${stdout}${stderr}`).toBe(0);
  });
});

/** driftd.yaml as the chart renders it; undefined when the configuration is made elsewhere. */
function configText(objects: readonly KubeObject[]): string | undefined {
  const holder = objects.find(({ metadata }) => metadata.name.endsWith("-config"));
  return (holder?.["data"] ?? holder?.["stringData"])?.["driftd.yaml"];
}

function configOf(objects: readonly KubeObject[]): { readonly http?: { readonly listen?: string } } | undefined {
  const text = configText(objects);
  return text === undefined ? undefined : parse(text);
}
