/** The addresses under `/api/v1` in one table: the server, the OpenAPI file and the tests are made from it. The answers' shapes: `schemas.ts`. */

import type { EpisodeKind } from "../decide/alert.ts";
import { deliveryDetail, deliveryDocument, episodeDocument, eventDocument, modelDocument, statusDocument } from "./api.ts";
import { featureDocument, rankFeatures } from "./feature.ts";
import { findModel, findVersion, findWindow, judgedFeature, unknownDelivery } from "./lookup.ts";
import { page } from "./paging.ts";
import { panePage } from "./panes.ts";
import { httpError } from "./problem.ts";
import type { Param, Params, Values } from "./query.ts";
import type { Route } from "./route.ts";

/** Features in `GET /api/v1/models/{model}` for each version and window. */
const FEATURES_SHOWN = 50;

const inPath = (description: string): Param => ({ in: "path", type: "text", description });
const inQuery = (description: string): Param => ({ in: "query", type: "text", description });
const paging: Params = {
  limit: { in: "query", type: "integer", min: 1, max: 1000, default: 100, description: "Items of a page." },
  cursor: inQuery("`next` of the page before."),
};
const model = inPath("Name of the model, percent-encoded.");
const version = inQuery("Version of the model; default: the one evaluated last.");
const window = inQuery("Name of the window; default: the shortest.");

/** The JSON API, less its own description (`openapi.ts` adds it). */
export const apiRoutes: readonly Route[] = [
  {
    methods: ["get"],
    path: "/api/v1/status",
    summary: "Build, configuration digest, uptime, checks, sources with position and lag.",
    params: {},
    schema: "Status",
    failures: [],
    answer: async (view) => ({
      body: statusDocument(
        await view.status(),
        view.ready().every(({ ok }) => ok),
      ),
    }),
  },
  {
    methods: ["get"],
    path: "/api/v1/models",
    summary: "Models with the last verdict of each version and window.",
    params: paging,
    schema: "ModelPage",
    failures: [],
    answer: async (view, values) => {
      const models = await view.models();
      const shown = await page(
        () => models,
        (facts) => facts.model,
        pageRequest(values),
      );
      return { body: { ...shown, items: shown.items.map(modelDocument) } };
    },
  },
  {
    methods: ["get"],
    path: "/api/v1/models/{model}",
    summary: `One model: versions, references, windows, last verdicts, and the ${FEATURES_SHOWN} worst features of each window.`,
    params: { model },
    schema: "ModelDetail",
    failures: [404],
    answer: async (view, values) => {
      const facts = await findModel(view, values);
      const features: unknown[] = [];
      for (const { version, snapshot, evaluations } of facts.versions) {
        for (const evaluation of evaluations) {
          const ranked = await rankFeatures(evaluation, snapshot?.features ?? []);
          const total = evaluation.outcomes?.features.length ?? evaluation.features.length;
          features.push({ version, window: evaluation.window, items: ranked.slice(0, FEATURES_SHOWN), total });
        }
      }
      return { body: { ...modelDocument(facts), features } };
    },
  },
  {
    methods: ["get"],
    path: "/api/v1/models/{model}/features",
    summary: "The 500 worst features of one window, worst first.",
    params: { model, version, window, ...paging },
    schema: "FeaturePage",
    failures: [404],
    answer: async (view, values) => {
      const facts = findVersion(await findModel(view, values), values);
      const { evaluation } = findWindow(facts.model, facts.version, values);
      const ranked = evaluation === undefined ? [] : await rankFeatures(evaluation, facts.version.snapshot?.features ?? []);
      return {
        body: await page(
          () => ranked,
          ({ feature }) => feature,
          pageRequest(values),
        ),
      };
    },
  },
  {
    methods: ["get"],
    path: "/api/v1/models/{model}/features/{feature}",
    summary: "One feature: both distributions, every statistic with value and threshold, every gate with its limit.",
    params: { model, feature: inPath("Name of the feature, percent-encoded."), version, window },
    schema: "Feature",
    failures: [404],
    answer: async (view, values) => {
      const facts = findVersion(await findModel(view, values), values);
      const { name, evaluation } = findWindow(facts.model, facts.version, values);
      const wanted = values.text("feature")!;
      const { snapshot } = facts.version;
      const feature = snapshot?.features.find((one) => one.feature === wanted);
      if (snapshot === undefined || feature === undefined) {
        const why = snapshot === undefined ? "the version has no reference" : "the reference has no such feature";
        throw httpError(404, "HTTP_UNKNOWN_FEATURE", `${JSON.stringify(wanted)}: ${why}`, {
          hint: "its features: /api/v1/models/{model}/features",
        });
      }
      const counts = await view.windowCounts(facts.model.model, facts.version.version, name);
      return {
        body: featureDocument({
          model: facts.model.model,
          version: facts.version.version,
          window: name,
          feature,
          digest: snapshot.digest,
          evaluation,
          judged: evaluation === undefined ? undefined : judgedFeature(evaluation, wanted),
          counts,
          unseen: view.unseen(facts.model.model, facts.version.version, wanted),
        }),
      };
    },
  },
  {
    methods: ["get"],
    path: "/api/v1/models/{model}/panes",
    summary: "Panes whose start is in [from, to), as `driftd store export` writes them.",
    params: {
      model,
      version: inQuery("Only this version."),
      from: { in: "query", type: "time", description: "First pane start; default: an hour before `to`." },
      to: {
        in: "query",
        type: "time",
        description: "Bound of the pane starts, excluded; default: the end of the newest evaluated window.",
      },
      ...paging,
    },
    schema: "PanePage",
    failures: [404],
    answer: async (view, values) => ({ body: await panePage(view, await findModel(view, values), values) }),
  },
  {
    methods: ["get"],
    path: "/api/v1/episodes",
    summary: "Episodes of drift, newest first; with `kind` those of the quality of the data, or both.",
    params: {
      model: inQuery("Only this model."),
      kind: { in: "query", type: "one_of", values: ["drift", "quality", "all"], description: "Which kind; default: drift." },
      ...paging,
    },
    schema: "EpisodePage",
    failures: [],
    answer: async (view, values) => {
      const only = values.text("model");
      // Programs that were written before there was quality expect drift.
      const kind = (values.text("kind") ?? "drift") as EpisodeKind | "all";
      const filter = { ...(only === undefined ? {} : { model: only }), ...(kind === "all" ? {} : { kind }) };
      const shown = await page(
        (limit) => view.episodes({ limit, ...filter }),
        ({ id }) => id,
        pageRequest(values),
      );
      return { body: { ...shown, items: shown.items.map(episodeDocument) } };
    },
  },
  {
    methods: ["get"],
    path: "/api/v1/events",
    summary: "Every decision with its reason, oldest first: follow it with `next`.",
    params: {
      limit: paging["limit"]!,
      after: { in: "query", type: "integer", min: 0, max: Number.MAX_SAFE_INTEGER, default: 0, description: "`next` of the page before." },
    },
    schema: "EventPage",
    failures: [],
    answer: async (view, values) => {
      const limit = values.integer("limit");
      const events = await view.events({ after: values.integer("after"), limit });
      const last = events.length < limit ? undefined : events.at(-1);
      return { body: { items: events.map(eventDocument), next: last === undefined ? null : String(last.number) } };
    },
  },
  {
    methods: ["get"],
    path: "/api/v1/deliveries",
    summary: "Messages to outputs, newest first.",
    params: {
      status: { in: "query", type: "one_of", values: ["pending", "delivered", "dead", "cancelled"], description: "Only this status." },
      output: inQuery("Only this output."),
      ...paging,
    },
    schema: "DeliveryPage",
    failures: [],
    answer: async (view, values) => {
      const status = values.text("status") as "pending" | "delivered" | "dead" | "cancelled" | undefined;
      const output = values.text("output");
      const filter = { ...(status === undefined ? {} : { status }), ...(output === undefined ? {} : { output }) };
      const shown = await page(
        (limit) => view.deliveries({ ...filter, limit }),
        ({ id }) => id,
        pageRequest(values),
      );
      return { body: { ...shown, items: shown.items.map(deliveryDocument) } };
    },
  },
  {
    methods: ["get"],
    path: "/api/v1/deliveries/{id}",
    summary: "One message with its body and its attempts.",
    params: { id: inPath("`msg_…`") },
    schema: "DeliveryDetail",
    failures: [404],
    answer: async (view, values) => {
      const id = values.text("id")!;
      const [delivery] = await view.deliveries({ id, limit: 1 });
      if (delivery === undefined) throw unknownDelivery(id);
      return { body: deliveryDetail(delivery, await view.attempts(id)) };
    },
  },
  {
    methods: ["post"],
    path: "/api/v1/deliveries/{id}/replay",
    summary: "Sends a message again, under the same id.",
    params: { id: inPath("`msg_…`") },
    schema: "Replayed",
    status: 202,
    failures: [403, 404],
    answer: async (view, values) => {
      const id = values.text("id")!;
      if (!(await view.replay(id))) throw unknownDelivery(id);
      return { status: 202, body: { id, status: "pending" } };
    },
  },
  {
    methods: ["get"],
    path: "/api/v1/config",
    summary: "The configuration in force, defaults filled in, secrets masked.",
    params: {},
    schema: "Config",
    failures: [],
    answer: (view) => ({ body: view.config() }),
  },
];

function pageRequest(values: Values): { limit: number; cursor: string | undefined } {
  return { limit: values.integer("limit"), cursor: values.text("cursor") };
}
