import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

import { checkConfigCommand } from "../../src/cli/check-config.ts";
import { digestOf } from "../../src/reference/canonical.ts";
import { featureLayoutHash } from "../../src/reference/compile.ts";
import type { CategoricalFeature, Snapshot } from "../../src/reference/snapshot.ts";

let folder: string;
const valid = `kafka: { brokers: [localhost:9092], topics: [inference-log] }
models:
  - name: flights
    reference: flights.json
    features: { exclude: [carrier] }
    retrain: { webhook: { url: "http://u:hunter2@localhost:9000/", secret_file: secret.txt } }
`;

function snapshot(): Snapshot {
  const bare = {
    kind: "categorical" as const,
    feature: "carrier",
    role: "feature" as const,
    count: 3,
    missing: 0,
    wrong_type: 0,
    layout: "",
    coarse: [0, 1],
    categories: ["AA", "UA"],
    counts: [2, 1],
    seen_once: 1,
  } satisfies CategoricalFeature;
  const content: Omit<Snapshot, "digest"> = {
    schema: "driftd/reference/v1",
    model: "flights",
    records: 3,
    provenance: { source: "test", driftd: "0.1.0", created_at: "2026-01-01T00:00:00Z", quantiles: "exact" },
    features: [{ ...bare, layout: featureLayoutHash(bare) }],
  };
  return { ...content, digest: digestOf(content) };
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "driftd-check-"));
  await writeFile(join(folder, "flights.json"), JSON.stringify(snapshot()));
  await writeFile(join(folder, "secret.txt"), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n");
  await writeFile(join(folder, "valid.yaml"), valid);
});
afterAll(() => rm(folder, { recursive: true }));

async function run(args: string[], files: Record<string, string> = {}): Promise<{ code: number; stdout: string; stderr: string }> {
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  let [stdout, stderr] = ["", ""];
  const code = await checkConfigCommand(args, {
    stdout: (text) => {
      stdout += text;
    },
    stderr: (text) => {
      stderr += text;
    },
    isTTY: false,
    env: {},
    cwd: folder,
  });
  return { code, stdout, stderr };
}

test("a good file is fine: exit 0 and a summary", async () => {
  const { code, stdout, stderr } = await run(["valid.yaml"]);
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout).toContain("valid.yaml: fine\n  source   kafka inference-log at localhost:9092 as driftd\n");
  expect(stdout).toContain("  model    flights: thresholds auto, asks retrain-flights\n");
});

test("a bad file exits 1 and names everything, with the file as it was named", async () => {
  const text = valid.replace("topics", "topic").replace("reference: flights.json", "for: 5x");
  const { code, stdout } = await run(["bad.yaml"], { "bad.yaml": text });
  expect([code, stdout]).toEqual([
    1,
    `bad.yaml: 3 problems
bad.yaml:1:37: kafka.topic: unknown key; did you mean "topics"?
bad.yaml:3:5: models[0].reference: is required; name a snapshot; \`driftd reference build\` makes one
bad.yaml:4:10: models[0].for: "5x" is not a duration; write 250ms, 30s, 5m, 1h30m or 35d
`,
  ]);
});

test("files that are not there are found, all of them, each where it is named", async () => {
  const text = valid.replace("flights.json", "none.json").replace("secret.txt", "none.txt").concat("store: { path: none/driftd.db }\n");
  const { code, stdout } = await run(["bad.yaml"], { "bad.yaml": text });
  expect(code).toBe(1);
  expect(stdout.replaceAll(folder, "DIR").split("\n").slice(1, -1)).toEqual([
    expect.stringMatching(/^bad\.yaml:4:16: models\[0\]\.reference: DIR\/none\.json: there is no such reference; /),
    "bad.yaml:6:81: models[0].retrain.webhook.secret_file: the file DIR/none.txt is not there; write the secret into it, readable for this user only",
    "bad.yaml:7:16: store.path: the folder DIR/none is not there; create it, or correct the path",
  ]);
});

test("--no-files looks at the configuration alone", async () => {
  expect((await run(["--no-files", "bad.yaml"], { "bad.yaml": valid.replace("flights.json", "none.json") })).code).toBe(0);
});

test("--online says that no broker answers, at the place of the kafka section", async () => {
  const nobody = "kafka: { brokers: ['127.0.0.1:1'], topics: [log] }\nmodels: [{ name: m, reference: r.json }]\n";
  const { code, stdout } = await run(["--no-files", "--online", "bad.yaml"], { "bad.yaml": nobody });
  expect(code).toBe(1);
  expect(stdout).toMatch(/bad\.yaml:1:8: kafka: kafka 127\.0\.0\.1:1: no broker can be reached/);
});

test("a feature that the reference does not have is found", async () => {
  const { code, stdout } = await run(["bad.yaml"], { "bad.yaml": valid.replace("[carrier]", "[carier]") });
  expect([code, stdout.split("\n")[1]]).toEqual([
    1,
    'bad.yaml:5:27: models[0].features.exclude[0]: "carier" is not a feature of the reference; did you mean "carrier"?',
  ]);
});

test("a key that cannot sign is found", async () => {
  const { code, stdout } = await run(["bad.yaml"], { "bad.yaml": valid.replace("secret.txt", "key.txt"), "key.txt": "whsec_???" });
  expect(code).toBe(1);
  expect(stdout).toContain("bad.yaml:6:25: models[0].retrain.webhook: the signing key");
});

test("a reference of another model is found", async () => {
  const { code, stdout } = await run(["bad.yaml"], { "bad.yaml": valid.replace("name: flights", "name: fraud") });
  expect(code).toBe(1);
  expect(stdout).toContain("models[0].reference: model fraud: ");
});

test("--format json is one document, whatever is found", async () => {
  const { code, stdout } = await run(["--format", "json", "valid.yaml", "bad.yaml"], { "bad.yaml": valid.replace("localhost:9092", "x") });
  expect(code).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject({
    schema: "driftd/check-config/v1",
    valid: false,
    files: [
      { file: "valid.yaml", valid: true, problems: [], digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) },
      {
        file: "bad.yaml",
        valid: false,
        problems: [
          {
            file: "bad.yaml",
            line: 1,
            column: 20,
            path: "kafka.brokers[0]",
            value: '"x"',
            message: "is not an address; write host:port, e.g. localhost:9092 or [::1]:9092",
          },
        ],
      },
    ],
  });
});

test.each([["--print"], ["--print", "--format", "json"]])("%s %s %s shows defaults and no secret", async (...flags) => {
  const { code, stdout } = await run(["valid.yaml", ...flags.filter((flag) => flag !== undefined)]);
  expect(code).toBe(0);
  expect(stdout).toContain("allowed_lateness");
  expect(stdout).not.toContain("hunter2");
});

test("what --print writes is a good file itself", async () => {
  const { stdout } = await run(["valid.yaml", "--print"]);
  expect((await run(["printed.yaml", "--no-files"], { "printed.yaml": stdout.replace("<secret>", "http://localhost/") })).code).toBe(0);
});

test("--schema is a JSON Schema and needs no file", async () => {
  const { code, stdout } = await run(["--schema"]);
  expect([code, Object.keys(JSON.parse(stdout).properties)[0]]).toEqual([0, "kafka"]);
});

test("warnings go to standard error and change nothing", async () => {
  const { code, stderr } = await run(["warned.yaml"], { "warned.yaml": valid.replace(", secret_file: secret.txt", "") });
  expect([code, stderr]).toEqual([
    0,
    "warning: warned.yaml:6:16: models[0].retrain.webhook: has no secret: requests are not signed; set secret_file\n",
  ]);
});

test.each([
  ["no file", [], "USAGE"],
  ["a file that is not there", ["none.yaml"], "CONFIG_UNREADABLE"],
])("%s cannot be checked", async (_, args, code) => {
  await expect(run(args)).rejects.toMatchObject({ code });
});
