// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables are what is tested
/** One file per defect, each with its exact message: what a user reads is part of the program. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

import { parseConfig } from "../../src/config/load.ts";
import { formatProblem, isConfigError } from "../../src/config/problem.ts";

const folder = join(import.meta.dirname, "../fixtures/config/invalid");

/** Name of the file → everything said about it, behind `<name>.yaml:`. */
const messages: Readonly<Record<string, readonly string[]>> = {
  "alias-bomb": ["1:1: cannot be read: Excessive alias count indicates a resource exhaustion attack"],
  "bad-boolean": ['2:110: models[0].retrain.dry_run: "yes" is text, not true or false'],
  "bad-broker": ['1:20: kafka.brokers[0]: "localhost" is not an address; write host:port, e.g. localhost:9092 or [::1]:9092'],
  "bad-choice": ['3:15: log.level: "inf" is not one of debug, info, warn, error; did you mean "info"?'],
  "bad-duration": ['3:21: event_time.pane: "5 minutes" is not a duration; write 250ms, 30s, 5m, 1h30m or 35d'],
  "bad-header-name": ['3:76: outputs.ops.headers["x y"]: is not the name of an HTTP header'],
  "bad-header-value": ["3:91: outputs.ops.headers.authorization: <secret> is not the value of an HTTP header"],
  "bad-integer": ["3:24: metrics.max_series: 20000.5 is a number, not a whole number"],
  "bad-listen": ['3:17: http.listen: "localhost" is not an address; write host:port, e.g. localhost:9092 or [::1]:9092'],
  "bad-name": ['2:18: models[0].name: " flights" is not a name; 1 to 128 characters, no control characters, no blank at either end'],
  "bad-output-type": [
    '3:25: outputs.ops.type: "webhok" is not one of webhook, http, airflow, kubeflow, github_dispatch, github_workflow, gitlab, argo_workflows, argo_events, jenkins, mlflow, prefect, dagster, kubernetes_job, slack, pagerduty, teams, cloudevents, kafka, alertmanager; did you mean "webhook"?',
  ],
  "bad-port": ['3:17: http.listen: "localhost:99999" is not an address; write host:port, e.g. localhost:9092 or [::1]:9092'],
  "bad-record-path": [
    '3:18: record.model: "meta..model" is not a path; write keys joined by dots, e.g. meta.time (a dot inside a key: "a\\.b")',
  ],
  "bad-size": ['1:81: kafka.max_message_bytes: "10M" is not a size; write 256KiB, 10MiB or 4MB'],
  "bad-ssl": ['1:67: kafka.ssl: "on" is not one of true or false, a map'],
  "bad-start": ['1:69: kafka.start: "yesterday" is not one of earliest, latest and is not a duration; write 250ms, 30s, 5m, 1h30m or 35d'],
  "bad-thresholds": ['2:58: models[0].thresholds: "atuo" is not one of auto, a map; did you mean "auto"?'],
  "bad-topic": ['1:46: kafka.topics[0]: "inference log" is not the name of a topic'],
  "bad-url": ["3:39: outputs.ops.url: <secret> is not a URL; write http://… or https://…"],
  "broker-without-host": ['1:20: kafka.brokers[0]: ":9092" has no host; write host:port, e.g. localhost:9092'],
  "cert-without-key": ["1:80: kafka.ssl.cert_file: stands without key_file; set key_file too"],
  "duplicate-key": ["3:1: this key stands twice in the same map; keep one of them"],
  "duration-fraction": ['3:25: event_time.max_step: "1.5h" is not a duration; write 250ms, 30s, 5m, 1h30m or 35d'],
  "duration-number": ["3:33: event_time.allowed_lateness: 600 is a whole number, not text; add the unit, e.g. 600s"],
  "duration-too-long": ['1:72: kafka.max_wait: "1h" is too long; at most 30s'],
  "duration-too-short": ['1:79: kafka.session_timeout: "1s" is too short; at least 6s'],
  "http-both-tokens": ["3:21: http.token_file: stands beside token; keep one of the two"],
  "notify-unknown-output": [
    '2:67: models[0].notify.to[0]: "caht" is not one of outputs; did you mean "chat"?',
    '2:79: models[0].notify.to[2]: "chat" stands twice in the list',
  ],
  "retrain-lock-too-short": [
    '2:95: models[0].retrain.in_progress_timeout: "5s" is too short; at least 1m',
    '2:109: models[0].retrain.approval: "manaul" is not one of auto, manual; did you mean "manual"?',
  ],
  "empty-models": ["2:9: models: is an empty list; give it at least one entry"],
  "empty-references": ["2:39: models[0].references: is an empty map; list a snapshot per version"],
  "empty-section": ["3:6: http: is empty; give it a value, or remove the key"],
  "empty-value": ["1:69: kafka.start: is empty; give it a value, or remove the key"],
  "compat-bins": ['2:69: models[0].compat.psi.bins: "sturges" is not one of coarse, deciles, width:20, doane, edges:[…]'],
  "compat-edges": ['2:69: models[0].compat.psi.bins: "edges:[3, 1]" holds edges that do not ascend; sort them, each once'],
  "compat-edges-by-feature": ["2:87: models[0].compat.psi.bins.edges.delay: do not ascend; sort them, each once"],
  "compat-zero": [
    '2:69: models[0].compat.psi.zero: "evidentely" is not one of jeffreys, evidently, epsilon, floor; a number may follow: epsilon:1e-4',
  ],
  "expectation-empty": ["2:69: models[0].expectations.delay: expects nothing; set not_null, type, between, in_set or matches"],
  "expectation-no-end": ["2:80: models[0].expectations.delay.between: has no end; give at least one of the two"],
  "expectation-pattern": [
    '2:81: models[0].expectations.origin.matches: "[A-Z" is not a regular expression; JavaScript\'s, with the flag u',
  ],
  "expectation-range": ["2:80: models[0].expectations.delay.between: begins above its end; swap the two"],
  "expectation-unsafe-pattern": [
    '2:81: models[0].expectations.origin.matches: "^(a+)+$" could take for ever: what it repeats without end can itself vary; write it without',
  ],
  "expectation-tolerates-all": ["2:98: models[0].expectations.origin.tolerate: 1 is too large; less than 1"],
  "expectation-unknown": ['2:72: models[0].expectations.origin.in_sett: unknown key; did you mean "in_set"?'],
  "renew-beyond-retention": [
    "2:69: models[0].reference.renew.days: 60 are more days than panes are kept; at most as many as store.retention, 35d",
  ],
  "renew-without-path": ["2:27: models[0].reference.path: is required; name a snapshot; `driftd reference build` makes one"],
  "signal-name": ['2:22: record.signals["lat ency"]: is not the name of a signal; letters, digits and _'],
  "volume-duplicates": ["2:68: models[0].volume.duplicates: 2 is too large; less than 1"],
  "volume-silence": [
    '2:65: models[0].volume.silence: "never" is not one of auto, off and is not a duration; write 250ms, 30s, 5m, 1h30m or 35d',
  ],
  empty: ["1:1: the file is empty; it needs at least kafka.brokers, kafka.topics and models"],
  "feature-in-and-out": ['2:86: models[0].features.exclude[0]: "delay" is in include too; remove it from one'],
  "file-with-kafka-time": [
    '2:21: event_time.from: "kafka" is not possible with a file, whose records have no such time; name the field that holds the event time',
  ],
  "idle-beyond-stall": [
    '3:29: event_time.idle_timeout: "20m" is longer than stall_timeout, 15m; an idle partition would count as stalled first',
  ],
  "integer-too-small": ["3:24: metrics.max_series: 0 is too small; at least 100"],
  "long-window-not-half-hours": ['3:15: windows[1]: "25h20m" is not a multiple of 30m; write 1d1h or 1d1h30m (with pane 5m)'],
  "model-twice": ['4:13: models[1].name: "flights" is also the name of models[0]; names must differ'],
  "no-brokers": ["1:1: kafka.brokers: is required; brokers to begin with, `host:port`"],
  "no-models": ["1:1: models: is required; the models that are watched"],
  "no-output-type": [
    "3:12: outputs.ops.type: is required; one of webhook, http, airflow, kubeflow, github_dispatch, github_workflow, gitlab, argo_workflows, argo_events, jenkins, mlflow, prefect, dagster, kubernetes_job, slack, pagerduty, teams, cloudevents, kafka, alertmanager",
  ],
  "no-reference": ["2:10: models[0].reference: is required; name a snapshot; `driftd reference build` makes one"],
  "no-source": ["1:1: kafka: is required; set kafka.brokers and kafka.topics (or file.path)"],
  "no-thresholds": ["2:58: models[0].thresholds: names no statistic; write auto, or e.g. psi: { warning: 0.1, critical: 0.2 }"],
  "not-a-list": ['1:19: kafka.brokers: "localhost:9092" is text, not a list; write [localhost:9092]'],
  "not-a-map": ["1:1: is not a map of sections; begin with kafka: and models:"],
  "number-key": ['2:41: models[0].references["1"]: the key 1.0 is a number and would become "1"; write "1.0"'],
  "output-both-secrets": ["3:82: outputs.ops.secret_file: stands beside secret; keep one of the two"],
  "output-both-urls": ["3:65: outputs.ops.url_file: stands beside url; keep one of the two"],
  "output-without-url": ["3:12: outputs.ops.url: is required; set url or url_file"],
  "pane-divides-nothing": ['3:21: event_time.pane: "7m" does not divide 30 minutes; write 1m, 5m, 10m, 15m or 30m'],
  "pane-fraction": ['3:21: event_time.pane: "1500ms" is not a whole number of seconds'],
  "record-timestamp": ["3:11: record.timestamp: unknown key; event_time.from says where the event time stands"],
  "reference-and-references": ["2:46: models[0].references: stands beside reference; keep one of the two"],
  "retention-too-short": ['3:21: store.retention: "1d" is shorter than the longest window and allowed_lateness together; at least 1d10m'],
  "retrain-both-forms": ["3:68: models[0].retrain.webhook: stands beside to; keep one of the two"],
  "retrain-no-outputs": ['2:62: models[0].retrain.to[0]: "slack" is not one of outputs; outputs has none'],
  "retrain-nobody": ["2:55: models[0].retrain: names nobody to ask; set to: [<output>] or webhook: { url, secret_file }"],
  "retrain-output-twice": ['3:67: models[0].retrain.to[1]: "ops" stands twice in the list'],
  "retrain-unknown-output": ['3:62: models[0].retrain.to[0]: "slak" is not one of outputs; did you mean "slack"?'],
  "retrain-webhook-name-taken": [
    "3:66: models[0].retrain.webhook: would be the output retrain-flights, which outputs has already; write to: [retrain-flights]",
  ],
  "retrain-webhook-without-url": ["2:57: models[0].retrain.webhook.url: is required; set url or url_file"],
  "sasl-bearer-with-password": ["1:68: kafka.sasl: oauthbearer takes no username and no password; remove them"],
  "sasl-bearer-without-token": ["1:68: kafka.sasl: oauthbearer needs a token; set token or token_file"],
  "sasl-both-forms": ["1:125: kafka.sasl.password_file: stands beside password; keep one of the two"],
  "sasl-token-for-plain": ["1:68: kafka.sasl: plain takes no token; remove it, or set mechanism: oauthbearer"],
  "sasl-without-mechanism": ["1:62: kafka.sasl.mechanism: is required; one of plain, scram-sha-256, scram-sha-512, oauthbearer"],
  "sasl-without-password": ["1:68: kafka.sasl: plain needs a password; set password or password_file"],
  "sasl-without-username": ["1:68: kafka.sasl: plain needs a username; set username"],
  "second-document": ["3:1: a second YAML document begins here; remove the line ---"],
  "size-too-large": ['1:81: kafka.max_message_bytes: "10GiB" is too large; at most 256MiB'],
  "tab-indent": ["2:1: not YAML: Tabs are not allowed as indentation; indent with blanks"],
  "threshold-out-of-range": ["2:76: models[0].thresholds.ks.critical: 2 is too large; at most 1"],
  "threshold-without-limit": ["2:65: models[0].thresholds.psi: has no limit; set warning, critical or both"],
  "two-sources": ["2:1: file: stands beside kafka; keep one of the two"],
  "unclosed-list": [
    "1:48: not YAML: Flow sequence in block collection must be sufficiently indented and end with a ]; check the indentation, and quote text that holds a colon",
    "1:49: not YAML: Flow map in block collection must be sufficiently indented and end with a }; check the indentation, and quote text that holds a colon",
  ],
  "unknown-key-deep": ['2:60: models[0].thresholds.psy: unknown key; did you mean "psi"?'],
  "unknown-key-far": ["3:10: store.color: unknown key; known: type, path, retention"],
  "unknown-key-near": ['1:37: kafka.topic: unknown key; did you mean "topics"?'],
  "unknown-section": ['3:1: stor: unknown key; did you mean "store"?'],
  "variable-malformed": [
    '2:38: models[0].reference: "${}/a.json" holds a ${ that is no variable; write ${NAME}, ${NAME:-default} or ${NAME:?message}; $${ for the characters themselves',
  ],
  "variable-message": [
    '2:38: models[0].reference: "${NO_SUCH_VARIABLE:?export it from the vault}" needs the environment variable NO_SUCH_VARIABLE, which is not set; export it from the vault',
  ],
  "variable-unset": [
    '2:38: models[0].reference: "${NO_SUCH_VARIABLE}" needs the environment variable NO_SUCH_VARIABLE, which is not set; set it, or write ${NO_SUCH_VARIABLE:-default}',
  ],
  "version-in-folder": ['2:38: models[0].reference: "{version}/a.json" must hold {version} once, in the file\'s name'],
  "warning-above-critical": ["2:76: models[0].thresholds.psi.warning: 0.3 is above critical, 0.2; swap them, or lower the warning"],
  "window-not-panes": ['3:11: windows[0]: "90m" is not a multiple of 1h; write 1h or 2h (with pane 5m)'],
  "window-too-short": ['3:11: windows[0]: "30m" is not a multiple of 1h; write 1h (with pane 5m)'],
  "window-twice": ['3:15: windows[1]: "60m" is the same length as windows[0]; remove one'],
  "zero-budget": ["2:70: models[0].false_alarms.budget: 0 is too small; more than 0"],
};

function problemsOf(name: string): string[] {
  const file = `${name}.yaml`;
  try {
    parseConfig(readFileSync(join(folder, file), "utf8"), file, {});
    return [];
  } catch (thrown) {
    if (!isConfigError(thrown)) throw thrown;
    return thrown.problems.map((problem) => formatProblem(problem).slice(file.length + 1));
  }
}

test.each(Object.keys(messages))("%s is refused with its own words", (name) => {
  expect(problemsOf(name)).toEqual(messages[name]);
});

test("every file of the folder has its message", () => {
  expect(
    readdirSync(folder)
      .map((file) => file.replace(".yaml", ""))
      .sort(),
  ).toEqual(Object.keys(messages).sort());
});

test("no message holds a secret", () => {
  expect(JSON.stringify(messages)).not.toContain("hunter2");
});
