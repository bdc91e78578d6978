/** The addresses about retraining: requests, what pipelines report, approval, pause, and what alerts and the model registry send. */

import type { Report, RequestStatus } from "../decide/record.ts";
import { REPORTS, REQUEST_STATUSES } from "../decide/record.ts";
import { coerceError, DriftdError } from "../lib/errors.ts";
import type { Answered } from "../retraining.ts";
import { askForAlerts, REFUSED, readNotification } from "./alertmanager-trigger.ts";
import { type Field, readFields } from "./body.ts";
import { readMlflowEvent, refusalOf } from "./mlflow-trigger.ts";
import { page } from "./paging.ts";
import { httpError } from "./problem.ts";
import type { Param, Params } from "./query.ts";
import { requestDocument } from "./request-document.ts";
import type { Route } from "./route.ts";
import type { ApiView } from "./view.ts";

const SMALL_BYTES = 16 * 1024;
/** A thousand alerts with their labels and annotations. */
const ALERTS_BYTES = 2 * 1024 * 1024;
const WORDS: Field = { maxLength: 1_000 };
const NAME: Field = { maxLength: 256 };

const inQuery = (description: string): Param => ({ in: "query", type: "text", description });
const id: Params = { id: { in: "path", type: "text", description: "`msg_…`" } };
const model: Params = { model: { in: "path", type: "text", description: "Name of the model, percent-encoded." } };

/** The routes. */
export const retrainRoutes: readonly Route[] = [
  {
    methods: ["get"],
    path: "/api/v1/retrain",
    summary: "Requests for retraining, newest first.",
    params: {
      model: inQuery("Only of this model."),
      status: {
        in: "query",
        type: "one_of",
        values: [...REQUEST_STATUSES, "open"],
        description: "Only this status; `open`: those that something can still come of.",
      },
      limit: { in: "query", type: "integer", min: 1, max: 1000, default: 100, description: "Items of a page." },
      cursor: inQuery("`next` of the page before."),
    },
    schema: "RetrainRequestPage",
    failures: [],
    answer: async (view, values) => {
      const only = values.text("model");
      const status = values.text("status") as RequestStatus | "open" | undefined;
      const filter = {
        ...(only === undefined ? {} : { model: only }),
        ...(status === undefined ? {} : status === "open" ? { open: true } : { status }),
      };
      const shown = await page(
        (limit) => view.retraining.list({ ...filter, limit }),
        (record) => record.id,
        { limit: values.integer("limit"), cursor: values.text("cursor") },
      );
      return { body: { ...shown, items: shown.items.map(requestDocument) } };
    },
  },
  {
    methods: ["post"],
    path: "/api/v1/retrain",
    summary: "Asks for a retraining by hand, through the guards; a guard that holds it back is a 409.",
    params: {},
    body: { schema: "RetrainAsk", maxBytes: SMALL_BYTES, example: { model: "flights", reason_text: "new labels" }, required: true },
    schema: "RetrainRequest",
    status: 202,
    failures: [404, 409, 503],
    answer: async (view, _values, { json }) => {
      const sent = readFields(json, { model: { ...NAME, required: true }, version: NAME, reason_text: WORDS });
      const detail = sent.reason_text === undefined || sent.reason_text === "" ? "asked for by hand" : sent.reason_text;
      const came = await told(view.retraining.request({ model: sent.model!, version: sent.version, reason: "manual", detail }));
      if (came.outcome === "held") throw heldBy(`the retraining of ${JSON.stringify(sent.model)}`, came.guard);
      return { status: 202, body: requestDocument(came.request) };
    },
  },
  {
    methods: ["get"],
    path: "/api/v1/retrain/{id}",
    summary: "One request with the body that is sent.",
    params: id,
    schema: "RetrainRequestDetail",
    failures: [404],
    answer: async (view, values) => {
      const [record] = await view.retraining.list({ id: values.text("id")!, limit: 1 });
      if (record === undefined) throw unknownRequest(values.text("id")!);
      return { body: { ...requestDocument(record), body: JSON.parse(record.body) as unknown } };
    },
  },
  {
    methods: ["post"],
    path: "/api/v1/retrain/{id}/status",
    summary:
      "A pipeline's word about a request (`links.callback`). The same word again changes nothing; `running` again is a sign of life.",
    params: id,
    body: { schema: "StatusReport", maxBytes: SMALL_BYTES, example: { status: "succeeded", version: "2" }, required: true },
    schema: "RetrainRequest",
    failures: [404, 409, 503],
    answer: async (view, values, { json }) => {
      const { status, version, detail } = readFields(json, {
        status: { required: true, maxLength: 20, values: REPORTS },
        version: NAME,
        detail: WORDS,
      });
      const report: Report = { status: status as Report["status"], version: version === "" ? undefined : version, detail };
      return { body: answered(await told(view.retraining.report(values.text("id")!, report)), values.text("id")!, status!) };
    },
  },
  {
    methods: ["post"],
    path: "/api/v1/retrain/{id}/approve",
    summary: "Sends a request that waits for approval.",
    params: id,
    schema: "RetrainRequest",
    failures: [404, 409, 503],
    answer: async (view, values) => ({
      body: answered(await told(view.retraining.approve(values.text("id")!)), values.text("id")!, "approved"),
    }),
  },
  {
    methods: ["post"],
    path: "/api/v1/retrain/{id}/reject",
    summary: "Refuses a request that waits for approval.",
    params: id,
    body: { schema: "Rejection", maxBytes: SMALL_BYTES, example: { detail: "known holiday" }, required: false },
    schema: "RetrainRequest",
    failures: [404, 409, 503],
    answer: async (view, values, { json }) => {
      const { detail } = readFields(json, { detail: WORDS });
      return { body: answered(await told(view.retraining.reject(values.text("id")!, detail)), values.text("id")!, "rejected") };
    },
  },
  ...(["pause", "resume"] as const).map(
    (action): Route => ({
      methods: ["post"],
      path: `/api/v1/models/{model}/${action}`,
      summary: action === "pause" ? "Makes no requests for the model until it is resumed, over restarts too." : "Takes a pause back.",
      params: model,
      schema: "Paused",
      failures: [404, 409, 503],
      answer: async (view, values) => {
        const name = values.text("model")!;
        const changed = await told(view.retraining.pause(name, action === "pause"));
        const facts = (await view.model(name))?.retrain;
        if (action === "resume" && facts?.paused === true && facts.pausedSinceMs === undefined) {
          throw httpError(409, "RETRAIN_PAUSED_BY_CONFIG", `the configuration pauses ${JSON.stringify(name)}`, {
            hint: "set models[].retrain.paused: false",
          });
        }
        return { body: { model: name, paused: action === "pause", changed } };
      },
    }),
  ),
  {
    methods: ["post"],
    path: "/api/v1/triggers/alertmanager",
    summary: "A webhook of Alertmanager: its firing alerts with the labels `model` and `driftd_action: retrain` ask for retraining.",
    params: {},
    body: { schema: "AlertmanagerNotification", maxBytes: ALERTS_BYTES, example: notificationExample(), required: true },
    schema: "AlertAnswers",
    status: 202,
    failures: [422, 503],
    answer: async (view, _values, { json }) => {
      const { alerts, truncated } = readNotification(json);
      const answers = await told(askForAlerts(alerts, view.retraining.request));
      if (truncated > 0) view.retraining.count("truncated", truncated);
      for (const { outcome } of answers) view.retraining.count(outcome, 1);
      const ours = answers.filter(({ outcome }) => outcome !== "unlabelled" && outcome !== "resolved");
      if (ours.length > 0 && ours.every(({ outcome }) => REFUSED.has(outcome))) {
        const errors = ours.map(({ detail }) => detail!);
        throw httpError(422, "TRIGGER_REFUSED", errors[0]!, {
          errors,
          hint: "the label model of the alerts names a model of the configuration",
        });
      }
      return { status: 202, body: { alerts: answers, truncated } };
    },
  },
  {
    methods: ["post"],
    path: "/api/v1/triggers/mlflow",
    summary: "A signed webhook of MLflow: a new model version (or alias) ends the request that it came of.",
    params: {},
    body: {
      schema: "MlflowWebhook",
      maxBytes: ALERTS_BYTES,
      example: {
        entity: "model_version",
        action: "created",
        timestamp: "2026-01-15T12:00:00Z",
        data: { name: "flights", version: "2", tags: {} },
      },
      required: true,
    },
    gate: "own",
    schema: "MlflowAnswer",
    failures: [401, 404, 503],
    answer: async (view, _values, { json, raw, header }) => {
      await checkSignature(view, raw, header);
      const event = readMlflowEvent(json);
      const known = event && view.retraining.mlflow()?.models.get(event.name);
      if (event === undefined || known === undefined)
        return { body: { outcome: "ignored", model: null, version: event?.version ?? null, request_id: null } };
      const ended = await told(view.retraining.modelVersion(known, event.version, event.request, event.alias));
      return {
        body: { outcome: ended === undefined ? "noted" : "succeeded", model: known, version: event.version, request_id: ended?.id ?? null },
      };
    },
  },
];

function notificationExample() {
  const labels = { alertname: "DriftdDriftCritical", model: "flights", driftd_action: "retrain" };
  return {
    version: "4",
    groupKey: "{}:{}",
    truncatedAlerts: 0,
    status: "firing",
    receiver: "driftd",
    alerts: [
      {
        status: "firing",
        labels,
        annotations: {},
        startsAt: "2026-01-15T12:00:00Z",
        endsAt: "0001-01-01T00:00:00Z",
        fingerprint: "c0ffee",
      },
    ],
  };
}

async function checkSignature(view: ApiView, raw: Buffer, header: (name: string) => string | undefined): Promise<void> {
  const secret = view.retraining.mlflow()?.webhookSecret;
  if (secret === undefined) {
    throw httpError(404, "MLFLOW_OFF", "no webhook of MLflow is expected", { hint: "set mlflow.webhook_secret_file and mlflow.models" });
  }
  const key = await secret.reveal().catch(() => {
    throw httpError(503, "MLFLOW_SECRET_UNREADABLE", "the webhook's key cannot be read", { hint: "check mlflow.webhook_secret_file" });
  });
  const headers = {
    signature: header("x-mlflow-signature"),
    id: header("x-mlflow-delivery-id"),
    timestamp: header("x-mlflow-timestamp"),
  };
  const refusal = refusalOf(key, headers, raw, view.retraining.nowMs());
  if (refusal !== undefined)
    throw httpError(401, "MLFLOW_SIGNATURE", `the webhook is not believed: ${refusal}`, {
      hint: "the secret of the webhook in MLflow is mlflow.webhook_secret",
    });
}

function answered(came: Answered | undefined, asked: string, wanted: string) {
  if (came === undefined) throw unknownRequest(asked);
  if (came.ok) return requestDocument(came.request);
  const { request, guard } = came;
  if (guard !== undefined) throw heldBy(`request ${request.id}`, guard);
  throw httpError(409, "RETRAIN_CONFLICT", `request ${request.id} is ${request.status}, so it cannot be ${wanted}`, {
    hint: `see /api/v1/retrain/${request.id}`,
    members: { current_status: request.status },
  });
}

function heldBy(what: string, guard: string) {
  return httpError(409, "RETRAIN_HELD", `${what} is held back: ${guard}`, {
    hint: "ask again when the guard lets it through",
    members: { guard },
  });
}

function unknownRequest(asked: string) {
  return httpError(404, "HTTP_UNKNOWN_REQUEST", `there is no request ${JSON.stringify(asked)}`, { hint: "requests: /api/v1/retrain" });
}

const STATUS: Readonly<Record<string, number>> = {
  RETRAIN_UNKNOWN_MODEL: 404,
  RETRAIN_UNKNOWN_VERSION: 404,
  RETRAIN_NOT_CONFIGURED: 409,
  STOPPING: 503,
};

/** The errors of the daemon with the status that says whether to try again. */
async function told<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (thrown) {
    const error = coerceError(thrown);
    const status = error instanceof DriftdError ? (STATUS[error.code] ?? (error.code.startsWith("STORE_") ? 503 : undefined)) : undefined;
    if (status === undefined || !(error instanceof DriftdError)) throw thrown;
    throw httpError(status, error.code, error.message, error.hint === undefined ? {} : { hint: error.hint });
  }
}
