/**
 * The outputs `alertmanager`: a loop that sends the current alerts to every instance, again and again while they fire. Nothing of it is in the
 * outbox: an alert that was not taken is sent with the next round, and one that nobody repeats is over by itself.
 *
 * - All instances get everything; one that fails stops no other.
 * - A 400 has stored what was good of the batch, so it is not repeated: the alerts are sent one by one, and one that is refused by itself is
 *   left out until it changes, counted and said once.
 */

import type { AlertmanagerOutputConfig, OutputConfig } from "../config/outputs.ts";
import type { Alert } from "../decide/decision.ts";
import type { Clock } from "../lib/clock.ts";
import { coerceError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { type AlertMemory, createAlertMemory, firingAlerts, keyOf, RESEND_MS, type SentAlert } from "./alertmanager-alerts.ts";
import { openAlertmanager } from "./alertmanager-client.ts";

export type AlertmanagersOptions = {
  /** As they are configured now: a reload needs no more than this. */
  readonly outputs: () => Iterable<OutputConfig>;
  /** The state of all models. */
  readonly alerts: () => readonly Alert[];
  /** Where people look at a model; undefined: it is configured no longer, so its alerts are over. */
  readonly linkOf: (model: string) => string | undefined;
  readonly version: string;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly log: Log;
};

export type Alertmanagers = {
  /** Begins to send. Once. */
  readonly start: () => void;
  /** Something has changed: sends at once. */
  readonly wake: () => void;
  /** Ends the loop; what fires is over for Alertmanager four minutes later, unless driftd is back by then. */
  readonly stop: () => Promise<void>;
};

/** One configured output: what it was told, and what each instance refused. */
type Sink = {
  readonly config: AlertmanagerOutputConfig;
  readonly memory: AlertMemory;
  readonly instances: readonly Instance[];
};
type Instance = {
  readonly label: string;
  readonly send: ReturnType<typeof openAlertmanager>;
  /** Refused alerts by their labels, as they were. */
  readonly refused: Map<string, string>;
  failing: string | undefined;
};

/** Makes the loop; nothing is sent before `start`. */
export function createAlertmanagers({ outputs, alerts, linkOf, version, clock, metrics, log }: AlertmanagersOptions): Alertmanagers {
  const stopping = new AbortController();
  let sinks: readonly Sink[] = [];
  let rest = new AbortController();
  let woken = false;
  let loop: Promise<void> | undefined;

  function current(): readonly Sink[] {
    const configs = [...outputs()].filter((config) => config.type === "alertmanager");
    return configs.map((config) => sinks.find((sink) => sink.config === config) ?? open(config));
  }

  function open(config: AlertmanagerOutputConfig): Sink {
    const instances = config.urls.map((url, index): Instance => {
      const label = config.urls.length === 1 ? config.name : `${config.name}-${index + 1}`;
      metrics.inc("driftd_alertmanager_alerts_sent_total", { alertmanager: label }, 0);
      metrics.inc("driftd_alertmanager_send_failures_total", { alertmanager: label }, 0);
      return { label, send: openAlertmanager(config, url, { clock, version }), refused: new Map(), failing: undefined };
    });
    // A reload makes new configurations; what was told is told to the end.
    const memory = sinks.find((sink) => sink.config.name === config.name)?.memory ?? createAlertMemory();
    return { config, memory, instances };
  }

  async function round(): Promise<void> {
    const before = sinks;
    sinks = current();
    forget(before);
    const state = alerts().filter(({ model }) => linkOf(model) !== undefined);
    await Promise.all(
      sinks.flatMap(({ config, memory, instances }) => {
        const batch = memory.next(firingAlerts(state, { labels: config.labels, linkOf: (model) => linkOf(model) ?? "" }), clock.nowMs());
        return instances.map((instance) => sendTo(instance, batch));
      }),
    );
  }

  /** Series of instances that are configured no longer. */
  function forget(before: readonly Sink[]): void {
    const labels = new Set(sinks.flatMap(({ instances }) => instances.map(({ label }) => label)));
    for (const { label } of before.flatMap(({ instances }) => instances)) {
      if (labels.has(label)) continue;
      metrics.remove("driftd_alertmanager_alerts_sent_total", { alertmanager: label });
      metrics.remove("driftd_alertmanager_send_failures_total", { alertmanager: label });
    }
  }

  async function sendTo(instance: Instance, all: readonly SentAlert[]): Promise<void> {
    const batch = all.filter((alert) => instance.refused.get(keyOf(alert)) !== contentOf(alert));
    if (batch.length === 0) return;
    const result = await instance.send(batch, stopping.signal);
    if (result.ok) return taken(instance, batch.length);
    if (result.status !== 400) return missed(instance, batch.length, result.failure, result.status, result.excerpt);
    if (batch.length === 1) return refuse(instance, batch[0] as SentAlert, result.excerpt);
    for (const alert of batch) await sendTo(instance, [alert]);
  }

  function taken(instance: Instance, count: number): void {
    metrics.inc("driftd_alertmanager_alerts_sent_total", { alertmanager: instance.label }, count);
    if (instance.failing !== undefined) log.info({ alertmanager: instance.label }, "alertmanager takes alerts again");
    instance.failing = undefined;
  }

  function missed(instance: Instance, count: number, failure: string, status: number | undefined, excerpt: string): void {
    if (stopping.signal.aborted) return;
    metrics.inc("driftd_alertmanager_send_failures_total", { alertmanager: instance.label }, count);
    if (instance.failing !== failure)
      log.warn({ alertmanager: instance.label, failure, status: status ?? null, excerpt }, "alerts not sent");
    instance.failing = failure;
  }

  function refuse(instance: Instance, alert: SentAlert, excerpt: string): void {
    instance.refused.set(keyOf(alert), contentOf(alert));
    metrics.inc("driftd_alertmanager_send_failures_total", { alertmanager: instance.label });
    log.error({ alertmanager: instance.label, labels: alert.labels, excerpt }, "alertmanager refuses an alert");
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      woken = false;
      await round().catch((thrown: unknown) => log.error({ err: coerceError(thrown) }, "alertmanager output failed by itself"));
      if (woken || stopping.signal.aborted) continue;
      rest = new AbortController();
      await clock.sleep(RESEND_MS, rest.signal);
    }
  }

  return {
    start: () => {
      loop ??= run();
    },
    wake: () => {
      woken = true;
      rest.abort();
    },
    stop: async () => {
      stopping.abort();
      rest.abort();
      await loop;
    },
  };
}

/** What makes an alert another one, but for the end that moves with every round. */
function contentOf({ endsAt: _, ...alert }: SentAlert): string {
  return JSON.stringify(alert);
}
