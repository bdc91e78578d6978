/** `driftd check-config`: everything that is wrong with configuration files and the files that they name, at once. It starts nothing. */

import { policyOf } from "../assembly.ts";
import type { CalendarEntry, Config } from "../config/config.ts";
import { checkFiles, type FileChecks } from "../config/files.ts";
import { jsonSchema } from "../config/json-schema.ts";
import { type LoadedConfig, loadConfig } from "../config/load.ts";
import { maskedConfig } from "../config/masked.ts";
import { printConfig } from "../config/print.ts";
import { formatProblem, isConfigError, type Problem } from "../config/problem.ts";
import { prepareReference } from "../evaluate/calibrate.ts";
import { explainRules } from "../evaluate/explain.ts";
import { systemClock } from "../lib/clock.ts";
import { formatDuration } from "../lib/duration.ts";
import { coerceError, DriftdError } from "../lib/errors.ts";
import { nextDue } from "../lib/schedule.ts";
import { readVersion } from "../lib/version.ts";
import { createOutputs } from "../outputs/index.ts";
import { shownAddress } from "../reference/addresses/form.ts";
import { loadModelReferences } from "../reference/models.ts";
import { fetchReferences } from "../reference-fetch.ts";
import { type CommandSpec, exitCodes, helpText, type Io, parseArgs } from "./args.ts";
import { createSignalCheck, type SignalCheck } from "./check-signals.ts";
import { printable } from "./columns.ts";

const spec = {
  name: "check-config",
  description:
    "Checks a configuration and the files that it names; says everything that is wrong. Exit code 0: fine, 1: not valid, 2: could not check.",
  positionals: { name: "FILE", description: "The configuration, e.g. driftd.yaml; several may be named.", min: 0, max: 100 },
  flags: {
    config: { value: "FILE", description: "The configuration, as other commands take it." },
    format: { value: "FORMAT", description: "How to answer.", choices: ["text", "json"], default: "text" },
    print: { description: "Print the effective configuration: defaults filled, secrets masked." },
    schema: { description: "Print the JSON Schema of the configuration, for editors, and check nothing." },
    online: { description: "Also ask the brokers whether they answer and have the topics, and the addresses of references." },
    "no-files": { description: "Do not look at the files that the configuration names." },
  },
} as const satisfies CommandSpec;

/** What was found out about one file; `loaded` is undefined when it is not valid. */
type Checked = {
  readonly file: string;
  readonly loaded: LoadedConfig | undefined;
  readonly problems: readonly Problem[];
  /** What the rules mean on the references, in sentences by model; empty without a look at the files. */
  readonly meanings: readonly { readonly model: string; readonly meaning: string }[];
};

/** Runs the command. Exit codes: 0 fine, 1 not valid, 2 bad usage or unreadable. */
export async function checkConfigCommand(args: string[], io: Io): Promise<number> {
  const flags = parseArgs(spec, args);
  if (flags.help) {
    io.stdout(helpText(spec));
    return exitCodes.fine;
  }
  if (flags.has("schema")) {
    io.stdout(`${JSON.stringify(jsonSchema(), null, 2)}\n`);
    return exitCodes.fine;
  }
  const named = flags.text("config");
  const files = [...(named === undefined ? [] : [named]), ...flags.positionals];
  if (files.length === 0)
    throw new DriftdError("USAGE", "driftd check-config: FILE is missing", { hint: "write driftd check-config driftd.yaml" });

  const checked: Checked[] = [];
  for (const file of files) checked.push(await check(file, io, { files: !flags.has("no-files"), online: flags.has("online") }));
  const valid = checked.every(({ problems }) => problems.length === 0);
  const print = flags.has("print");
  if (flags.text("format") === "json")
    io.stdout(`${JSON.stringify({ schema: "driftd/check-config/v1", valid, files: checked.map((one) => asJson(one, print)) })}\n`);
  else for (const one of checked) report(one, print, io);
  return valid ? exitCodes.fine : exitCodes.no;
}

async function check(file: string, io: Io, looks: { readonly files: boolean; readonly online: boolean }): Promise<Checked> {
  try {
    // The name as it was given stands in the messages, so that a terminal can open it.
    const loaded = await loadConfig(file, io.env, { folder: io.cwd });
    const signals = createSignalCheck(loaded);
    const fetch = looks.online ? fetchReferences(loaded.config, { clock: systemClock, version: readVersion(io.env).version }) : undefined;
    const problems = looks.files ? await checkFiles(loaded, fileChecks(signals, loaded.config, fetch)) : [];
    if (looks.files) problems.push(...signals.problems());
    if (looks.online) problems.push(...(await checkBrokersOf(loaded)));
    problems.sort((a, b) => a.line - b.line || a.column - b.column);
    return { file, loaded, problems, meanings: looks.files && problems.length === 0 ? await meaningsOf(loaded.config, fetch) : [] };
  } catch (thrown) {
    if (isConfigError(thrown)) return { file, loaded: undefined, problems: thrown.problems, meanings: [] };
    throw thrown;
  }
}

/** What the configured rules do on the references' own traffic: how often fixed limits would fire, what cannot be calibrated, what can be seen. */
async function meaningsOf(config: Config, fetch: FetchOf | undefined): Promise<Checked["meanings"]> {
  const meanings: { model: string; meaning: string }[] = [];
  for (const model of config.models) {
    if (model.reference.kind === "addresses" && fetch === undefined) continue;
    for (const { version, reference } of (await loadModelReferences([model], fetch)).all()) {
      const name = version === undefined ? model.name : `${model.name} ${version}`;
      for (const meaning of await explainRules(prepareReference(reference.snapshot, policyOf(config, model))))
        meanings.push({ model: name, meaning });
    }
  }
  return meanings;
}

/** Only a look: no group is joined and nothing is read. */
async function checkBrokersOf({ config, problemAt }: LoadedConfig): Promise<readonly Problem[]> {
  if (config.kafka === undefined) return [];
  const [{ checkBrokers }, { kafkaConnection }] = await Promise.all([
    import("../sources/kafka/admin.ts"),
    import("../sources/kafka-connection.ts"),
  ]);
  try {
    await checkBrokers(await kafkaConnection(config.kafka));
    return [];
  } catch (thrown) {
    const error = coerceError(thrown);
    return [problemAt(["kafka"], error.message, error instanceof DriftdError ? error.hint : undefined)];
  }
}

type FetchOf = ReturnType<typeof fetchReferences>;

/** `online`: addresses are asked too. */
function fileChecks(signals: SignalCheck, config: Config, online: FetchOf | undefined): FileChecks {
  const version = readVersion().version;
  return {
    references: async (model) => {
      if (model.reference.kind === "addresses" && online === undefined) return undefined;
      // One place of the model at a time.
      const fetch = fetchReferences({ ...config, models: [model] }, { clock: systemClock, version });
      const references = (await loadModelReferences([model], fetch)).all();
      signals.loaded(
        model.name,
        references.map(({ reference }) => reference.snapshot),
      );
      return new Set(references.flatMap(({ reference }) => reference.snapshot.features.map(({ feature }) => feature)));
    },
    output: async (output) => {
      for (const made of await createOutputs([output], { clock: systemClock, version })) await made.close();
    },
  };
}

function asJson({ file, loaded, problems, meanings }: Checked, print: boolean): Record<string, unknown> {
  return {
    file,
    valid: problems.length === 0,
    problems: problems.map(problemJson),
    warnings: (loaded?.warnings ?? []).map(problemJson),
    meanings,
    ...(loaded === undefined ? {} : { digest: loaded.digest, ...(print ? { config: maskedConfig(loaded.config) } : {}) }),
  };
}

/** Absent facts are left out. */
function problemJson({ file, line, column, path, value, message, hint }: Problem): Record<string, unknown> {
  return { file, line, column, path, ...(value === undefined ? {} : { value }), message, ...(hint === undefined ? {} : { hint }) };
}

function report({ file, loaded, problems, meanings }: Checked, print: boolean, io: Io): void {
  for (const warning of loaded?.warnings ?? []) io.stderr(`warning: ${formatProblem(warning)}\n`);
  if (problems.length > 0) {
    io.stdout(
      `${file}: ${problems.length === 1 ? "1 problem" : `${problems.length} problems`}\n${problems.map((one) => `${formatProblem(one)}\n`).join("")}`,
    );
    return;
  }
  if (loaded === undefined) return;
  if (print) io.stdout(printConfig(loaded.config));
  else {
    const said = meanings.map(({ model, meaning }) => `  ${printable(model)}: ${printable(meaning)}\n`);
    io.stdout(`${file}: fine\n${summary(loaded.config)}  digest   ${loaded.digest}\n${said.join("")}`);
  }
}

/** Of addresses: what is asked, how often. */
function where(reference: Config["models"][number]["reference"]): string {
  if (reference.kind !== "addresses") return "";
  const places = reference.places.map(({ address, refreshMs }) => {
    const often = refreshMs === undefined ? "at start and reload" : `every ${formatDuration(refreshMs)}`;
    return `${printable(shownAddress(address))} ${often}`;
  });
  return ` reference ${places.join(", ")},`;
}

/** What is done when next, in the entry's own time zone. */
function calendarLine({ name, cron, timeZone, action, models, to }: CalendarEntry): string {
  const next = new Date(nextDue(cron, timeZone)!);
  const local = next.toLocaleString("sv-SE", { timeZone, dateStyle: "short", timeStyle: "short" });
  const whom = action === "digest" ? `digest to ${to.join(", ")}` : `${action} ${models.join(", ")}`;
  return `  calendar ${printable(name)}: ${printable(whom)}, next ${next.toISOString().replace(".000Z", "Z")} (${local} ${timeZone})\n`;
}

function summary(config: Config): string {
  const { kafka, eventTime, store } = config;
  const source =
    kafka === undefined
      ? `file ${config.file?.path}`
      : `kafka ${kafka.topics.join(", ")} at ${kafka.brokers.join(", ")} as ${kafka.groupId}`;
  const windows = config.windows.map(({ name }) => name).join(", ");
  const models = config.models.map(({ name, reference, retrain, thresholds }) => {
    const asked =
      retrain === undefined
        ? "asks nobody"
        : `asks ${retrain.to.join(", ")}${retrain.dryRun ? " (dry run)" : ""}${retrain.paused ? " (paused)" : ""}`;
    return `  model    ${name}:${where(reference)} thresholds ${thresholds === "auto" ? "auto" : Object.keys(thresholds).join(", ")}, ${asked}\n`;
  });
  return [
    `  source   ${source}\n`,
    `  windows  ${windows} of panes of ${formatDuration(eventTime.paneMs)}, lateness ${formatDuration(eventTime.allowedLatenessMs)}\n`,
    `  store    ${store.type} ${store.path}, kept ${formatDuration(store.retentionMs)}\n`,
    `  http     ${config.http.host === "" ? "*" : config.http.host}:${config.http.port}\n`,
    ...models,
    ...config.calendar.map(calendarLine),
  ].join("");
}
