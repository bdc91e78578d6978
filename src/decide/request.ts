/**
 * The body of a retrain request (`driftd.retrain.requested`): the evidence, ranked and cut so that it stays under 20 kB. Pure.
 * Names are those of the public contract. Nothing non-finite gets in: an absent number is absent.
 */

import type { Evaluation, FeatureEvaluation, Statistics } from "../evaluate/evaluation.ts";
import type { Severity } from "./alert.ts";
import type { RequestReason } from "./record.ts";
import { byText } from "./track.ts";

/** The `type` of the message. */
export const RETRAIN_REQUESTED = "driftd.retrain.requested";

/** Receivers may refuse more (Standard Webhooks asks for less than 20 kB). */
export const MAX_BODY_BYTES = 19_900;
/** Features listed at most; `features_total` says how many there were. */
export const MAX_FEATURES = 50;
/** Characters of a reason in words. */
const MAX_DETAIL = 1_000;
const NO_EVIDENCE = "none: no window of the model has been evaluated yet";
/** Source partitions listed at most: about 100 bytes each, so a third of the body; `offsets_total` says how many there were. */
export const MAX_OFFSETS = 64;

/** Statistics that go out, most telling first: the others are in the API. */
const SENT = ["psi", "ks", "kl", "g"] as const satisfies readonly (keyof Statistics)[];

export type RetrainRequest = {
  readonly id: string;
  /** Of the episode; 0: outside of one. */
  readonly ordinal: number;
  readonly model: string;
  readonly version: string;
  readonly reason: RequestReason;
  /** Why, in words of whoever asked; undefined for drift. */
  readonly detail?: string | undefined;
  /** Null: no drift is firing. */
  readonly episode: string | null;
  readonly severity: Severity | null;
  readonly dryRun: boolean;
  readonly atMs: number;
  /** The window that it rests on; undefined, which is never so for drift: none was evaluated yet. */
  readonly evaluation: Evaluation | undefined;
  readonly referenceRecords: number | undefined;
  /** What drifted, ranked (`rankFeatures`). */
  readonly features: readonly FeatureEvaluation[];
  readonly links: Readonly<Record<string, string>>;
};

/** Orders features by severity, then by the excess of PSI, then by name: the same on every machine. */
export function rankFeatures(features: readonly FeatureEvaluation[]): readonly FeatureEvaluation[] {
  return [...features].sort(
    (a, b) => weight(b) - weight(a) || (b.statistics.psi?.excess ?? -1) - (a.statistics.psi?.excess ?? -1) || byText(a.feature, b.feature),
  );
}

/** The JSON text of a request. O(features): at most 50 are written, and fewer when their names are long. */
export function retrainBody(request: RetrainRequest): string {
  const { evaluation } = request;
  const listed: unknown[] = [];
  const text = () =>
    JSON.stringify({
      type: RETRAIN_REQUESTED,
      timestamp: iso(request.atMs),
      data: {
        request_id: request.id,
        ordinal: request.ordinal,
        model: request.model,
        version: request.version,
        reason: request.reason,
        ...(request.detail === undefined ? {} : { detail: request.detail.slice(0, MAX_DETAIL) }),
        severity: request.severity,
        episode: request.episode,
        dry_run: request.dryRun,
        ...(evaluation === undefined ? { evidence: NO_EVIDENCE, window: null } : { window: windowOf(evaluation) }),
        reference: { digest: evaluation?.referenceDigest ?? null, ...finite({ records: request.referenceRecords }) },
        ...(evaluation === undefined ? {} : { policy: evaluation.policy }),
        features: listed,
        features_total: request.features.length,
        links: request.links,
      },
    });
  fill(listed, text, request.features, evidenceOf);
  return text();
}

function windowOf(evaluation: Evaluation): Record<string, unknown> {
  return {
    name: evaluation.window,
    start: iso(evaluation.startMs),
    end: iso(evaluation.endMs),
    records: evaluation.records,
    offsets: evaluation.offsets.slice(0, MAX_OFFSETS),
    offsets_total: evaluation.offsets.length,
  };
}

/** Puts items into the list of a body, at most 50, for as long as the body stays under its size. `text` gives the body as it is by now. */
export function fill<T>(listed: unknown[], text: () => string, items: readonly T[], itemOf: (item: T) => unknown): void {
  let room = MAX_BODY_BYTES - utf8Length(text());
  for (const each of items) {
    if (listed.length === MAX_FEATURES) break;
    const item = itemOf(each);
    const bytes = utf8Length(JSON.stringify(item)) + 1;
    // A name too long for the room that is left is passed over: what stands after it may still fit.
    if (bytes > room) continue;
    room -= bytes;
    listed.push(item);
  }
}

/** What a message says of a drifting feature. */
export function evidenceOf(feature: FeatureEvaluation): unknown {
  const statistics: Record<string, unknown> = {};
  for (const name of SENT) {
    const statistic = feature.statistics[name];
    if (statistic !== undefined && Number.isFinite(statistic.value)) statistics[name] = finite(statistic);
  }
  return {
    feature: feature.feature,
    severity: feature.severity ?? "warning",
    reason: feature.reason,
    ...(feature.bin === undefined ? {} : { bin: feature.bin }),
    reference_count: feature.reference_count,
    current_count: feature.current_count,
    calibrated: feature.calibrated,
    statistics,
  };
}

/** The fields that JSON can carry. */
function finite(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined && (typeof value !== "number" || Number.isFinite(value))),
  );
}

function weight(feature: FeatureEvaluation): number {
  return feature.severity === "critical" ? 1 : 0;
}

function iso(epochMs: number): string {
  return new Date(epochMs).toISOString().replace(".000Z", "Z");
}

/** Bytes of a text in UTF-8. */
export function utf8Length(text: string): number {
  let bytes = 0;
  for (const character of text) {
    const code = character.codePointAt(0)!;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return bytes;
}
