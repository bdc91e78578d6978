/** A request for retraining as the public JSON has it. Pure. */

import type { RetrainRecord } from "../decide/record.ts";
import { isoTime } from "./time.ts";

/** One item of `GET /api/v1/retrain`. */
export function requestDocument(record: RetrainRecord) {
  return {
    id: record.id,
    model: record.model,
    version: record.version,
    reason: record.reason,
    severity: record.severity,
    episode: record.episode,
    status: record.status,
    created_at: isoTime(record.createdAtMs),
    updated_at: isoTime(record.updatedAtMs),
    outputs: record.outputs,
    new_version: record.newVersion,
    detail: record.detail,
  };
}
