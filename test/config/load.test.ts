// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables are what is tested
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { loadConfig, parseConfig } from "../../src/config/load.ts";
import { maskedConfig, restartKeys, restartKeysChanged } from "../../src/config/masked.ts";
import { printConfig } from "../../src/config/print.ts";
import { formatProblem, isConfigError } from "../../src/config/problem.ts";

const kafka = "kafka: { brokers: [localhost:9092], topics: [inference-log] }\n";
const smallest = `${kafka}models: [{ name: flights, reference: flights.json }]\n`;

const parse = (text: string, env: Record<string, string> = {}) => parseConfig(text, "/etc/driftd/driftd.yaml", env);

function problemsOf(text: string, env: Record<string, string> = {}): string[] {
  try {
    parse(text, env);
    return [];
  } catch (thrown) {
    if (!isConfigError(thrown)) throw thrown;
    return thrown.problems.map((problem) => formatProblem({ ...problem, file: "f" }));
  }
}

describe("the smallest file", () => {
  const { config, warnings } = parse(smallest);

  test("has the documented defaults", () => {
    expect(config).toMatchObject({
      kafka: {
        groupId: "driftd",
        clientId: "driftd",
        ssl: undefined,
        sasl: undefined,
        maxBytesPerPartition: 262_144,
        maxWaitMs: 500,
        sessionTimeoutMs: 45_000,
        maxMessageBytes: 4_194_304,
      },
      record: { id: ["id"], model: ["model"], version: ["version"], timestamp: ["timestamp"], features: ["features"] },
      store: { type: "sqlite", retentionMs: 35 * 86_400_000 },
      http: { host: "127.0.0.1", port: 9465, reload: true },
      eventTime: {
        from: "record",
        paneMs: 300_000,
        allowedLatenessMs: 600_000,
        idleTimeoutMs: 120_000,
        stallTimeoutMs: 900_000,
        maxStepMs: 3_600_000,
        actionMaxAgeMs: 86_400_000,
      },
      metrics: { features: "all", maxSeries: 20_000 },
      log: { level: "info", format: "auto" },
    });
    expect(config.models[0]).toMatchObject({
      thresholds: "auto",
      maxVersions: 20,
      falseAlarms: { budget: 1, perMs: 30 * 86_400_000 },
      forMs: 0,
    });
    expect(warnings).toEqual([]);
  });

  test("begins a new store one longest window and the allowed lateness ago", () => {
    expect(config.kafka?.start).toEqual({ durationMs: (24 * 60 + 10) * 60_000 });
  });

  test("slides a window by a twelfth of its length, at most 30 minutes", () => {
    expect(config.windows.map(({ name, slideMs }) => [name, slideMs / 60_000])).toEqual([
      ["1h", 5],
      ["6h", 30],
      ["24h", 30],
    ]);
  });

  test("keeps an alert firing for the longest window", () => {
    expect(config.models[0]?.keepFiringForMs).toBe(86_400_000);
  });

  test("takes relative paths from its own folder", () => {
    expect(config.store.path).toBe("/etc/driftd/driftd.db");
    expect(config.models[0]?.reference).toEqual({ kind: "file", path: "/etc/driftd/flights.json" });
  });
});

test("the line of the contract with empty ssl and sasl means neither, and says so", () => {
  const text = "kafka: { brokers: [localhost:9092], topics: [a], group_id: driftd, client_id: driftd, start: 25h, ssl: {}, sasl: {} }\n";
  const { config, warnings } = parse(`${text}models: [{ name: a, reference: a.json }]\n`);
  expect(config.kafka).toMatchObject({ ssl: undefined, sasl: undefined, start: { durationMs: 25 * 3_600_000 } });
  expect(warnings.map(({ path, message }) => [path, message])).toEqual([["kafka.ssl", "is empty: no TLS"]]);
});

test("ssl: true means TLS with the system's certificates", () => {
  const text = smallest.replace("topics:", "ssl: true, topics:");
  expect(parse(text).config.kafka?.ssl).toEqual({
    caFile: undefined,
    certFile: undefined,
    keyFile: undefined,
    serverName: undefined,
    insecureSkipVerify: false,
  });
});

test("the guards of a retraining have their defaults, and can be switched off", () => {
  const guardsOf = (more: string) => {
    const text = `${kafka}models: [{ name: flights, reference: a.json, retrain: { webhook: { url: "http://localhost:9000/x" }${more} } }]\n`;
    const { inProgressTimeoutMs, approval } = parseConfig(text, "driftd.yaml", {}).config.models[0]!.retrain!;
    return [inProgressTimeoutMs, approval];
  };
  expect(guardsOf("")).toEqual([6 * 3_600_000, "auto"]);
  expect(guardsOf(", in_progress_timeout: off, approval: manual")).toEqual([undefined, "manual"]);
  expect(guardsOf(", in_progress_timeout: 90m")[0]).toBe(90 * 60_000);
});

test("nobody is told unless notify says so; then of warnings and of bad data too", () => {
  const notifyOf = (more: string) => {
    const text = `${kafka}outputs: { chat: { type: webhook, url: "http://localhost:9000/x" } }\nmodels: [{ name: flights, reference: a.json${more} }]\n`;
    return parseConfig(text, "driftd.yaml", {}).config.models[0]!.notify;
  };
  expect(notifyOf("")).toBe(undefined);
  expect(notifyOf(", notify: { to: [chat] }")).toEqual({ to: ["chat"], severity: "warning", quality: true });
  expect(notifyOf(", notify: { to: [chat], severity: critical, quality: false }")).toEqual({
    to: ["chat"],
    severity: "critical",
    quality: false,
  });
});

test.each([
  ["127.0.0.1:9465", true],
  ["localhost:9465", true],
  ["[::1]:9465", true],
  ["127.1.2.3:80", true],
  [":9465", false],
  ["0.0.0.0:9465", false],
  ["10.0.0.1:9465", false],
  ["127.example.org:9465", false],
])("the address %s is reached from this machine alone: %s", (listen, loopback) => {
  const { http } = parseConfig(
    `${kafka}models: [{ name: a, reference: a.json }]\nhttp: { listen: "${listen}", token: t0ken }\n`,
    "driftd.yaml",
    {},
  ).config;
  expect([http.loopback, String(http.token)]).toEqual([loopback, "<secret>"]);
});

test("retrain.webhook becomes an output of the model's own", async () => {
  const text = `${kafka}models: [{ name: flights, reference: a.json, retrain: { webhook: { url: "http://localhost:9000/x", secret_file: s.txt } } }]\n`;
  const { config, stands } = parse(text);
  expect(config.models[0]?.retrain?.to).toEqual(["retrain-flights"]);
  const output = config.outputs.get("retrain-flights");
  expect(output).toMatchObject({ type: "webhook", name: "retrain-flights", timeoutMs: 15_000, maxAttempts: 10 });
  if (output?.type !== "webhook") throw new Error("no webhook");
  expect(output.secret?.file).toBe("/etc/driftd/s.txt");
  expect(await output.url.reveal()).toBe("http://localhost:9000/x");
  expect(stands(["outputs", "retrain-flights"])).toBe(false);
});

test("an output without a secret is warned of", () => {
  const text = `${kafka}outputs: { ops: { type: webhook, url: "http://localhost:9000/" } }\nmodels: [{ name: a, reference: a.json, retrain: { to: [ops] } }]\n`;
  expect(parse(text).warnings.map(formatProblem)).toEqual([
    "/etc/driftd/driftd.yaml:2:12: outputs.ops: has no secret: requests are not signed; set secret_file",
  ]);
});

test.each([
  ["a file", "reference: a.json", { kind: "file", path: "/etc/driftd/a.json" }],
  ["a pattern", 'reference: "r/a-{version}.json"', { kind: "pattern", pattern: "/etc/driftd/r/a-{version}.json" }],
  ["an absolute path", "reference: /srv/a.json", { kind: "file", path: "/srv/a.json" }],
  [
    "a list by version",
    'references: { "1": a.json, 2: b.json }',
    {
      kind: "by_version",
      paths: new Map([
        ["1", "/etc/driftd/a.json"],
        ["2", "/etc/driftd/b.json"],
      ]),
    },
  ],
])("a reference may be %s", (_, line, expected) => {
  expect(parse(`${kafka}models: [{ name: a, ${line} }]\n`).config.models[0]?.reference).toEqual(expected);
});

test.each([
  ["the default", "", ["timestamp"], "record"],
  ["a path that goes down", "event_time: { from: meta.time }\n", ["meta", "time"], "record"],
  ["a key with a dot", "event_time: { from: 'meta\\.time' }\n", ["meta.time"], "record"],
  ["the message's own", "event_time: { from: kafka }\n", undefined, "kafka"],
])("the event time comes from %s", (_, lines, path, from) => {
  const { record, eventTime } = parse(smallest + lines).config;
  expect([record.timestamp, eventTime.from]).toEqual([path, from]);
});

test("features: . is the record itself", () => {
  expect(parse(`${smallest}record: { features: . }\n`).config.record.features).toEqual([]);
});

test("windows are sorted, shortest first, under the names they were given", () => {
  expect(parse(`${smallest}windows: [24h, 120m]\n`).config.windows.map(({ name }) => name)).toEqual(["120m", "24h"]);
});

test("action_max_age: off sends at any age", () => {
  expect(parse(`${smallest}event_time: { action_max_age: off }\n`).config.eventTime.actionMaxAgeMs).toBeNull();
});

test("reload is answered on a loopback address only, unless said otherwise", () => {
  const reload = (http: string) => parse(`${smallest}http: { ${http} }\n`).config.http.reload;
  expect([reload('listen: ":9465"'), reload('listen: "[::1]:9465"'), reload('listen: ":9465", reload: true')]).toEqual([false, true, true]);
});

test("a file is a source; - stays standard input", () => {
  const file = (path: string) => parse(`file: { path: "${path}" }\nmodels: [{ name: a, reference: a.json }]\n`).config.file;
  expect([file("-")?.path, file("log/*.ndjson")?.path]).toEqual(["-", "/etc/driftd/log/*.ndjson"]);
});

test("without kafka and file only a command with its own input can use it", () => {
  const text = "models: [{ name: a, reference: a.json }]\n";
  expect(problemsOf(text)).toEqual(["f:1:1: kafka: is required; set kafka.brokers and kafka.topics (or file.path)"]);
  expect(parseConfig(text, "f", {}, { source: "optional" }).config.kafka).toBeUndefined();
});

describe("problems", () => {
  test("are all found at once, over all sections and models, in the order of the file", () => {
    const text = `kafka:
  brokers: [nohost]
  topics: [a]
event_time: { pane: 7m }
windows: [1h, 60m]
stor: {}
models:
  - name: flights
    reference: a.json
    thresholds: { psi: { warning: 0.3, critical: 0.2 }, kss: { warning: 1 } }
  - name: flights
    thresholds: atuo
    retrain: { to: [ops] }
log: { level: inf }
`;
    expect(problemsOf(text).map((line) => line.replace(/^f:(\d+):\d+: ([^:]*): .*$/, "$1 $2"))).toEqual([
      "2 kafka.brokers[0]",
      "4 event_time.pane",
      "5 windows[1]",
      "6 stor",
      "10 models[0].thresholds.psi.warning",
      "10 models[0].thresholds.kss",
      "11 models[1].reference",
      "11 models[1].name",
      "12 models[1].thresholds",
      "13 models[1].retrain.to[0]",
      "14 log.level",
    ]);
  });

  test("of a key that was mistyped are one, not two", () => {
    expect(problemsOf(`${kafka}models: [{ name: a, referense: a.json }]\n`)).toEqual([
      'f:2:21: models[0].referense: unknown key; did you mean "reference"?',
    ]);
  });

  test("point through aliases and merged keys to the line that a user can mend", () => {
    const text = `${kafka}x-base: &base { reference: a.json }\nmodels:\n  - { <<: *base, name: a, for: x }\n`;
    expect(problemsOf(text)).toEqual([
      expect.stringContaining("f:2:1: x-base: unknown key"),
      'f:4:32: models[0].for: "x" is not a duration; write 250ms, 30s, 5m, 1h30m or 35d',
    ]);
  });

  test("make one error with every line, a code and a hint", () => {
    let error: unknown;
    try {
      parse("log: { level: x }\n");
    } catch (thrown) {
      error = thrown;
    }
    expect(isConfigError(error) && [error.code, error.message.split("\n").length, error.problems.length]).toEqual(["CONFIG_INVALID", 4, 3]);
  });

  test("keep control characters of a value from the terminal", () => {
    expect(problemsOf(`${smallest}log: { level: "\\e[31mred\\n" }\n`)[0]).toContain(String.raw`"\u001b[31mred\n" is not one of`);
  });
});

test.each([
  ["a byte order mark", `\ufeff${smallest}`],
  ["Windows line ends", smallest.replaceAll("\n", "\r\n")],
  ["a comment at the end without a line end", `${smallest}# end`],
])("%s does no harm", (_, text) => {
  expect(parse(text).config.models[0]?.name).toBe("flights");
});

test("a key called __proto__ is an unknown key", () => {
  expect(problemsOf(`${smallest}store: { __proto__: { path: x } }\n`)).toEqual([expect.stringContaining("store.__proto__: unknown key")]);
});

test("a C1 control character in a key does not reach the terminal", () => {
  expect(problemsOf(`${smallest}"a\u009b2J": 1\n`)[0]).toContain(String.raw`["a\u009b2J"]: unknown key`);
});

describe("variables", () => {
  const reference = (text: string, env: Record<string, string>) => {
    const found = parse(`${kafka}models: [{ name: a, reference: "${text}" }]\n`, env).config.models[0]?.reference;
    return found?.kind === "file" ? found.path : undefined;
  };

  test.each([
    ["a set one is put in", "/r/${A}.json", "/r/x.json"],
    ["two in one text", "/${A}${A}", "/xx"],
    ["the default of an unset one", "/${B:-d/e}.json", "/d/e.json"],
    ["the default of an empty one", "/${E:-d}.json", "/d.json"],
    ["an empty one without a default", "/a${E}.json", "/a.json"],
    ["an empty default", "/a${B:-}.json", "/a.json"],
    ["a set one has no use for its default", "/${A:-d}", "/x"],
    ["a message of a set one is not given", "/${A:?no}", "/x"],
    ["two dollars are one", "/$${A}$$", "/${A}$"],
    ["a dollar alone means nothing", "/$A/$", "/$A/$"],
    ["what a variable holds is not looked at again", "/${N}", "/${A}"],
  ])("%s", (_, text, expected) => {
    expect(reference(text, { A: "x", E: "", N: "${A}" })).toBe(expected);
  });

  test("cannot become YAML: a value with line ends and colons stays one text", () => {
    expect(reference("/${A}", { A: "a\nlog: { level: debug }\n#" })).toBe("/a\nlog: { level: debug }\n#");
  });

  test("are not put into keys or comments", () => {
    expect(problemsOf(`${smallest}"\${A}": 1 # \${B}\n`, { A: "store" })).toEqual([expect.stringContaining('["${A}"]: unknown key')]);
  });

  test("may be numbers and switches where the schema wants them, and stay text where it does not", () => {
    const text = `${kafka}models: [{ name: "\${N}", reference: a.json, max_versions: "\${N}", retrain: { dry_run: "\${T}", to: [o] } }]\noutputs: { o: { type: webhook, url: "http://localhost/", secret: "\${N}" } }\n`;
    const { config } = parse(text, { N: "7", T: "true" });
    expect(config.models[0]).toMatchObject({ name: "7", maxVersions: 7, retrain: { dryRun: true } });
  });

  test("that are no number are reported with their text", () => {
    expect(problemsOf(`${kafka}models: [{ name: a, reference: a.json, max_versions: "\${N}" }]\n`, { N: "many" })).toEqual([
      'f:2:54: models[0].max_versions: "many" is text, not a number',
    ]);
  });

  test("of a prototype are not taken for variables", () => {
    expect(problemsOf(`${kafka}models: [{ name: a, reference: "\${toString}" }]\n`)).toHaveLength(1);
  });
});

describe("what is shown of a configuration", () => {
  const text = `kafka: { brokers: [localhost:9092], topics: [a], ssl: true, sasl: { mechanism: plain, username: u, password: hunter2 } }
outputs: { o: { type: webhook, url: "http://u:hunter2@localhost/hunter2", secret: hunter2, headers: { x: hunter2 } } }
models: [{ name: a, reference: a.json, retrain: { to: [o] } }]
`;

  test.each([
    ["maskedConfig", (loaded: ReturnType<typeof parse>) => JSON.stringify(maskedConfig(loaded.config))],
    ["printConfig", (loaded: ReturnType<typeof parse>) => printConfig(loaded.config)],
    ["JSON.stringify", (loaded: ReturnType<typeof parse>) => JSON.stringify({ ...loaded, outputs: [...loaded.config.outputs] })],
    ["util.inspect", (loaded: ReturnType<typeof parse>) => inspect(loaded, { depth: 20, showHidden: true })],
  ])("holds no secret: %s", (_, show) => {
    const shown = show(parse(text));
    expect(shown).toContain("<secret>");
    expect(shown).not.toContain("hunter2");
  });

  test("is a configuration itself, with the same meaning", () => {
    const shorthand = `${kafka}models: [{ name: a, reference: a.json, thresholds: { psi: { critical: 0.2 } }, retrain: { webhook: { url_file: u, secret_file: s } } }]\n`;
    const before = parse(shorthand);
    const after = parse(printConfig(before.config));
    expect(after.config.effective).toEqual(before.config.effective);
    expect(after.digest).toBe(before.digest);
  });

  test("has sections and defaults in the order of the table", () => {
    expect(Object.keys(maskedConfig(parse(smallest).config))).toEqual([
      "kafka",
      "record",
      "store",
      "http",
      "event_time",
      "windows",
      "outputs",
      "event_log",
      "models",
      "calendar",
      "metrics",
      "log",
    ]);
  });
});

describe("a reload", () => {
  test("that changes nothing that needs a restart names nothing", () => {
    const after = parse(`${smallest}windows: [2h]\nlog: { level: debug }\n`);
    expect(restartKeysChanged(parse(smallest).config, after.config)).toEqual([]);
  });

  test("that spells a default out changes nothing", () => {
    const spelled = parse(`${smallest}http: { listen: "127.0.0.1:9465" }\n`);
    expect([restartKeysChanged(parse(smallest).config, spelled.config), spelled.digest]).toEqual([[], parse(smallest).digest]);
  });

  test("that changes what needs a restart names each key", () => {
    const after = parse(
      smallest.replace("9092", "9093").concat("http: { listen: ':80' }\nevent_time: { pane: 1m }\nstore: { path: b.db }\n"),
    );
    expect(restartKeysChanged(parse(smallest).config, after.config)).toEqual([
      "kafka.brokers",
      "store.path",
      "http.listen",
      "event_time.pane",
    ]);
  });

  test("from kafka to a file needs a restart", () => {
    const after = parse("file: { path: a.ndjson }\nmodels: [{ name: flights, reference: flights.json }]\n");
    expect(restartKeysChanged(parse(smallest).config, after.config)).toContain("file");
  });

  test("knows restart keys that exist", () => {
    const all = parse(`${smallest}`).config.effective;
    const known = restartKeys.filter(([section]) => section !== "file" && all[section!] === undefined);
    expect(known).toEqual([]);
  });
});

describe("a file on the disk", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "driftd-config-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  test("is named from the folder that the command was started in", async () => {
    await writeFile(join(folder, "driftd.yaml"), smallest);
    const { config } = await loadConfig("driftd.yaml", {}, { folder });
    expect(config.path).toBe(join(folder, "driftd.yaml"));
    expect(config.store.path).toBe(join(folder, "driftd.db"));
  });

  test("that is not there is one clear error", async () => {
    await expect(loadConfig(join(folder, "none.yaml"), {})).rejects.toMatchObject({
      code: "CONFIG_UNREADABLE",
      message: `${join(folder, "none.yaml")}: no such file`,
    });
  });
});
