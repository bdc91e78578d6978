/** The renewals of a replay for its report: what the event log of the store says about them. */

import type { EventRow } from "../store/store.ts";
import type { ModelReport } from "./replay-report.ts";

/** One renewal, or a postponed one, of a model and version. Times are event time. */
export type RenewalReport =
  | {
      readonly at: string;
      readonly status: "renewed";
      readonly reference: string;
      readonly previous: string;
      readonly days: number;
      readonly days_left_out: readonly string[];
    }
  | { readonly at: string; readonly status: "postponed"; readonly reason: string; readonly detail: string };

/** Adds the renewals that the event log tells of to the reports that they belong to; a model without any stays as it is. */
export function withRenewals(models: readonly ModelReport[], events: readonly EventRow[]): ModelReport[] {
  return models.map((report) => {
    const renewals = events.flatMap((event) => (event.model === report.model && event.version === report.version ? renewalOf(event) : []));
    return renewals.length === 0 ? report : { ...report, renewals };
  });
}

function renewalOf({ type, body }: EventRow): RenewalReport[] {
  if (!type.startsWith("driftd.reference.")) return [];
  const said = JSON.parse(body) as Record<string, never>;
  if (type === "driftd.reference.renewal_postponed") {
    return [{ at: said["due"]!, status: "postponed", reason: said["reason"]!, detail: said["detail"]! }];
  }
  return [
    {
      at: said["effective_at"]!,
      status: "renewed",
      reference: said["reference"]!,
      previous: said["previous"]!,
      days: said["days"]!,
      days_left_out: said["days_left_out"]!,
    },
  ];
}

/** One line for people. */
export function renewalLine(renewal: RenewalReport): string {
  if (renewal.status === "postponed") return `the renewal due at ${renewal.at} was postponed: ${renewal.detail} (${renewal.reason})`;
  const without = renewal.days_left_out.length === 0 ? "" : ` without ${renewal.days_left_out.join(", ")}`;
  return `the reference was renewed at ${renewal.at} from ${renewal.days} days${without}`;
}
