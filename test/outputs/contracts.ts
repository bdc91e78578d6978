/**
 * What each preset sends and how its target answers: one entry a preset, played by `presets.test.ts` against a fake server. Paths, headers and
 * bodies are those of the products' own references; what a real MLflow and a real Airflow answer is in `test/e2e/retrain-targets.test.ts`.
 */

import type { PresetType } from "../../src/outputs/presets/index.ts";
import type { Played } from "./fake-server.ts";

export const ID = "msg_0123456789abcdef0123456789abcdef";
export const JOB = "driftd-msg-0123456789abcdef0123456789abcdef";
export const TIMESTAMP = "2026-01-15T12:00:07Z";
export const SECRETS = {
  token: "s3cr3t-t0ken",
  password: 's3cr3t pa&&word "x"',
  secret: "s3cr3t-signing-key",
  routing_key: "s3cr3t-routing",
};

/** The data of the message that is sent. */
export const DATA = {
  request_id: ID,
  ordinal: 0,
  model: "flights",
  version: "1",
  reason: "drift",
  severity: "critical",
  episode: "e".repeat(64),
  dry_run: false,
  window: { name: "1h", start: "2026-01-15T11:00:00Z", end: "2026-01-15T12:00:00Z", records: 660, offsets: [], offsets_total: 0 },
  reference: { digest: "sha256:00", records: 10_000 },
  features: [{ feature: "delay <b>", severity: "critical", statistics: { psi: { value: 0.31234, excess: 0.3, threshold: 0.1 } } }],
  features_total: 1,
  links: { driftd: "http://driftd:9465/#/models/flights", callback: `http://driftd:9465/api/v1/retrain/${ID}/status` },
};
const MESSAGE = { id: ID, type: "driftd.retrain.requested", timestamp: TIMESTAMP, data: DATA };
const HEADLINE = "Retraining of flights 1 is requested, for drift (critical): delay <b>";
const json = (status: number, body: unknown, headers = {}): Played => ({
  status,
  headers: { "content-type": "application/json", ...headers },
  body: JSON.stringify(body),
});
const bearer = { authorization: `Bearer ${SECRETS.token}` };
const basic = (username: string, password: string) => ({
  authorization: `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`,
});
const VARIABLES = {
  DRIFTD_REQUEST_ID: ID,
  DRIFTD_TYPE: "driftd.retrain.requested",
  DRIFTD_MODEL: "flights",
  DRIFTD_VERSION: "1",
  DRIFTD_REASON: "drift",
  DRIFTD_SEVERITY: "critical",
  DRIFTD_CALLBACK: DATA.links.callback,
  DRIFTD_DATA: JSON.stringify(DATA),
};

/** A request of the attempt, and the target's good answer to it. */
export type Step = {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Absent: no body. */
  readonly json?: unknown;
  readonly form?: Readonly<Record<string, string>>;
  readonly answer: Played;
};

export type Contract = {
  readonly name: string;
  readonly type: PresetType;
  /** Options beside `type` and `url`. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Put behind the server's address. */
  readonly url?: string;
  readonly steps: readonly Step[];
  /** Answers by which the target says that it has the message already; played from the first request on. */
  readonly doneBefore?: readonly { readonly answers: readonly Played[]; readonly requests: number }[];
  /** Good statuses that hold an error, at the last request; `retry` as the preset should judge. */
  readonly errorInside?: readonly { readonly answer: Played; readonly retry: boolean }[];
  /** Any body of a good status is a success: the target's answers say nothing more. */
  readonly takesAnyBody?: true;
  /** A 429 at another status: GitHub. */
  readonly throttles?: readonly { readonly answer: Played; readonly retryAfterMs: number }[];
};

const FOUND_NONE = json(200, {});

export const contracts: readonly Contract[] = [
  {
    name: "http, with the defaults",
    type: "http",
    url: "/hook?sig=S3CR3TSIG",
    options: {},
    takesAnyBody: true,
    steps: [{ path: "/hook?sig=S3CR3TSIG", headers: { "idempotency-key": ID }, json: MESSAGE, answer: json(200, { ok: true }) }],
  },
  {
    name: "http, of one's own design",
    type: "http",
    url: "/api",
    options: {
      method: "PUT",
      path: '/models/{{ data.model }}/{{ data.features.0.feature ?? "all" }}',
      username: "driftd",
      password: SECRETS.password,
      headers: { "x-api-key": "s3cr3t-api-key" },
      fields: { "X-Episode": "{{ data.episode }}" },
      body: {
        n: "{{ data.window.records ?? 0 }}",
        text: "{{ model }} on {{ data.window.records ?? 0 }} records",
        none: "{{ data.nothing ?? null }}",
        all: "{{ data.window | json }}",
      },
      success: [200],
      already_done: [409],
      answer: { path: "state", allowed: ["queued", "running"] },
    },
    steps: [
      {
        method: "PUT",
        path: "/api/models/flights/delay%20%3Cb%3E",
        headers: { "idempotency-key": ID, "x-api-key": "s3cr3t-api-key", "x-episode": DATA.episode, ...basic("driftd", SECRETS.password) },
        json: { n: 660, text: "flights on 660 records", none: null, all: JSON.stringify(DATA.window) },
        answer: json(200, { state: "queued" }),
      },
    ],
    doneBefore: [{ answers: [json(409, { error: "exists" })], requests: 1 }],
    errorInside: [
      { answer: json(200, { state: "failed" }), retry: true },
      { answer: json(201, { state: "queued" }), retry: true },
    ],
  },
  {
    name: "airflow 3",
    type: "airflow",
    options: { dag_id: "retrain flights", username: "driftd", password: SECRETS.password },
    steps: [
      { path: "/auth/token", json: { username: "driftd", password: SECRETS.password }, answer: json(201, { access_token: SECRETS.token }) },
      {
        path: "/api/v2/dags/retrain%20flights/dagRuns",
        headers: bearer,
        json: { dag_run_id: ID, logical_date: null, conf: { driftd: DATA }, note: HEADLINE },
        answer: json(200, { dag_run_id: ID, state: "queued" }),
      },
    ],
    doneBefore: [
      {
        answers: [
          json(201, { access_token: SECRETS.token }),
          json(409, { detail: "Unique constraint violation" }),
          json(200, { dag_run_id: ID }),
        ],
        requests: 3,
      },
    ],
    errorInside: [{ answer: json(200, { dag_run_id: "another" }), retry: true }],
  },
  {
    name: "airflow 2",
    type: "airflow",
    options: { airflow: 2, dag_id: "retrain", username: "driftd", password: SECRETS.password, conf: { model: "{{ model }}" } },
    steps: [
      {
        path: "/api/v1/dags/retrain/dagRuns",
        headers: basic("driftd", SECRETS.password),
        json: { dag_run_id: ID, conf: { model: "flights" }, note: HEADLINE },
        answer: json(200, { dag_run_id: ID }),
      },
    ],
    doneBefore: [{ answers: [json(409, { title: "Conflict" }), json(200, { dag_run_id: ID })], requests: 2 }],
    errorInside: [{ answer: json(200, {}), retry: true }],
  },
  {
    name: "kubeflow",
    type: "kubeflow",
    options: {
      token: SECRETS.token,
      pipeline_id: "p1",
      pipeline_version_id: "v1",
      experiment_id: "e1",
      namespace: "ml",
      pipeline_root: "s3://root",
      service_account: "trainer",
      parameters: { model: "{{ model }}", records: "{{ data.window.records ?? 0 }}" },
    },
    steps: [
      {
        method: "GET",
        path: `/apis/v2beta1/runs?${new URLSearchParams({
          page_size: "1",
          filter: JSON.stringify({ predicates: [{ operation: "EQUALS", key: "display_name", string_value: `driftd ${ID}` }] }),
          namespace: "ml",
          experiment_id: "e1",
        })}`,
        headers: bearer,
        answer: FOUND_NONE,
      },
      {
        path: "/apis/v2beta1/runs",
        headers: bearer,
        json: {
          display_name: `driftd ${ID}`,
          description: HEADLINE,
          experiment_id: "e1",
          pipeline_version_reference: { pipeline_id: "p1", pipeline_version_id: "v1" },
          runtime_config: { parameters: { model: "flights", records: 660 }, pipeline_root: "s3://root" },
          service_account: "trainer",
        },
        answer: json(200, { run_id: "r1" }),
      },
    ],
    doneBefore: [{ answers: [json(200, { runs: [{ run_id: "r1" }] })], requests: 1 }],
    errorInside: [{ answer: json(200, { error: "x" }), retry: true }],
  },
  {
    name: "github repository_dispatch",
    type: "github_dispatch",
    options: { repository: "acme/models", token: SECRETS.token },
    steps: [
      {
        path: "/repos/acme/models/dispatches",
        headers: { ...bearer, accept: "application/vnd.github+json", "x-github-api-version": "2022-11-28" },
        json: { event_type: "driftd-retrain", client_payload: MESSAGE },
        answer: { status: 204 },
      },
    ],
    errorInside: [{ answer: json(200, {}), retry: true }],
    throttles: [
      { answer: { status: 403, headers: { "retry-after": "9" } }, retryAfterMs: 9000 },
      { answer: { status: 403, headers: { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1768478460" } }, retryAfterMs: 60_000 },
    ],
  },
  {
    name: "github workflow_dispatch",
    type: "github_workflow",
    options: {
      repository: "acme/models",
      workflow: "train.yml",
      token: SECRETS.token,
      inputs: { model: "{{ model }}", data: "{{ data.window }}" },
    },
    steps: [
      {
        path: "/repos/acme/models/actions/workflows/train.yml/dispatches",
        headers: { ...bearer, accept: "application/vnd.github+json", "x-github-api-version": "2022-11-28" },
        json: { ref: "main", inputs: { model: "flights", data: JSON.stringify(DATA.window) } },
        answer: { status: 204 },
      },
    ],
    errorInside: [{ answer: json(200, {}), retry: true }],
    throttles: [{ answer: { status: 403, headers: { "retry-after": "9" } }, retryAfterMs: 9000 }],
  },
  {
    name: "github workflow_dispatch with the run's id",
    type: "github_workflow",
    options: { repository: "acme/models", workflow: "train.yml", token: SECRETS.token, ref: "v2", run_details: true },
    steps: [
      {
        path: "/repos/acme/models/actions/workflows/train.yml/dispatches",
        headers: bearer,
        json: { ref: "v2", inputs: {}, return_run_details: true },
        answer: json(200, { workflow_run_id: 17 }),
      },
    ],
    errorInside: [{ answer: json(200, { message: "?" }), retry: true }],
  },
  {
    name: "gitlab",
    type: "gitlab",
    options: { project: "acme/models", token: SECRETS.token },
    steps: [
      {
        path: "/api/v4/projects/acme%2Fmodels/trigger/pipeline",
        form: {
          token: SECRETS.token,
          ref: "main",
          ...Object.fromEntries(Object.entries(VARIABLES).map(([name, value]) => [`variables[${name}]`, value])),
        },
        answer: json(201, { id: 5 }),
      },
    ],
    errorInside: [
      { answer: json(201, { message: "?" }), retry: true },
      { answer: json(200, { id: 5 }), retry: true },
    ],
  },
  {
    name: "argo workflows",
    type: "argo_workflows",
    options: {
      namespace: "ml",
      resource_name: "train",
      token: SECRETS.token,
      parameters: { model: "{{ model }}", data: "{{ data.window }}" },
    },
    steps: [
      {
        path: "/api/v1/workflows/ml/submit",
        headers: bearer,
        json: {
          namespace: "ml",
          resourceKind: "WorkflowTemplate",
          resourceName: "train",
          submitOptions: {
            name: JOB,
            labels: "app.kubernetes.io/managed-by=driftd",
            parameters: ["model=flights", `data=${JSON.stringify(DATA.window)}`],
          },
        },
        answer: json(200, { metadata: { name: JOB } }),
      },
    ],
    doneBefore: [{ answers: [json(409, { code: 6, message: "already exists" })], requests: 1 }],
    errorInside: [{ answer: json(200, { metadata: { name: "another" } }), retry: true }],
  },
  {
    name: "argo events",
    type: "argo_events",
    url: "/driftd",
    options: { token: SECRETS.token },
    takesAnyBody: true,
    steps: [{ path: "/driftd", headers: bearer, json: MESSAGE, answer: { status: 200, body: "success" } }],
  },
  {
    name: "jenkins",
    type: "jenkins",
    url: "/ci/",
    options: { job: "ml/train it", username: "driftd", token: SECRETS.token },
    steps: [
      {
        path: "/ci/job/ml/job/train%20it/buildWithParameters",
        headers: basic("driftd", SECRETS.token),
        form: VARIABLES,
        answer: { status: 201, headers: { location: "http://jenkins/queue/item/17/" } },
      },
    ],
    errorInside: [
      { answer: { status: 201 }, retry: true },
      { answer: { status: 303, headers: { location: "http://jenkins/login" } }, retry: true },
    ],
  },
  {
    name: "mlflow, tag and alias",
    type: "mlflow",
    options: { username: "driftd", password: SECRETS.password, tag: { key: "driftd", value: "{{ data.severity }}" }, alias: "drifting" },
    steps: [
      {
        path: "/api/2.0/mlflow/model-versions/set-tag",
        headers: basic("driftd", SECRETS.password),
        json: { name: "flights", version: "1", key: "driftd", value: "critical" },
        answer: json(200, {}),
      },
      {
        path: "/api/2.0/mlflow/registered-models/alias",
        headers: basic("driftd", SECRETS.password),
        json: { name: "flights", alias: "drifting", version: "1" },
        answer: json(200, {}),
      },
    ],
    errorInside: [{ answer: { status: 200, body: "<html>sign in</html>" }, retry: true }],
  },
  {
    name: "prefect, by id",
    type: "prefect",
    url: "/api",
    options: { deployment: "d1", token: SECRETS.token, parameters: { model: "{{ model }}" } },
    steps: [
      {
        path: "/api/deployments/d1/create_flow_run",
        headers: bearer,
        json: {
          name: `driftd ${ID}`,
          parameters: { model: "flights" },
          tags: ["driftd"],
          idempotency_key: ID,
          state: { type: "SCHEDULED" },
        },
        answer: json(201, { id: "f1" }),
      },
    ],
    doneBefore: [{ answers: [json(200, { id: "f1" })], requests: 1 }],
    errorInside: [{ answer: json(200, { exception_message: "?" }), retry: true }],
  },
  {
    name: "prefect, by name",
    type: "prefect",
    url: "/api",
    options: { deployment: "train flights/nightly", tags: [] },
    steps: [
      { method: "GET", path: "/api/deployments/name/train%20flights/nightly", answer: json(200, { id: "d1" }) },
      {
        path: "/api/deployments/d1/create_flow_run",
        json: { name: `driftd ${ID}`, parameters: {}, tags: [], idempotency_key: ID, state: { type: "SCHEDULED" } },
        answer: json(201, { id: "f1" }),
      },
    ],
    errorInside: [{ answer: json(201, []), retry: true }],
  },
  {
    name: "dagster",
    type: "dagster",
    url: "/prod",
    options: { location: "ml", job: "train", token: SECRETS.token, run_config: { ops: { train: { config: { model: "{{ model }}" } } } } },
    steps: [
      {
        path: "/prod/graphql",
        headers: { "dagster-cloud-api-token": SECRETS.token },
        json: {
          query: "query($filter: RunsFilter!) { runsOrError(filter: $filter, limit: 1) { __typename ... on Runs { results { runId } } } }",
          variables: { filter: { tags: [{ key: "driftd/message", value: ID }] } },
        },
        answer: json(200, { data: { runsOrError: { __typename: "Runs", results: [] } } }),
      },
      {
        path: "/prod/graphql",
        headers: { "dagster-cloud-api-token": SECRETS.token },
        json: {
          query:
            "mutation($executionParams: ExecutionParams!) { launchRun(executionParams: $executionParams) { __typename ... on LaunchRunSuccess { run { runId } } } }",
          variables: {
            executionParams: {
              selector: { repositoryLocationName: "ml", repositoryName: "__repository__", jobName: "train" },
              runConfigData: { ops: { train: { config: { model: "flights" } } } },
              executionMetadata: { tags: [{ key: "driftd/message", value: ID }] },
            },
          },
        },
        answer: json(200, { data: { launchRun: { __typename: "LaunchRunSuccess", run: { runId: "r1" } } } }),
      },
    ],
    doneBefore: [{ answers: [json(200, { data: { runsOrError: { __typename: "Runs", results: [{ runId: "r1" }] } } })], requests: 1 }],
    errorInside: [
      { answer: json(200, { data: { launchRun: { __typename: "PythonError" } } }), retry: true },
      { answer: json(200, { data: { launchRun: { __typename: "RunConfigValidationInvalid" } } }), retry: false },
      { answer: json(200, { data: { launchRun: { __typename: "PipelineNotFoundError" } } }), retry: false },
      { answer: json(200, { data: { launchRun: { __typename: "UnauthorizedError" } } }), retry: false },
      { answer: json(200, { errors: [{ message: "?" }] }), retry: true },
    ],
  },
  {
    name: "kubernetes job",
    type: "kubernetes_job",
    options: {
      token: SECRETS.token,
      namespace: "ml",
      labels: { team: "risk" },
      spec: {
        backoffLimit: 1,
        template: {
          spec: {
            restartPolicy: "Never",
            containers: [{ name: "train", image: "train:1", env: [{ name: "MODEL", value: "{{ model }}" }] }],
          },
        },
      },
    },
    steps: [
      {
        path: "/apis/batch/v1/namespaces/ml/jobs",
        headers: bearer,
        json: {
          apiVersion: "batch/v1",
          kind: "Job",
          metadata: {
            name: JOB,
            namespace: "ml",
            labels: { "app.kubernetes.io/managed-by": "driftd", team: "risk" },
            annotations: { "driftd/message-id": ID, "driftd/model": "flights", "driftd/about": HEADLINE },
          },
          spec: {
            backoffLimit: 1,
            template: {
              spec: {
                restartPolicy: "Never",
                containers: [{ name: "train", image: "train:1", env: [{ name: "MODEL", value: "flights" }] }],
              },
            },
          },
        },
        answer: json(201, { kind: "Job", metadata: { name: JOB } }),
      },
    ],
    doneBefore: [{ answers: [json(409, { kind: "Status", reason: "AlreadyExists" })], requests: 1 }],
    errorInside: [{ answer: json(200, { kind: "Status" }), retry: true }],
  },
  {
    name: "slack",
    type: "slack",
    url: "/services/T0/B0/S3CR3TPATH",
    options: {},
    steps: [
      {
        path: "/services/T0/B0/S3CR3TPATH",
        json: {
          text: "Retraining of flights 1 is requested, for drift (critical): delay &lt;b&gt;",
          blocks: [
            {
              type: "section",
              text: { type: "mrkdwn", text: "*Retraining of flights 1 is requested, for drift (critical): delay &lt;b&gt;*" },
            },
            { type: "section", text: { type: "mrkdwn", text: "• `delay &lt;b&gt;` PSI 0.312 (limit 0.1)" } },
            {
              type: "context",
              elements: [
                { type: "mrkdwn", text: "window 1h to 2026-01-15T12:00:00Z · 660 records · <http://driftd:9465/#/models/flights|driftd>" },
              ],
            },
          ],
        },
        answer: { status: 200, body: "ok" },
      },
    ],
    errorInside: [{ answer: { status: 200, body: "invalid_payload" }, retry: true }],
  },
  {
    name: "pagerduty",
    type: "pagerduty",
    options: { routing_key: SECRETS.routing_key },
    steps: [
      {
        path: "/v2/enqueue",
        json: {
          routing_key: SECRETS.routing_key,
          dedup_key: DATA.episode,
          event_action: "trigger",
          payload: {
            summary: HEADLINE,
            source: "driftd",
            severity: "critical",
            timestamp: TIMESTAMP,
            component: "flights",
            class: "driftd.retrain.requested",
            custom_details: DATA,
          },
          links: [{ href: DATA.links.driftd, text: "driftd" }],
        },
        answer: json(202, { status: "success", dedup_key: DATA.episode }),
      },
    ],
    errorInside: [
      { answer: json(202, { status: "invalid event" }), retry: true },
      { answer: json(200, { status: "success" }), retry: true },
    ],
  },
  {
    name: "teams",
    type: "teams",
    url: "/workflows/1/triggers/manual/paths/invoke?sig=S3CR3TSIG",
    options: {},
    takesAnyBody: true,
    steps: [
      {
        path: "/workflows/1/triggers/manual/paths/invoke?sig=S3CR3TSIG",
        json: {
          type: "message",
          attachments: [
            {
              contentType: "application/vnd.microsoft.card.adaptive",
              contentUrl: null,
              content: {
                $schema: "http://adaptivecards.io/schemas/adaptive-card.json",
                type: "AdaptiveCard",
                version: "1.4",
                body: [
                  { type: "TextBlock", text: HEADLINE, weight: "Bolder", wrap: true },
                  {
                    type: "FactSet",
                    facts: [
                      { title: "Model", value: "flights 1" },
                      { title: "Severity", value: "critical" },
                      { title: "Window", value: "1h to 2026-01-15T12:00:00Z" },
                      { title: "delay <b>", value: "PSI 0.312 (limit 0.1)" },
                    ],
                  },
                ],
                actions: [{ type: "Action.OpenUrl", title: "driftd", url: DATA.links.driftd }],
              },
            },
          ],
        },
        answer: { status: 202 },
      },
    ],
    errorInside: [{ answer: { status: 200, body: "Webhook message delivery failed with error: 413" }, retry: true }],
  },
  {
    name: "cloudevents, binary",
    type: "cloudevents",
    url: "/default",
    options: { token: SECRETS.token },
    takesAnyBody: true,
    steps: [
      {
        path: "/default",
        headers: {
          ...bearer,
          "content-type": "application/json",
          "ce-specversion": "1.0",
          "ce-id": ID,
          "ce-source": "/driftd",
          "ce-type": "io.driftd.retrain.requested.v1",
          "ce-time": TIMESTAMP,
          "ce-subject": "flights",
        },
        json: DATA,
        answer: { status: 202 },
      },
    ],
  },
  {
    name: "cloudevents, structured and signed",
    type: "cloudevents",
    options: { mode: "structured", source: "https://driftd.example", secret: SECRETS.secret },
    takesAnyBody: true,
    steps: [
      {
        path: "/",
        headers: { "content-type": "application/cloudevents+json; charset=utf-8", "webhook-id": ID },
        json: {
          specversion: "1.0",
          id: ID,
          source: "https://driftd.example",
          type: "io.driftd.retrain.requested.v1",
          time: TIMESTAMP,
          subject: "flights",
          datacontenttype: "application/json",
          data: DATA,
        },
        answer: { status: 204 },
      },
    ],
  },
];
