/** What check-config says about outputs: each mistake with its key and its own words. */

import { expect, test } from "vitest";
import { parseConfig } from "../../src/config/load.ts";
import { acceptsOf } from "../../src/config/outputs.ts";
import { formatProblem, isConfigError } from "../../src/config/problem.ts";
import { configSchema } from "../../src/config/schema.ts";

function problems(output: Record<string, unknown>, model: Record<string, unknown> = {}, more: Record<string, unknown> = {}): string[] {
  const file = {
    kafka: { brokers: ["a:1"], topics: ["a"] },
    models: [{ name: "m", reference: "r.json", ...model }],
    outputs: { o: output },
    ...more,
  };
  try {
    parseConfig(JSON.stringify(file), "f", {});
    return [];
  } catch (thrown) {
    if (!isConfigError(thrown)) throw thrown;
    return thrown.problems.map((problem) => formatProblem(problem).replace(/^f:\d+:\d+: /, ""));
  }
}

const url = "http://localhost/";
const bare = "every driftd.retrain.requested: not in one that was asked for before any window was evaluated";
test.each<[string, Record<string, unknown>, string[]]>([
  ["a typo in an option", { type: "airflow", url, dagid: "a" }, ['outputs.o.dagid: unknown key; did you mean "dag_id"?']],
  ["no URL", { type: "airflow", dag_id: "a" }, ["outputs.o.url: is required; set url or url_file"]],
  ["a twin", { type: "slack", url, url_file: "f" }, ["outputs.o.url_file: stands beside url; keep one of the two"]],
  ["no token", { type: "github_dispatch", repository: "a/b" }, ["outputs.o.token: is required; set token or token_file"]],
  ["no routing key", { type: "pagerduty" }, ["outputs.o.routing_key: is required; set routing_key or routing_key_file"]],
  [
    "half a login",
    { type: "airflow", url, dag_id: "a", username: "u" },
    ["outputs.o.username: stands without a password; set password or password_file"],
  ],
  [
    "the other half",
    { type: "mlflow", url, alias: "a", password_file: "u" },
    ["outputs.o.password_file: stands without username; set username"],
  ],
  [
    "two logins",
    { type: "http", url, token: "t", username: "u", password: "p" },
    ["outputs.o.token: stands beside username and password; keep one of the two ways to log in"],
  ],
  ["a repository that is none", { type: "github_dispatch", repository: "b", token: "t" }, ['outputs.o.repository: "b" is not owner/name']],
  [
    "a payload with too many keys",
    {
      type: "github_dispatch",
      repository: "a/b",
      token: "t",
      client_payload: Object.fromEntries(Array.from({ length: 11 }, (_, i) => [`k${i}`, 1])),
    },
    ["outputs.o.client_payload: has more than 10 keys, which GitHub refuses; put some into a map"],
  ],
  ["an MLflow that sets nothing", { type: "mlflow", url }, ["outputs.o: sets nothing; set tag, alias or both"]],
  ["a version of Airflow", { type: "airflow", url, dag_id: "a", airflow: 4 }, ["outputs.o.airflow: 4 is too large; at most 3"]],
  [
    "a path in a template that no message has",
    { type: "airflow", url, dag_id: "a", conf: { m: ["{{ data.modle }}"] } },
    [
      'outputs.o.conf.m[0]: {{ data.modle }} is not in driftd.retrain.requested; see the body of the message, or give a default: {{ data.modle ?? "…" }}',
    ],
  ],
  [
    "a path that not every message has",
    { type: "http", url, body: "{{ data.window.end }}" },
    [
      `outputs.o.body: {{ data.window.end }} is not in ${bare}; see the body of the message, or give a default: {{ data.window.end ?? "…" }}`,
    ],
  ],
  [
    "a template that is none",
    { type: "argo_workflows", url, namespace: "n", resource_name: "r", parameters: { a: "{{ 1 + }}" } },
    ['outputs.o.parameters.a: {{ 1 + }} is not a path; write e.g. {{ data.model }} or {{ data.version ?? "none" }}'],
  ],
  [
    "a path of http that is none",
    { type: "http", url, path: "models" },
    ["outputs.o.path: does not begin with / or ?; it is put behind the URL"],
  ],
  [
    "headers that no request may have",
    { type: "http", url, fields: { "x-model": "a", Host: "b", "content-length": "c", "x y": "d" } },
    [
      "outputs.o.fields.Host: is set by driftd itself; take it out",
      "outputs.o.fields.content-length: is set by driftd itself; take it out",
      'outputs.o.fields["x y"]: is no name of a header; write e.g. x-model',
    ],
  ],
  ["a status", { type: "http", url, success: [99] }, ["outputs.o.success[0]: 99 is too small; at least 200"]],
  [
    "a URL of Alertmanager",
    { type: "alertmanager", urls: ["am:9093"] },
    ["outputs.o.urls[0]: <secret> is not a URL; write http://… or https://…"],
  ],
  [
    "a label of Alertmanager",
    { type: "alertmanager", urls: [url], labels: { "my-team": "a" } },
    ["outputs.o.labels.my-team: is not the name of a label; letters, digits and _"],
  ],
  [
    "a Kafka login",
    { type: "kafka", topic: "t", brokers: ["b:1"], sasl: { mechanism: "plain", username: "u" } },
    ["outputs.o.sasl: plain needs a password; set password or password_file"],
  ],
  ["concurrency of nothing", { type: "webhook", url, secret: "s", concurrency: 0 }, ["outputs.o.concurrency: 0 is too small; at least 1"]],
])("%s", (_name, output, said) => {
  expect(problems(output)).toEqual(said);
});

test("a topic needs brokers: its own, or those that driftd reads from", () => {
  expect(problems({ type: "kafka", topic: "t" })).toEqual([]);
  expect(problems({ type: "kafka", topic: "t" }, {}, { kafka: undefined, file: { path: "-" } })).toEqual([
    "outputs.o.brokers: is required without a section kafka; name the brokers of the topic",
  ]);
});

test.each([
  ["slack", { type: "slack", url }, []],
  ["airflow", { type: "airflow", url, dag_id: "a" }, []],
  [
    "alertmanager",
    { type: "alertmanager", urls: [url] },
    [
      'models[0].retrain.to[0]: "o" is of type alertmanager, which cannot carry driftd.retrain.requested; it gets alerts by itself, without being named',
    ],
  ],
  [
    "http of other messages",
    { type: "http", url, accepts: ["driftd.digest"], body: {} },
    ['models[0].retrain.to[0]: "o" is of type http, which cannot carry driftd.retrain.requested; add it to outputs.o.accepts'],
  ],
])("who can be asked to retrain: %s", (_name, output, said) => {
  expect(problems(output, { retrain: { to: ["o"] } })).toEqual(said);
});

test.each([
  ["slack", { type: "slack", url }, []],
  ["mlflow", { type: "mlflow", url, alias: "a" }, []],
  [
    "airflow",
    { type: "airflow", url, dag_id: "a" },
    [
      'models[0].notify.to[0]: "o" is of type airflow, which cannot carry driftd.drift.firing; name an output that tells people, e.g. webhook or slack',
    ],
  ],
  [
    "http",
    { type: "http", url, accepts: ["driftd.drift.firing"] },
    ['models[0].notify.to[0]: "o" is of type http, which cannot carry driftd.quality.firing; add it to outputs.o.accepts'],
  ],
])("who can be told: %s", (_name, output, said) => {
  expect(problems(output, { notify: { to: ["o"] } })).toEqual(said);
});

test("a digest goes to people, not to pipelines, registries or pagers", () => {
  const carries = (output: Record<string, unknown>) =>
    acceptsOf(configSchema.shape.outputs.parse({ o: output })["o"] as never).includes("driftd.digest");
  expect(["slack", "teams", "argo_events", "cloudevents"].map((type) => carries({ type, url }))).toEqual([true, true, true, true]);
  expect(carries({ type: "webhook", url })).toBe(true);
  expect(carries({ type: "kafka", topic: "t" })).toBe(true);
  expect([carries({ type: "airflow", url, dag_id: "a" }), carries({ type: "mlflow", url }), carries({ type: "pagerduty" })]).toEqual([
    false,
    false,
    false,
  ]);
});
