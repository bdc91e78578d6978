/** What the HTTP server may see of the running daemon: `ApiView`, read from the parts that `app.ts` has opened. It changes nothing but what it is asked to. */

import type { Config } from "./config/config.ts";
import { formatProblem, isConfigError } from "./config/problem.ts";
import type { ApiView, Check, ModelFacts, PaneDocument, ReloadResult, SourceFacts, UnseenFacts, VersionFacts } from "./http/view.ts";
import type { Judges } from "./judges.ts";
import type { Clock } from "./lib/clock.ts";
import { coerceError } from "./lib/errors.ts";
import type { Version } from "./lib/version.ts";
import type { Metrics } from "./metrics/metrics.ts";
import type { Observer } from "./metrics/observer.ts";
import type { Outbox } from "./outputs/outbox.ts";
import type { UnseenSketch } from "./panes/unseen.ts";
import type { Pipeline } from "./pipeline.ts";
import type { ReferenceWatch } from "./reference-watch.ts";
import type { Renewals } from "./renewal.ts";
import type { Retraining } from "./retraining.ts";
import type { RetrainingWatch } from "./retraining-watch.ts";
import type { Silences } from "./silence.ts";
import type { Source } from "./sources/source.ts";
import { paneLine } from "./store/pane-line.ts";
import type { Store } from "./store/store.ts";

/** Values that the reference does not have, shown of a feature. */
const UNSEEN_SHOWN = 10;

export type AppViewParts = {
  readonly store: Store;
  readonly pipeline: Pipeline;
  readonly observer: Observer;
  readonly renewals: Pick<Renewals, "facts">;
  readonly references: Pick<ReferenceWatch, "facts">;
  readonly silences: Pick<Silences, "of">;
  readonly retraining: Retraining;
  readonly watch: Pick<RetrainingWatch, "redelivered">;
  readonly metrics: Pick<Metrics, "inc">;
  /** Swapped by a reload. */
  readonly parts: () => {
    readonly config: Config;
    readonly digest: string;
    readonly loadedAtMs: number;
    readonly judgedSinceMs: number;
    readonly judges: Judges;
    readonly outbox: Outbox;
  };
  /** Undefined until reading begins. */
  readonly source: () => Source | undefined;
  readonly stopping: () => boolean;
  readonly reload: () => Promise<void>;
  readonly version: Version;
  readonly startedAtMs: number;
  readonly clock: Clock;
};

/** Wires the view. */
export function createAppView(app: AppViewParts): ApiView {
  const { store, pipeline, observer, parts, clock } = app;

  function checks(): readonly Check[] {
    const source = app.source();
    const problems = source?.status().flatMap(({ source: name, problem }) => (problem === undefined ? [] : [`${name}: ${problem}`])) ?? [];
    const foreign = pipeline.ingest.foreignMembers();
    return [
      { check: "state_restored", ok: true },
      check("store", pipeline.storeProblem() ?? ""),
      check("source", app.stopping() ? "driftd is stopping" : source === undefined ? "reading has not begun" : problems.join("; ")),
      check(
        "consumer_group",
        foreign.length === 0
          ? ""
          : `a member that is not this driftd is in the group of ${foreign.join(", ")}: nothing is judged until it has left`,
      ),
    ];
  }

  function modelFacts(name: string, windows: readonly string[]): ModelFacts {
    const { judges } = parts();
    const alerts = pipeline.alerts().filter(({ model }) => model === name);
    const latest = observer.latest().filter(({ model }) => model === name);
    const versions = judges
      .subjects()
      .filter(({ model }) => model === name)
      .map(
        ({ version }): VersionFacts => ({
          version,
          snapshot: judges.find(name, version)?.reference.snapshot,
          renewal: app.renewals.facts(name, version),
          evaluations: windows.flatMap((window) =>
            latest.filter((evaluation) => evaluation.version === version && evaluation.window === window),
          ),
          alert: alerts.find((alert) => alert.version === version),
          appeared: unseenFacts(judges.sketches(name, version)?.appeared),
        }),
      );
    return { model: name, windows, silence: app.silences.of(name), retrain: app.retraining.facts(name), versions };
  }

  function allModels(): readonly ModelFacts[] {
    const { models, windows } = parts().config;
    return models.map(({ name }) =>
      modelFacts(
        name,
        windows.map((window) => window.name),
      ),
    );
  }

  function unseenFacts(sketch: UnseenSketch | undefined): UnseenFacts | undefined {
    return sketch && { sinceMs: parts().judgedSinceMs, total: sketch.total(), top: sketch.top(UNSEEN_SHOWN) };
  }

  return {
    access: () => parts().config.http,
    retraining: {
      ...app.retraining,
      list: (query) => store.retrainRequests(query),
      count: (outcome, alerts) => app.metrics.inc("driftd_trigger_alerts_total", { outcome }, alerts),
      mlflow: () => parts().config.mlflow,
      nowMs: clock.nowMs,
    },
    ready: () => checks().filter(({ ok }) => !ok),
    status: async () => {
      const { counted, late, future, dropped } = pipeline.ingest.stats();
      const eventTimeMs = pipeline.ingest.eventTimeMs();
      const sources = app.source()?.status() ?? [];
      return {
        build: app.version,
        nowMs: clock.nowMs(),
        startedAtMs: app.startedAtMs,
        config: { digest: parts().digest, loadedAtMs: parts().loadedAtMs },
        checks: [...checks(), check("evaluation", pipeline.blocked() ?? ""), check("references", addressProblems(app.references.facts()))],
        sources: sources.map((status): SourceFacts => ({ ...status, eventTimeMs })),
        store: { type: "sqlite", sizeBytes: await store.sizeBytes() },
        records: { counted, dropped: { too_late: late, future, ...dropped } },
      };
    },
    models: allModels,
    model: (name) => allModels().find(({ model }) => model === name),
    windowCounts: async (model, version, window) => {
      const endMs = pipeline.evaluatedThroughMs(model, version, window);
      return endMs === undefined ? undefined : pipeline.windowAt(model, version, window, endMs);
    },
    unseen: (model, version, feature) => unseenFacts(parts().judges.sketches(model, version)?.unseen(feature)),
    panes: async (query) => {
      const layouts = new Map((await store.layouts()).map((layout) => [layout.hash, layout]));
      const panes = await store.panes(query);
      return panes.map((pane) => JSON.parse(paneLine(pane, layouts)) as PaneDocument);
    },
    episodes: (query) => store.episodes(query),
    events: (query) => store.events(query),
    deliveries: (query) => store.deliveries(query),
    attempts: (id) => store.attempts(id),
    replay: async (id) => {
      if ((await parts().outbox.replay(id)) !== "replayed") return false;
      await app.watch.redelivered(id);
      return true;
    },
    config: () => parts().config.effective,
    get reload() {
      return parts().config.http.reload ? () => reload(app.reload) : undefined;
    },
  };
}

/** An address that is gone holds nothing back: the other models are judged, and this one by what it has. */
function addressProblems(facts: ReturnType<ReferenceWatch["facts"]>): string {
  const problems = facts.flatMap(({ model, waiting, fromCache, problem }) => {
    if (problem === undefined) return [];
    return [
      `${model}: ${problem}; ${waiting ? "there is no reference" : fromCache ? "that of an earlier run stays" : "the old one stays"}`,
    ];
  });
  return problems.join("; ");
}

function check(name: string, problem: string): Check {
  return problem === "" ? { check: name, ok: true } : { check: name, ok: false, detail: problem };
}

async function reload(again: () => Promise<void>): Promise<ReloadResult> {
  try {
    await again();
    return { ok: true };
  } catch (thrown) {
    return { ok: false, errors: isConfigError(thrown) ? thrown.problems.map(formatProblem) : [coerceError(thrown).message] };
  }
}
