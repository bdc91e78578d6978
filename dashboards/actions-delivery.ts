/** The lower part of the page of actions: whether the targets took what they were sent. */

import type { Panel, Row } from "./grafana.ts";
import { toDeliveries } from "./links.ts";
import { timeseries } from "./panels.ts";
import { counted, increase, maxBy, ofModel, ofScrape, quantile, rate, select, sumBy } from "./queries.ts";
import { SCRAPE } from "./variables.ts";

/** Of the chosen targets. */
export const ofTarget = (metric: string, ...more: readonly string[]) => select(metric, SCRAPE, 'target=~"$target"', ...more);
const targetLinks = [toDeliveries("series")];

const delivery: readonly Panel[] = [
  timeseries(
    {
      title: "Attempts",
      description: "Delivery attempts in each step of the picture.",
      unit: "none",
      width: 8,
      height: 8,
      bars: true,
      stacked: true,
      links: targetLinks,
    },
    [sumBy("target", increase(ofTarget("driftd_webhook_attempts_total"))), "{{target}}"],
  ),
  timeseries(
    {
      title: "Attempts that failed, by reason",
      description:
        "connection, tls, timeout: the way there. http_5xx, rate_limited: the target, and it is tried again. http_4xx, body: what driftd says is refused. secret: the file with the secret cannot be read. gone: the target said 410.",
      unit: "none",
      width: 8,
      height: 8,
      bars: true,
      stacked: true,
      links: targetLinks,
    },
    [counted("target, reason", increase(ofTarget("driftd_webhook_attempt_failures_total"))), "{{target}} {{reason}}"],
  ),
  timeseries(
    {
      title: "Time of an attempt",
      description: "95th percentile. An attempt ends at the target's timeout (15 s by default).",
      unit: "s",
      width: 8,
      height: 8,
      links: targetLinks,
    },
    [quantile(0.95, "target", ofTarget("driftd_webhook_attempt_duration_seconds_bucket")), "{{target}}"],
  ),
  timeseries(
    {
      title: "Waiting and given up",
      description: "Messages in the outbox and dead letters, by target.",
      unit: "none",
      width: 8,
      height: 8,
      links: targetLinks,
    },
    [maxBy("target", ofTarget("driftd_webhook_queue_length")), "{{target}} waiting"],
    [maxBy("target", ofTarget("driftd_webhook_dead_letters")), "{{target}} given up"],
  ),
  timeseries(
    {
      title: "Alerts sent to Alertmanager",
      description:
        "Alerts that each instance of Alertmanager took or did not take, in each step, repetitions included: what fires is sent again and again. “no data” without such an output.",
      unit: "none",
      width: 8,
      height: 8,
      bars: true,
    },
    [sumBy("alertmanager", increase(ofScrape("driftd_alertmanager_alerts_sent_total"))), "{{alertmanager}}"],
    [sumBy("alertmanager", increase(ofScrape("driftd_alertmanager_send_failures_total"))), "{{alertmanager}} failed"],
  ),
  timeseries(
    {
      title: "Lines written beside",
      description: "Lines of the event log, and lines about outlying records, a second.",
      unit: "cps",
      width: 8,
      height: 8,
    },
    [`sum(${rate(ofScrape("driftd_event_log_lines_total"))})`, "event log"],
    [sumBy("model", rate(ofModel("driftd_outlier_lines_total"))), "outliers of {{model}}"],
    [sumBy("model", rate(ofModel("driftd_outlier_lines_dropped_total"))), "outliers of {{model}} without a line"],
  ),
];

/** Row for the page of actions. */
export const deliveryRow: Row = { title: "Delivery", panels: delivery };
