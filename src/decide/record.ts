/**
 * A request for retraining as it is kept and shown, and how it may go from one status to the next. Pure; who is asked and when is `retrain.ts`,
 * the message that goes out is `request.ts`.
 *
 * | status              | open | what it means                                                   | what the pipeline may report           |
 * | ------------------- | ---- | --------------------------------------------------------------- | -------------------------------------- |
 * | `awaiting_approval` | yes  | decided, nothing was sent: somebody has to approve it           | –                                      |
 * | `requested`         | yes  | the message is in the outbox, or was delivered                  | `running`, `succeeded`, `failed`       |
 * | `running`           | yes  | the pipeline said so; said again, it is a sign of life          | `running`, `succeeded`, `failed`       |
 * | `timed_out`         | no   | nothing was heard for `in_progress_timeout`; late is not never  | `running`, `succeeded`, `failed`       |
 * | `failed`            | no   | the pipeline said so, or every delivery was given up            | `failed`, `succeeded` (tried again)    |
 * | `succeeded`         | no   | the pipeline or the model registry said so                      | `succeeded` (of the same new version)  |
 * | `rejected`          | no   | somebody refused to approve it                                  | –                                      |
 * | `cancelled`         | no   | its episode was over before anybody was asked                   | –                                      |
 */

import type { Severity } from "./alert.ts";

/** Why a retraining is asked for: the closed list. */
export const REQUEST_REASONS = ["drift", "alert", "schedule", "manual"] as const;
export type RequestReason = (typeof REQUEST_REASONS)[number];

/** Open ones first. */
export const REQUEST_STATUSES = [
  "awaiting_approval",
  "requested",
  "running",
  "succeeded",
  "failed",
  "rejected",
  "cancelled",
  "timed_out",
] as const;
export type RequestStatus = (typeof REQUEST_STATUSES)[number];

/** Something can still come of it: it is kept whatever its age. */
export const OPEN_STATUSES = ["awaiting_approval", "requested", "running"] as const satisfies readonly RequestStatus[];

export type RetrainRecord = {
  /** `msg_…`: that of the message to the first output. */
  readonly id: string;
  readonly model: string;
  readonly version: string;
  readonly reason: RequestReason;
  /** Of the episode; null: no drift is firing. */
  readonly severity: Severity | null;
  /** The episode that was firing when it was made; null: none. */
  readonly episode: string | null;
  readonly status: RequestStatus;
  /** By the guard clock, epoch ms. */
  readonly createdAtMs: number;
  /** When it came to its status, when it was delivered, or when the pipeline last said that it runs. */
  readonly updatedAtMs: number;
  /** Who is asked, the first one under the request's own id. */
  readonly outputs: readonly string[];
  /** Version of the model that came of it. */
  readonly newVersion: string | null;
  /** What was said about it, in words. */
  readonly detail: string | null;
  /** What asked for it, named so that the same thing does not ask twice (an alert, a run of the calendar); null: nothing that could repeat. */
  readonly dedupKey: string | null;
  /** The message's body, JSON text. */
  readonly body: string;
};

/** What a pipeline says about a request. */
export const REPORTS = ["running", "succeeded", "failed"] as const;
export type Report = {
  readonly status: (typeof REPORTS)[number];
  /** Version of the model that came of it. */
  readonly version?: string | undefined;
  readonly detail?: string | undefined;
};

/** The statuses from which each report is taken. */
const TAKEN_FROM: Readonly<Record<Report["status"], ReadonlySet<RequestStatus>>> = {
  running: new Set(["requested", "running", "timed_out"]),
  succeeded: new Set(["requested", "running", "timed_out", "failed", "succeeded"]),
  failed: new Set(["requested", "running", "timed_out", "failed"]),
};

/** True while something can still come of it. */
export function isOpen({ status }: Pick<RetrainRecord, "status">): boolean {
  return OPEN_STATUSES.some((open) => open === status);
}

/** Ids of its messages in the outbox: the first output's is the request's own, a row of the outbox has one receiver. */
export function messageIds({ id, outputs }: Pick<RetrainRecord, "id" | "outputs">): readonly string[] {
  return outputs.map((output, i) => (i === 0 ? id : `${id}-${output}`));
}

/** The record with another status. */
export function moved(
  record: RetrainRecord,
  status: RequestStatus,
  nowMs: number,
  more: { readonly detail?: string; readonly newVersion?: string } = {},
): RetrainRecord {
  return {
    ...record,
    status,
    updatedAtMs: nowMs,
    detail: more.detail ?? record.detail,
    newVersion: more.newVersion ?? record.newVersion,
  };
}

/**
 * The record after a report: the very same object when the report says nothing new, undefined when the report cannot be (see the table). A
 * success that named no version may be reported again with one.
 */
export function reported(record: RetrainRecord, report: Report, nowMs: number): RetrainRecord | undefined {
  const { status, version, detail } = report;
  if (!TAKEN_FROM[status].has(record.status)) return undefined;
  if (version !== undefined && record.newVersion !== null && record.newVersion !== version) return undefined;
  const news = (version ?? record.newVersion) !== record.newVersion || (detail ?? record.detail) !== record.detail;
  if (status === record.status && status !== "running" && !news) return record;
  return moved(record, status, nowMs, {
    ...(detail === undefined ? {} : { detail }),
    ...(version === undefined ? {} : { newVersion: version }),
  });
}
