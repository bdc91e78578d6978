/**
 * Notifications of Alertmanager (webhook, version 4) as requests for retraining: which of its alerts ask for one, and what became of each.
 * An alert asks when it fires and has the labels `model` and `driftd_action: retrain`; the same alert (fingerprint and start) asks once,
 * however often Alertmanager repeats it.
 */

import { DriftdError } from "../lib/errors.ts";
import type { TriggerOutcome } from "../metrics/catalog.ts";
import type { RequestRetraining } from "../retraining.ts";
import { bad, isMap } from "./body.ts";

/** Alerts looked at in one notification; Alertmanager's own `max_alerts` is the place for less. */
const MAX_ALERTS = 1_000;
const MAX_TEXT = 500;

type Alert = {
  readonly firing: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly startsAt: string;
  readonly fingerprint: string;
  readonly says: string;
};

export type Notification = {
  readonly alerts: readonly Alert[];
  /** Left out by Alertmanager. */
  readonly truncated: number;
};

/** What became of one alert. */
export type AlertAnswer = {
  readonly fingerprint: string;
  readonly outcome: Exclude<TriggerOutcome, "truncated">;
  readonly model?: string;
  readonly request_id?: string;
  /** The guard that held it back. */
  readonly guard?: string;
  readonly detail?: string;
};

/** Reads a notification. Throws HTTP_BODY (400) for anything but version 4, a payload of one's own making among it. */
export function readNotification(json: unknown): Notification {
  if (!isMap(json) || json["version"] !== "4") {
    const version = isMap(json) ? JSON.stringify(json["version"] ?? null) : "none";
    throw bad(
      `the body is no notification of Alertmanager of version 4 (version ${version})`,
      "use a webhook_config without a payload of its own",
    );
  }
  const { alerts, truncatedAlerts } = json;
  if (!Array.isArray(alerts)) throw bad("alerts: is not a list", "send what Alertmanager sends");
  if (alerts.length > MAX_ALERTS) throw bad(`alerts: holds more than ${MAX_ALERTS}`, "set max_alerts in the webhook_config");
  return {
    alerts: (alerts as readonly unknown[]).map(readAlert),
    truncated: typeof truncatedAlerts === "number" && truncatedAlerts > 0 ? Math.floor(truncatedAlerts) : 0,
  };
}

function readAlert(alert: unknown, index: number): Alert {
  if (!isMap(alert)) throw bad(`alerts[${index}]: is not an object`, "send what Alertmanager sends");
  const { status, labels, startsAt, fingerprint, annotations } = alert;
  const wrong = (field: string) => bad(`alerts[${index}].${field}: is missing or of a wrong type`, "send what Alertmanager sends");
  if (status !== "firing" && status !== "resolved") throw wrong("status");
  if (!isMap(labels) || Object.values(labels).some((value) => typeof value !== "string")) throw wrong("labels");
  if (typeof startsAt !== "string" || Number.isNaN(Date.parse(startsAt))) throw wrong("startsAt");
  if (typeof fingerprint !== "string" || fingerprint === "") throw wrong("fingerprint");
  const said = isMap(annotations) ? (annotations["summary"] ?? annotations["description"]) : undefined;
  return {
    firing: status === "firing",
    labels: labels as Readonly<Record<string, string>>,
    startsAt,
    fingerprint,
    says: typeof said === "string" ? said.slice(0, MAX_TEXT) : "",
  };
}

/** Asks for each alert that wants it. Rejects with `STORE_*` and `STOPPING`: then Alertmanager is to try again, and what was asked already is a duplicate. */
export async function askForAlerts(alerts: readonly Alert[], request: RequestRetraining): Promise<readonly AlertAnswer[]> {
  const answers: AlertAnswer[] = [];
  for (const alert of alerts) answers.push(await askFor(alert, request));
  return answers;
}

async function askFor({ firing, labels, startsAt, fingerprint, says }: Alert, request: RequestRetraining): Promise<AlertAnswer> {
  const { model, version, alertname = "an alert" } = labels;
  if (model === undefined || labels["driftd_action"] !== "retrain") {
    return { fingerprint, outcome: "unlabelled", detail: "it has not both labels, model and driftd_action=retrain" };
  }
  if (!firing) return { fingerprint, model, outcome: "resolved" };
  const detail = says === "" ? alertname : `${alertname}: ${says}`;
  try {
    const came = await request({
      ...{ model, ...(version === undefined || version === "" ? {} : { version }) },
      ...{ reason: "alert", detail, dedupKey: `alert:${fingerprint}:${new Date(startsAt).toISOString()}` },
    });
    if (came.outcome === "held") return { fingerprint, model, outcome: "held", guard: came.guard };
    return { fingerprint, model, outcome: came.outcome, request_id: came.request.id };
  } catch (thrown) {
    const outcome = thrown instanceof DriftdError ? PERMANENT[thrown.code] : undefined;
    if (outcome === undefined) throw thrown;
    return { fingerprint, model, outcome, detail: (thrown as DriftdError).message };
  }
}

const PERMANENT: Readonly<Record<string, AlertAnswer["outcome"]>> = {
  RETRAIN_UNKNOWN_MODEL: "unknown_model",
  RETRAIN_UNKNOWN_VERSION: "unknown_version",
  RETRAIN_NOT_CONFIGURED: "not_configured",
};

/** Outcomes that no repetition mends: when an alert of ours has come to nothing else, the notification is refused. */
export const REFUSED: ReadonlySet<AlertAnswer["outcome"]> = new Set(Object.values(PERMANENT));
