/**
 * A sample of every message: what templates are checked against, and what a test message is made of. Their shape is that of the real bodies
 * (a test compares them). Pure.
 */

import type { MessageType } from "./output.ts";
import type { TemplateSample } from "./template.ts";

const TIMESTAMP = "2026-01-15T12:00:07Z";
const ID = "msg_00000000000000000000000000000000";
const EPISODE = "0000000000000000000000000000000000000000000000000000000000000000";
const LINKS = {
  driftd: "http://localhost:9465/#/models/sample",
  callback: `http://localhost:9465/api/v1/retrain/${ID}/status`,
};
const WINDOW = {
  name: "1h",
  start: "2026-01-15T11:00:00Z",
  end: "2026-01-15T12:00:00Z",
  records: 660,
  offsets: [{ source: "kafka:inference-log", partition: 0, from: 100, to: 900 }],
  offsets_total: 1,
};
const FEATURES = [
  {
    feature: "sample_feature",
    severity: "critical",
    reason: "both",
    reference_count: 10_000,
    current_count: 660,
    calibrated: true,
    statistics: { psi: { value: 0.31, excess: 0.29, threshold: 0.1 }, ks: { value: 0.21, p_value: 1e-9, threshold: 0.04 } },
  },
];
const SUBJECT = { model: "sample", version: "1" };

/** Of a request that drift has made. */
const REQUEST_DATA = {
  request_id: ID,
  ordinal: 0,
  ...SUBJECT,
  reason: "drift",
  severity: "critical",
  episode: EPISODE,
  dry_run: false,
  window: WINDOW,
  reference: { digest: "sha256:0000", records: 10_000 },
  policy: { thresholds: "auto" },
  features: FEATURES,
  features_total: 1,
  links: LINKS,
};

/** Of a request that somebody has made, before any window of the model was evaluated: the least that a request says. */
const BARE_REQUEST_DATA = {
  request_id: ID,
  ordinal: 0,
  ...SUBJECT,
  reason: "manual",
  detail: "a sample",
  severity: null,
  episode: null,
  dry_run: false,
  evidence: "none: no window of the model has been evaluated yet",
  window: null,
  reference: { digest: null },
  features: [],
  features_total: 0,
  links: LINKS,
};

/** Of a notice: an episode fires, became critical, or is over. */
const NOTICE_DATA = {
  ...SUBJECT,
  episode: EPISODE,
  kind: "drift",
  status: "firing",
  severity: "critical",
  reason: "sustained",
  pending_at: "2026-01-15T11:55:00Z",
  firing_at: "2026-01-15T12:00:00Z",
  resolved_at: null,
  window: { name: "1h", start: "2026-01-15T11:00:00Z", end: "2026-01-15T12:00:00Z", records: 660 },
  features: FEATURES,
  features_total: 1,
  links: LINKS,
};
const QUALITY_DATA = { ...NOTICE_DATA, kind: "quality", features: [{ feature: "sample_feature", check: "missing", severity: "critical" }] };

const DATA: Readonly<Record<MessageType, readonly Readonly<Record<string, unknown>>[]>> = {
  "driftd.retrain.requested": [REQUEST_DATA, BARE_REQUEST_DATA],
  "driftd.drift.firing": [NOTICE_DATA],
  "driftd.drift.escalated": [NOTICE_DATA],
  "driftd.drift.resolved": [NOTICE_DATA],
  "driftd.quality.firing": [QUALITY_DATA],
  "driftd.quality.resolved": [QUALITY_DATA],
  "driftd.digest": [{ text: "driftd: 1 model, nothing drifts" }],
  "driftd.test": [],
};

/** The samples of these messages, as templates see them. */
export function samplesOf(types: readonly MessageType[]): readonly TemplateSample[] {
  return types.flatMap((type) =>
    DATA[type].map((data) => ({
      about: data === BARE_REQUEST_DATA ? `every ${type}: not in one that was asked for before any window was evaluated` : type,
      root: { id: ID, type, timestamp: TIMESTAMP, model: data["model"] ?? "", version: data["version"] ?? "", data },
    })),
  );
}

/** The data of a test message: those of a request, so that templates are filled, with what says that it is none. */
export function testData(id: string, output: string, model: string, version: string): Record<string, unknown> {
  const text = "a test of driftd: do nothing";
  return {
    ...REQUEST_DATA,
    request_id: id,
    output,
    model,
    version,
    message: text,
    dry_run: true,
    reason: "manual",
    detail: text,
    links: {},
  };
}
