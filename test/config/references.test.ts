import { expect, test } from "vitest";
import { parseConfig } from "../../src/config/load.ts";
import { formatProblem, isConfigError } from "../../src/config/problem.ts";

const parse = (text: string, env: Record<string, string> = {}) =>
  parseConfig(`file: { path: a.ndjson }\n${text}`, "/etc/driftd/driftd.yaml", env);
const model = (reference: string, more = "") => `models: [{ name: m, reference: ${reference}${more} }]\n`;

function problemsOf(text: string): string[] {
  try {
    parse(text);
    return [];
  } catch (thrown) {
    if (!isConfigError(thrown)) throw thrown;
    return thrown.problems.map((problem) => formatProblem({ ...problem, file: "f", line: 0 }).replace("f: ", ""));
  }
}

const MLFLOW = 'mlflow: { url: "http://localhost:5000" }\n';
const placesOf = (text: string) => {
  const { reference } = parse(text).config.models[0]!;
  return reference.kind === "addresses" ? reference.places : reference;
};

test("a file is a file, asked at start and reload, unless it is refreshed", () => {
  expect(placesOf(model("a.json"))).toEqual({ kind: "file", path: "/etc/driftd/a.json" });
  expect(placesOf(model("{ path: a.json, refresh: off }"))).toEqual({ kind: "file", path: "/etc/driftd/a.json" });
  expect(placesOf(model("{ path: a.json, refresh: 1m }"))).toEqual([
    { version: undefined, address: "/etc/driftd/a.json", refreshMs: 60_000 },
  ]);
});

test.each([
  ["refs/", "/etc/driftd/refs/"],
  ["/refs/", "/refs/"],
  ["https://h/r.json?sig=1", "https://h/r.json?sig=1"],
  ["s3://bucket/a/b.json", "s3://bucket/a/b.json"],
  ['"mlflow://models/m@champion/r.json"', "mlflow://models/m@champion/r.json"],
])("%s is asked every five minutes, or never when the refresh is off", (written, address) => {
  expect(placesOf(MLFLOW + model(written))).toEqual([{ version: undefined, address, refreshMs: 300_000 }]);
  for (const off of ["off", "0"]) {
    expect(placesOf(MLFLOW + model(`{ path: ${written}, refresh: ${off} }`))).toEqual([
      { version: undefined, address, refreshMs: undefined },
    ]);
  }
});

test("as soon as one version's reference is an address, all of the model's are asked", () => {
  const text = 'models: [{ name: m, reference: { refresh: 10m }, references: { "1": a.json, "2": s3://bkt/k.json } }]\n';
  expect(placesOf(text)).toEqual([
    { version: "1", address: "/etc/driftd/a.json", refreshMs: 600_000 },
    { version: "2", address: "s3://bkt/k.json", refreshMs: 600_000 },
  ]);
});

test.each([
  [model("http:/h/r.json"), "models[0].reference: is not a URL; write https://host/path"],
  [model("https://u:hush@h/r.json"), "models[0].reference: holds a user or a password; set reference.http.username and password_file"],
  [model("https://h/r.json#x"), "models[0].reference: has a # that no server sees; write %23 for the character itself"],
  [model("s3://bucket"), 'models[0].reference: "s3://bucket" is no address in S3; write s3://bucket/key'],
  [model("s3://bucket/dir/"), 'models[0].reference: "s3://bucket/dir/" is no address in S3; write s3://bucket/key'],
  [model("s3://bucket/a/../b"), 'models[0].reference: "s3://bucket/a/../b" is no address in S3; write s3://bucket/key'],
  [
    model("gs://b/k.json"),
    'models[0].reference: "gs://b/k.json" is of a kind that driftd does not know; write a path, http(s)://…, s3://bucket/key or mlflow://…',
  ],
  [
    MLFLOW + model('"mlflow://models/m@champion"'),
    'models[0].reference: "mlflow://models/m@champion" is no address in MLflow; write mlflow://models/NAME@ALIAS/PATH, mlflow://models/NAME/VERSION/PATH or mlflow://runs/RUN_ID/PATH',
  ],
  [model("mlflow://runs/a/r.json"), 'models[0].reference: "mlflow://runs/a/r.json" needs the section mlflow; set mlflow.url'],
  [
    model('"s3://bkt/{version}.json"'),
    'models[0].reference: "s3://bkt/{version}.json" holds {version}, which is for names of files; list each version under references, or name a directory',
  ],
  [
    model('{ path: "{version}.json", refresh: 5m }'),
    'models[0].reference.refresh: "5m" is not possible with {version}; name the directory: it is looked through for versions',
  ],
  [model("{ path: s3://bkt/k, http: { token: hush } }"), "models[0].reference.http: is for addresses in http(s)://; remove it"],
  [
    model("{ path: https://h/k, http: { username: u } }"),
    "models[0].reference.http.username: stands without a password; set password or password_file",
  ],
  [
    model("{ path: https://h/k, http: { token: a, token_file: b } }"),
    "models[0].reference.http.token_file: stands beside token; keep one of the two",
  ],
  [
    model("{ path: s3://bkt/k, s3: { access_key_id: a } }"),
    "models[0].reference.s3: has one half of a pair of keys; set access_key_id(_file) and secret_access_key(_file)",
  ],
  [model("{ path: s3://bkt/k, refesh: 1m }"), 'models[0].reference.refesh: unknown key; did you mean "refresh"?'],
  [model("{ path: s3://bkt/k, refresh: 1ms }"), 'models[0].reference.refresh: "1ms" is too short; at least 1s'],
  [`mlflow: { token: a }\n${model("a.json")}`, "mlflow.url: is required; set url or url_file"],
  [
    `mlflow: { url: "http://h", models: { Registered: n } }\n${model("a.json")}`,
    'mlflow.models.Registered: "n" is not one of models; known: m',
  ],
])("%s is refused with its key", (text, problem) => {
  expect(problemsOf(text)).toEqual([problem]);
});

test("what is shown of a configuration holds no key, no token and no query of an address", () => {
  const text = `mlflow: { url: "http://hush", token: hush, webhook_secret: hush }
models:
  - { name: a, reference: { path: "https://h/r.json?X-Amz-Signature=hush", http: { token: hush, headers: { x-key: hush } } } }
  - { name: b, reference: { path: s3://bkt/k, s3: { access_key_id: hush, secret_access_key: hush, session_token: hush } } }
  - { name: c, references: { "1": "https://h/1?hush" } }
`;
  const { config } = parse(text);
  expect(JSON.stringify(config.effective)).not.toContain("hush");
  expect(config.effective["models"]).toMatchObject([
    { reference: { path: "https://h/r.json" } },
    {},
    { references: { "1": "https://h/1" } },
  ]);
});

test("S3's keys come from the file, else from the usual variables of AWS, never some of each", async () => {
  const env = {
    ...{ AWS_ACCESS_KEY_ID: "id", AWS_SECRET_ACCESS_KEY: "key", AWS_SESSION_TOKEN: "token" },
    ...{ AWS_REGION: "eu-north-1", AWS_ENDPOINT_URL_S3: "http://minio:9000" },
  };
  const s3Of = (text: string, given: Record<string, string>) => {
    const { reference } = parse(text, given).config.models[0]!;
    return reference.kind === "addresses" ? reference.access.s3 : undefined;
  };
  const fromEnv = s3Of(model("s3://bkt/k"), env);
  expect(fromEnv).toMatchObject({ endpoint: "http://minio:9000", region: "eu-north-1" });
  expect(
    await Promise.all([
      fromEnv?.keys?.accessKeyId.reveal(),
      fromEnv?.keys?.secretAccessKey.reveal(),
      fromEnv?.keys?.sessionToken?.reveal(),
    ]),
  ).toEqual(["id", "key", "token"]);
  const fromFile = s3Of(
    model('{ path: s3://bkt/k, s3: { endpoint: "http://h", region: r, access_key_id: a, secret_access_key: b } }'),
    env,
  );
  expect(fromFile).toMatchObject({ endpoint: "http://h", region: "r", keys: { sessionToken: undefined } });
  expect(s3Of(model("s3://bkt/k"), { AWS_ACCESS_KEY_ID: "id" })).toMatchObject({
    endpoint: undefined,
    region: "us-east-1",
    keys: undefined,
  });
});

test("a model is registered in MLflow under its own name unless another is mapped to it", () => {
  const text = `mlflow: { url: "http://h", models: { Flights: m } }\nmodels: [{ name: m, reference: a.json }, { name: n, reference: b.json }]\n`;
  expect([...parse(text).config.mlflow!.models]).toEqual([
    ["n", "n"],
    ["Flights", "m"],
  ]);
});

const OUTPUTS = 'outputs: { hook: { type: webhook, url: "http://h" }, flow: { type: airflow, url: "http://h", dag_id: d, token: t } }\n';
const RETRAINED = `${OUTPUTS}${model("a.json", ", retrain: { to: [hook] }")}`;

test("an entry of the calendar is in UTC, is about all models that it can be about, and makes up for what was missed", () => {
  const text = `${OUTPUTS}models: [{ name: m, reference: a.json, retrain: { to: [hook] } }, { name: n, reference: b.json }]
calendar:
  nightly: { cron: "0 3 * * *", do: retrain }
  monday: { cron: "0 8 * * mon", time_zone: Europe/Oslo, do: digest, to: [hook], missed: skip }
`;
  expect(parse(text).config.calendar).toEqual([
    { name: "nightly", cron: "0 3 * * *", timeZone: "UTC", action: "retrain", models: ["m"], to: [], missed: "once" },
    { name: "monday", cron: "0 8 * * mon", timeZone: "Europe/Oslo", action: "digest", models: ["m", "n"], to: ["hook"], missed: "skip" },
  ]);
});

test.each([
  ['{ cron: "0 0 31 2 *", do: retrain }', 'calendar.x.cron: "0 0 31 2 *" never comes up: no such month has a day 31; choose another day'],
  [
    '{ cron: "61 * * * *", do: retrain }',
    'calendar.x.cron: "61 * * * *" is not a cron expression: "61" is no minute; write minute, hour, day of month, month, day of week, e.g. 0 3 * * *',
  ],
  [
    "{ cron: every day, do: retrain }",
    'calendar.x.cron: "every day" is not a cron expression; write minute, hour, day of month, month, day of week, e.g. 0 3 * * *',
  ],
  ['{ cron: "* * * * * *", do: retrain }', 'calendar.x.cron: "* * * * * *" has six fields; write five: seconds are not told apart'],
  [
    '{ cron: "@daily", time_zone: Europe/Atlantis, do: retrain }',
    'calendar.x.time_zone: "Europe/Atlantis" is not a time zone; write e.g. UTC or Europe/Oslo',
  ],
  ['{ cron: "@daily", do: retrain, models: [mm] }', 'calendar.x.models[0]: "mm" is not one of models; known: m'],
  ['{ cron: "@daily", do: retrain, to: [hook] }', "calendar.x.to: is for digests, not for retrain; remove it"],
  ['{ cron: "@daily", do: digest }', "calendar.x.to: is required; name the outputs that get the digest"],
  ['{ cron: "@daily", do: digest, to: [hok] }', 'calendar.x.to[0]: "hok" is not one of outputs; did you mean "hook"?'],
  [
    '{ cron: "@daily", do: digest, to: [flow] }',
    'calendar.x.to[0]: "flow" is of type airflow, which cannot carry driftd.digest; name an output that tells people, e.g. webhook or slack',
  ],
  ['{ cron: "@daily", do: retrian }', 'calendar.x.do: "retrian" is not one of retrain, digest, refresh; did you mean "retrain"?'],
])("the entry %s is refused with its key", (entry, problem) => {
  expect(problemsOf(`${RETRAINED}calendar: { x: ${entry} }\n`)).toEqual([problem]);
});

test("a calendar cannot ask for the retraining of a model that has none", () => {
  const entry = (models: string) => `${model("a.json")}calendar: { x: { cron: "@daily", do: retrain${models} } }\n`;
  expect(problemsOf(entry(", models: [m]"))).toEqual(['calendar.x.models[0]: "m" has no retrain; set retrain of this model']);
  expect(problemsOf(entry(""))).toEqual(['calendar.x.do: "retrain" is not possible: no model has retrain; set models[].retrain']);
});
