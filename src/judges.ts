/**
 * Who judges what: for each configured model and each version seen, its reference prepared under its policy, and the route that counts its
 * records. Built whole from a configuration, so that a reload swaps one object for another. A version without a reference is counted (records
 * only) and judged `no_reference`; the number of versions of a model is bounded.
 */

import { type PreparedReference, prepareReference } from "./evaluate/calibrate.ts";
import { DEFAULT_VOLUME, type Policy, policyDigest } from "./evaluate/policy.ts";
import type { Router } from "./ingest.ts";
import type { Route } from "./panes/partition.ts";
import { type Sketches, withSketches } from "./panes/sketches.ts";
import { withChecks } from "./reference/checked-layout.ts";
import type { CompiledLayout } from "./reference/layout.ts";
import type { LoadedReference, ModelReferences } from "./reference/models.ts";
import { limitOf } from "./reference/outlier-tail.ts";

export type Judge = {
  readonly reference: LoadedReference;
  readonly prepared: PreparedReference;
  /** How its records are counted: the reference's features, then the policy's expectations and what else is checked. */
  readonly counted: CompiledLayout;
};

export type JudgedModel = {
  readonly name: string;
  readonly policy: Policy;
  readonly maxVersions: number;
  /** Features whose values are never kept. */
  readonly sensitive?: readonly string[];
  /** Keys of records that are no inputs, where the inputs stand beside them. */
  readonly recordKeys?: readonly string[];
  /** Share of the reference's records whose outlier score a record's must exceed to be told; undefined: none is told. */
  readonly outlierShare?: number | undefined;
};

export type Judges = {
  /** What judges a version; undefined: it has no reference. */
  readonly find: (model: string, version: string) => Judge | undefined;
  readonly references: () => readonly LoadedReference[];
  readonly route: Router;
  /** Every model and version that records were seen of. */
  readonly subjects: () => readonly { readonly model: string; readonly version: string }[];
  readonly policyDigest: (model: string) => string;
  /** Undefined: the model is not configured. */
  readonly policy: (model: string) => Policy | undefined;
  /** Whether the model is configured. */
  readonly knows: (model: string) => boolean;
  /** What was noted in memory of a version's records: values and keys that its reference does not have. */
  readonly sketches: (model: string, version: string) => Sketches | undefined;
  /** Equal as long as the same references judge the model under the same policy. */
  readonly digest: (model: string) => string;
  /** Calibrates every feature at every window ahead of its first evaluation, giving way to the event loop. */
  readonly warmUp: () => Promise<void>;
};

const NO_LAYOUT = { row: { hash: "", features: [], slots: 0, numeric: 0 }, features: [] } as const;

/**
 * Prepares every reference under its model's policy. Throws what `prepareReference` throws, and `EXPECTATION_PATTERN`; never later. What `before`
 * has prepared of a reference that is still the same is taken over: the models must be those of the same configuration.
 */
export function createJudges(models: readonly JudgedModel[], references: ModelReferences, before?: Judges): Judges {
  const byName = new Map(models.map((model) => [model.name, model]));
  const only = models.length === 1 ? models[0]?.name : undefined;
  const prepared = new Map<LoadedReference, Judge>();
  const digests = new Map(models.map(({ name, policy }) => [name, policyDigest(policy)]));
  const routes = new Map<string, Map<string, Route>>();
  const sketches = new Map<Route, Sketches>();
  const all = references.all();
  /** Versions that have a reference of their own are never too many. */
  const expected = new Set(all.map(({ model, version }) => JSON.stringify([model, version])));
  for (const { model, version } of all) find(model, version ?? "");

  function find(model: string, version: string): Judge | undefined {
    const reference = references.find(model, version);
    const configured = byName.get(model);
    if (reference === undefined || configured === undefined) return undefined;
    let judge = prepared.get(reference);
    const known = judge === undefined ? before?.find(model, version) : undefined;
    if (known?.reference === reference) {
      judge = known;
      prepared.set(reference, judge);
    }
    if (judge === undefined) {
      const { policy, recordKeys = [] } = configured;
      const counted = withChecks(reference.compiled, reference.snapshot, { expectations: policy.expectations ?? [], recordKeys });
      judge = { reference, prepared: prepareReference(reference.snapshot, policy), counted };
      prepared.set(reference, judge);
    }
    return judge;
  }

  return {
    find,
    references: () => all.map(({ reference }) => reference),
    route: (named, given) => {
      const version = given.toWellFormed(); // a lone surrogate would not come back from the store as it went in
      const model = named ?? only;
      const configured = model === undefined ? undefined : byName.get(model);
      if (model === undefined || configured === undefined) return "unknown_model";
      const versions = routes.get(model) ?? new Map<string, Route>();
      const known = versions.get(version);
      if (known !== undefined) return known;
      if (versions.size >= configured.maxVersions && !expected.has(JSON.stringify([model, version]))) return "too_many_versions";
      const judge = find(model, version);
      const noting = judge && withSketches(judge.counted, new Set(configured.sensitive));
      const route: Route = {
        model,
        version,
        layout: noting?.layout ?? NO_LAYOUT,
        ids: checksIds(configured.policy),
        outlierLimit: outlierLimitOf(judge, configured.outlierShare),
      };
      if (noting !== undefined) sketches.set(route, noting.sketches);
      versions.set(version, route);
      routes.set(model, versions);
      return route;
    },
    subjects: () => [...routes].flatMap(([model, versions]) => [...versions.keys()].sort().map((version) => ({ model, version }))),
    policyDigest: (model) => digests.get(model) ?? "",
    policy: (model) => byName.get(model)?.policy,
    sketches: (model, version) => {
      const route = routes.get(model)?.get(version);
      return route && sketches.get(route);
    },
    knows: (model) => byName.has(model),
    digest: (model) =>
      JSON.stringify([
        digests.get(model),
        ...all.filter((one) => one.model === model).map(({ version, reference }) => [version, reference.path, reference.snapshot.digest]),
      ]),
    warmUp: async () => {
      for (const { model, version } of all) {
        const judge = find(model, version ?? "");
        if (judge === undefined) continue;
        const { policy, readyFor } = judge.prepared;
        for (let window = 0; window < policy.windows.length; window++) await readyFor(window);
      }
    },
  };
}

function outlierLimitOf(judge: Judge | undefined, share: number | undefined): number | undefined {
  const outlier = judge?.reference.snapshot.derived?.outlier;
  return outlier === undefined || share === undefined ? undefined : limitOf(outlier.tail, share);
}

function checksIds({ volume = DEFAULT_VOLUME }: Policy): boolean {
  return volume.duplicates !== null;
}
