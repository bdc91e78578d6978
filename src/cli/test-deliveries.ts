/**
 * `driftd deliveries test`: a `driftd.test` message through the very outputs that the daemon would use. Outputs whose targets would do something
 * real with it (start a run, open an incident) are tested only with `--yes`.
 */

import { randomUUID } from "node:crypto";

import type { Config } from "../config/config.ts";
import { type OutputConfig, presetOf } from "../config/outputs.ts";
import { systemClock } from "../lib/clock.ts";
import { DriftdError } from "../lib/errors.ts";
import { openAlertmanager } from "../outputs/alertmanager-client.ts";
import { createOutputs } from "../outputs/index.ts";
import type { AttemptResult, OutboxMessage } from "../outputs/output.ts";
import { testData } from "../outputs/samples.ts";
import { exitCodes, type Io } from "./args.ts";
import { columns } from "./columns.ts";

export type TestDeliveriesOptions = {
  readonly config: Config;
  readonly io: Io;
  readonly version: string;
  /** Undefined: every output. */
  readonly target: string | undefined;
  readonly yes: boolean;
  readonly json: boolean;
};

/** Sends, prints the answers, and resolves to the exit code: 1 when one refused. Rejects with `USAGE`, `DELIVERIES_TEST_IS_REAL`, `OUTPUT_*`, `SECRET_*`. */
export async function testDeliveries({ config, io, version, target, yes, json }: TestDeliveriesOptions): Promise<number> {
  const chosen = [...config.outputs.values()].filter(({ name }) => target === undefined || name === target);
  if (chosen.length === 0)
    throw new DriftdError("USAGE", "driftd deliveries: test: the configuration has no outputs", { hint: "add one under outputs:" });
  const real = yes ? [] : chosen.flatMap(({ name, type }) => effectOf(name, type));
  if (real.length > 0) {
    throw new DriftdError("DELIVERIES_TEST_IS_REAL", `nothing was sent: a test ${real.join("; a test ")}`, {
      hint: "add --yes if you mean it, or name another output with --target",
    });
  }
  const signal = io.signal ?? new AbortController().signal;
  const items = (await Promise.all(chosen.map((output) => test(output, config, version, signal)))).flat();
  if (json) io.stdout(`${JSON.stringify({ items, next: null })}\n`);
  else {
    const rows = items.map(({ output, ok, status, failure, latency_seconds, excerpt }) => [
      output,
      ok ? "ok" : (failure ?? "failed"),
      String(status ?? "–"),
      `${latency_seconds} s`,
      excerpt,
    ]);
    io.stdout(columns([["OUTPUT", "RESULT", "STATUS", "TIME", "ANSWER"], ...rows]));
  }
  return items.every(({ ok }) => ok) ? exitCodes.fine : exitCodes.no;
}

function effectOf(name: string, type: OutputConfig["type"]): readonly string[] {
  const effect = presetOf(type)?.onTest;
  return effect === undefined ? [] : [`of ${name} (${type}) ${effect}`];
}

async function test(output: OutputConfig, config: Config, version: string, signal: AbortSignal): Promise<readonly TestItem[]> {
  const { name } = output;
  if (output.type === "alertmanager") {
    // No alert: it would wake people. An empty list goes the same way and needs the same rights.
    return Promise.all(
      output.urls.map((url, index) => {
        const send = openAlertmanager(output, url, { clock: systemClock, version });
        return timed(output.urls.length === 1 ? name : `${name}-${index + 1}`, () => send([], signal));
      }),
    );
  }
  const [made] = await createOutputs([output], { clock: systemClock, version });
  if (made === undefined) return [];
  const item = await timed(name, () => made.send(testMessage(name, config), signal));
  await made.close();
  return [item];
}

type TestItem = Awaited<ReturnType<typeof timed>>;

async function timed(output: string, send: () => Promise<AttemptResult>) {
  const beganMs = systemClock.monotonicMs();
  const result = await send();
  return {
    output,
    ok: result.ok,
    status: result.status ?? null,
    failure: result.ok ? null : result.failure,
    latency_seconds: Math.round(systemClock.monotonicMs() - beganMs) / 1000,
    excerpt: result.excerpt,
  };
}

/** Of the first model that asks or tells this output, so that targets which look a model up find it. */
function testMessage(output: string, { models }: Config): OutboxMessage {
  const nowMs = systemClock.nowMs();
  const id = `msg_test_${randomUUID().replaceAll("-", "")}`;
  const model =
    (models.find(({ retrain, notify }) => retrain?.to.includes(output) || notify?.to.includes(output)) ?? models[0])?.name ?? "";
  const type = "driftd.test";
  const body = JSON.stringify({ type, timestamp: new Date(nowMs).toISOString(), data: testData(id, output, model, "1") });
  return { id, output, type, model, version: "1", body, createdAtMs: nowMs };
}
