/** The dashboards by the name of their file in this folder, `NAME.json`. */

import { actions } from "./actions.ts";
import { driftOverview } from "./drift-overview.ts";
import { featureDetail } from "./feature-detail.ts";
import type { Dashboard } from "./grafana.ts";
import { pipelineHealth } from "./pipeline-health.ts";

/** What ships. */
export const dashboards: Readonly<Record<string, Dashboard>> = {
  "drift-overview": driftOverview,
  "feature-detail": featureDetail,
  "pipeline-health": pipelineHealth,
  actions,
};
