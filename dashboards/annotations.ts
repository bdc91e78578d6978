/** Marks over all panels of a dashboard: what was done, and what changed. */

import { DATASOURCE, type Json } from "./grafana.ts";
import { ofDaemon, ofModel, ofScrape, ofVersion } from "./queries.ts";

type Said = { readonly name: string; readonly expr: string; readonly text: string; readonly colour: string };

/** With `valueIsTime` the value of the series says when, in milliseconds; else the mark is where the series has a value above 0. */
function mark({ name, expr, text, colour }: Said, valueIsTime: boolean): Json {
  return {
    name,
    datasource: DATASOURCE,
    enable: true,
    hide: false,
    iconColor: colour,
    expr,
    step: "60s",
    titleFormat: name,
    textFormat: text,
    tagKeys: "",
    useValueForTime: valueIsTime,
  };
}

const retrainings = mark(
  {
    name: "Retraining requested",
    expr: `${ofModel("driftd_last_action_timestamp_seconds", 'action="retrain"')} * 1000`,
    text: "{{model}}",
    colour: "blue",
  },
  true,
);
const references = mark(
  {
    name: "Another reference or version",
    // What was not there five minutes ago: a series of `changes()` has no sample before the first one to differ from.
    expr: `max by (model, version, digest) (${ofVersion("driftd_reference_info")}) unless max by (model, version, digest) (${ofVersion("driftd_reference_info")} offset 5m)`,
    text: "{{model}} {{version}} {{digest}}",
    colour: "light-blue",
  },
  false,
);
const configurations = mark(
  {
    name: "Configuration loaded",
    expr: `${ofScrape("driftd_config_last_reload_success_timestamp_seconds")} * 1000`,
    text: "{{instance}}",
    colour: "#8A94A6",
  },
  true,
);
const starts = mark(
  { name: "driftd started", expr: ofDaemon(`${ofScrape("process_start_time_seconds")} * 1000`), text: "{{instance}}", colour: "dark-blue" },
  true,
);

/** Where models are shown. */
export const modelAnnotations: readonly Json[] = [retrainings, references, configurations];
/** Where only actions are shown, without versions. */
export const actionAnnotations: readonly Json[] = [retrainings, configurations];
/** Where the daemon itself is shown. */
export const daemonAnnotations: readonly Json[] = [starts, configurations];
