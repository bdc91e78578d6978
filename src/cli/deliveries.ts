/**
 * `driftd deliveries`: the delivery log in a terminal, a message sent again or dismissed, a test message to a receiver. Reads the store beside a running
 * daemon; a replay is asked of the daemon when there is one, since it alone sends, and is left in the store for it when there is none.
 */

import type { Config } from "../config/config.ts";
import { loadConfig } from "../config/load.ts";
import { movedEvent } from "../decide/make-request.ts";
import { deliveryDetail, deliveryDocument } from "../http/api.ts";
import { systemClock } from "../lib/clock.ts";
import { DriftdError } from "../lib/errors.ts";
import { silentLog } from "../lib/log.ts";
import { readVersion } from "../lib/version.ts";
import { disabledFact } from "../outputs/outbox.ts";
import { askedAgain } from "../retraining-watch.ts";
import { openSqliteStore, type SqliteStoreOptions } from "../store/sqlite.ts";
import type { Delivery, Store } from "../store/store.ts";
import { type CommandSpec, exitCodes, helpText, type Io, type ParsedArgs, parseArgs } from "./args.ts";
import { columns, printable } from "./columns.ts";
import { testDeliveries } from "./test-deliveries.ts";

/** How long the daemon may take to answer. */
const DAEMON_TIMEOUT_MS = 10_000;

const ACTIONS = ["list", "show", "replay", "drop", "test"] as const;
const STATUSES = ["pending", "delivered", "dead", "cancelled"] as const;

const spec: CommandSpec = {
  name: "deliveries",
  description: [
    "List messages to outputs, show one with its attempts, send one again, dismiss a dead one, or send a test message.",
    "list: newest first. show ID: body and attempts. replay ID: send it again under its id, also to an output that a 410 has disabled. drop ID: nobody wants this dead letter any more; it is cancelled.",
    "test: a driftd.test message through every output, or --target; nothing is stored. A training pipeline would start a real run: --yes says that you mean it. Alertmanager is only asked whether it is there.",
    "Exits 0 when it was done, 1 when a receiver refused the test, 2 when it could not be done.",
  ].join("\n"),
  positionals: { name: "list|show ID|replay ID|drop ID|test", description: "What to do.", min: 1, max: 2 },
  flags: {
    config: { value: "FILE", description: "The configuration.", required: true },
    target: { value: "NAME", description: "Only this output (list, test)." },
    yes: { description: "Test also what starts a real run, a real incident and the like (test)." },
    status: { value: "STATUS", description: "Only messages of this status (list).", choices: STATUSES },
    limit: { value: "N", description: "Messages at most (list).", default: "50" },
    format: { value: "FORMAT", description: "What to print.", choices: ["text", "json"], default: "text" },
  },
};

type Context = { readonly config: Config; readonly parsed: ParsedArgs; readonly io: Io; readonly version: string };

/** Runs the command; returns the exit code. Rejects with `USAGE`, `CONFIG_*`, `STORE_*`, `OUTPUT_*`, `SECRET_*`, `DELIVERY_UNKNOWN`, `DELIVERY_NOT_REPLAYED`, `DELIVERY_NOT_DEAD`. */
export async function deliveriesCommand(args: string[], io: Io): Promise<number> {
  const parsed = parseArgs(spec, args);
  if (parsed.help) {
    io.stdout(helpText(spec));
    return exitCodes.fine;
  }
  const [action, id] = parsed.positionals;
  if (!ACTIONS.some((known) => known === action))
    throw usage(`unknown action ${JSON.stringify(action)}`, `write one of ${ACTIONS.join(", ")}`);
  const needsId = action === "show" || action === "replay" || action === "drop";
  if (needsId && id === undefined) throw usage(`${action}: the ID is missing`, "take one from `driftd deliveries list`");
  if (!needsId && id !== undefined) throw usage(`${action}: unexpected ${JSON.stringify(id)}`, "see `driftd deliveries --help`");
  const { config } = await loadConfig(parsed.text("config") as string, io.env, { source: "optional", folder: io.cwd });
  const context: Context = { config, parsed, io, version: readVersion(io.env).version };
  const target = parsed.text("target");
  if (target !== undefined && !config.outputs.has(target)) {
    const names = [...config.outputs.keys()].join(", ");
    throw usage(`--target ${target}: no such output`, names === "" ? "the configuration has no outputs" : `the configuration has ${names}`);
  }
  if (action === "test")
    return testDeliveries({ config, io, version: context.version, target, yes: parsed.has("yes"), json: parsed.text("format") === "json" });
  if (action === "replay") return replay(context, id as string);
  if (action === "drop") return drop(context, id as string);
  return withStore(context, { readOnly: true }, (store) =>
    action === "show" ? show(context, store, id as string) : list(context, store, target),
  );
}

async function list({ parsed, io }: Context, store: Store, target: string | undefined): Promise<number> {
  const limit = Number(parsed.text("limit"));
  if (!Number.isInteger(limit) || limit < 1)
    throw usage(`--limit ${parsed.text("limit")}: is not a whole number above 0`, "write --limit 50");
  const status = STATUSES.find((known) => known === parsed.text("status"));
  const found = await store.deliveries({
    limit: limit + 1,
    ...(status === undefined ? {} : { status }),
    ...(target === undefined ? {} : { output: target }),
  });
  const shown = found.slice(0, limit);
  if (parsed.text("format") === "json") {
    // The shape of `GET /api/v1/deliveries`; `next` is the last id shown where there are more.
    io.stdout(line({ items: shown.map(deliveryDocument), next: found.length > limit ? (shown.at(-1)?.id ?? null) : null }));
    return exitCodes.fine;
  }
  if (shown.length === 0) io.stdout("no deliveries\n");
  else io.stdout(columns([["ID", "STATUS", "ATTEMPTS", "OUTPUT", "MODEL", "VERSION", "CREATED"], ...shown.map(row)]));
  if (found.length > limit) io.stderr(`only the newest ${limit}; see --limit\n`);
  return exitCodes.fine;
}

async function show({ parsed, io }: Context, store: Store, id: string): Promise<number> {
  const detail = deliveryDetail(await find(store, id), await store.attempts(id));
  if (parsed.text("format") === "json") {
    io.stdout(line(detail));
    return exitCodes.fine;
  }
  const { body, attempt_log, ...fields } = detail;
  io.stdout(columns(Object.entries(fields).map(([name, value]) => [name, String(value ?? "–")])));
  io.stdout(attempt_log.length === 0 ? "\nno attempts\n" : "\n");
  if (attempt_log.length > 0) {
    const rows = attempt_log.map(({ at, ok, status, failure, latency_seconds, excerpt }) => [
      at,
      ok ? "ok" : (failure ?? "failed"),
      String(status ?? "–"),
      `${latency_seconds} s`,
      excerpt,
    ]);
    io.stdout(columns([["AT", "RESULT", "STATUS", "TIME", "ANSWER"], ...rows]));
  }
  io.stdout(`\n${JSON.stringify(body, null, 2)}\n`);
  return exitCodes.fine;
}

async function replay(context: Context, id: string): Promise<number> {
  const delivery = await withStore(context, { readOnly: true }, (store) => find(store, id));
  const { io, parsed, config } = context;
  if (!config.outputs.has(delivery.output)) {
    throw new DriftdError("DELIVERY_NOT_REPLAYED", `${id} is for the output ${delivery.output}, which the configuration no longer has`, {
      hint: `configure outputs.${delivery.output} again`,
    });
  }
  let note: string;
  try {
    await withStore(context, {}, async (store) => {
      await setDue(store, delivery);
      // A daemon that runs does it by itself, and would not see this.
      await askAgain(store, delivery);
    });
    note = "it goes out when driftd runs";
  } catch (thrown) {
    if (!(thrown instanceof DriftdError) || thrown.code !== "STORE_IN_USE") throw thrown;
    if (await askDaemon(config, id)) note = "the daemon sends it now";
    else {
      await withStore(context, { beside: true }, (store) => setDue(store, delivery));
      note = "the daemon's API could not be reached; it finds the message within a minute";
    }
  }
  if (parsed.text("format") === "json") io.stdout(line({ id, status: "pending", note }));
  else io.stdout(`${id} is pending again: ${note}\n`);
  return exitCodes.fine;
}

/** Beside a running daemon too: it sends no dead letters, and counts them anew within a minute. */
function drop(context: Context, id: string): Promise<number> {
  return withStore(context, { beside: true }, async (store) => {
    const { status } = await find(store, id);
    if (status !== "dead") {
      throw new DriftdError("DELIVERY_NOT_DEAD", `${printable(id)} is ${status}: only a dead letter can be dropped`, {
        hint: "see `driftd deliveries list --status dead`",
      });
    }
    const nowMs = systemClock.nowMs();
    await store.setDelivery(id, "cancelled", nowMs, nowMs);
    const { io, parsed } = context;
    io.stdout(parsed.text("format") === "json" ? line({ id, status: "cancelled" }) : `${id} is cancelled\n`);
    return exitCodes.fine;
  });
}

/** True when the daemon took it, false when there was no talking to it; throws DELIVERY_NOT_REPLAYED when it refused. */
async function askDaemon({ http }: Config, id: string): Promise<boolean> {
  const host = http.host === "" || http.host === "0.0.0.0" || http.host === "::" ? "127.0.0.1" : http.host;
  const url = `http://${host.includes(":") ? `[${host}]` : host}:${http.port}/api/v1/deliveries/${encodeURIComponent(id)}/replay`;
  const signal = AbortSignal.timeout(DAEMON_TIMEOUT_MS);
  const token = await http.token?.reveal();
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const answer = await fetch(url, { method: "POST", headers, signal, redirect: "error" }).catch(() => undefined);
  if (answer === undefined) return false;
  await answer.body?.cancel();
  if (answer.ok) return true;
  throw new DriftdError("DELIVERY_NOT_REPLAYED", `the daemon at ${host}:${http.port} refused to replay ${id}: HTTP ${answer.status}`, {
    hint:
      answer.status === 401 || answer.status === 403
        ? "give this configuration the daemon's http.token, or let the daemon listen on a loopback address"
        : "its configuration may lack the output; look at its log",
  });
}

async function setDue(store: Store, { id, output }: Delivery): Promise<void> {
  const nowMs = systemClock.nowMs();
  // Whoever replays says that the receiver works again.
  await store.setFact(disabledFact(output), undefined);
  await store.setDelivery(id, "pending", nowMs, nowMs);
}

/** A request that ended because nobody got its message is asked again with it. */
async function askAgain(store: Store, delivery: Delivery): Promise<void> {
  const nowMs = systemClock.nowMs();
  const record = await askedAgain(store, delivery, nowMs);
  if (record === undefined) return;
  const none = { evaluatedThrough: [], evaluations: [], alertState: [], episodes: [], outbox: [] };
  await store.commitDecision({ ...none, requests: [record], events: [movedEvent(record, nowMs)] });
}

async function find(store: Store, id: string): Promise<Delivery> {
  const [delivery] = await store.deliveries({ id });
  if (delivery !== undefined) return delivery;
  throw new DriftdError("DELIVERY_UNKNOWN", `there is no delivery ${printable(id)}`, { hint: "take one from `driftd deliveries list`" });
}

async function withStore<T>(
  { config, version }: Context,
  access: Pick<SqliteStoreOptions, "readOnly" | "beside">,
  use: (store: Store) => Promise<T>,
): Promise<T> {
  const store = await openSqliteStore({ path: config.store.path, log: silentLog, driftdVersion: version, ...access });
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}

function row(delivery: Delivery): string[] {
  const { id, status, attempts, output, model, version, created_at } = deliveryDocument(delivery);
  return [id, status, String(attempts), output, model, version, created_at];
}

function line(document: unknown): string {
  return `${JSON.stringify(document)}\n`;
}

function usage(message: string, hint: string): DriftdError {
  return new DriftdError("USAGE", `driftd deliveries: ${message}`, { hint });
}
