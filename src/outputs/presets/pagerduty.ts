/**
 * PagerDuty, Events API v2: an alert for each episode. Its id is the `dedup_key`, so a repetition and an escalation change the same incident,
 * and the end of the drift resolves it.
 */

import { text } from "../../config/scalars.ts";
import { factsOf, headline } from "../facts.ts";
import { MESSAGE_TYPES } from "../output.ts";
import { definePreset } from "../preset.ts";
import { valueIn } from "./checks.ts";

/** PagerDuty cuts or refuses longer ones. */
const LONGEST_KEY = 255;

export const pagerduty = definePreset({
  type: "pagerduty",
  description: "An incident in PagerDuty for each episode, resolved with it.",
  options: {
    source: text("Where the event comes from.").default("driftd"),
    component: text("Part of the source that is concerned; absent: the model.").optional(),
  },
  secrets: {
    url: { description: "Address of the Events API.", fallback: "https://events.pagerduty.com" },
    routing_key: { description: "Integration key of the service (a secret).", required: true },
  },
  accepts: () => MESSAGE_TYPES.filter((type) => type !== "driftd.digest"),
  onTest: "opens a real incident (of severity info)",
  attempt: async ({ settings, message, ask, judge }) => {
    const facts = factsOf(message);
    const key = (facts.episode ?? message.id).slice(0, LONGEST_KEY);
    const event = { routing_key: settings.routing_key, dedup_key: key };
    const resolved = message.type.endsWith(".resolved");
    const answer = await ask({
      path: "/v2/enqueue",
      json: resolved
        ? { ...event, event_action: "resolve" }
        : {
            ...event,
            event_action: "trigger",
            payload: {
              summary: headline(message),
              source: settings.source,
              severity: message.type === "driftd.test" ? "info" : (facts.severity ?? "warning"),
              timestamp: message.timestamp,
              component: settings.component ?? facts.model,
              class: message.type,
              custom_details: message.data,
            },
            ...(facts.link === undefined ? {} : { links: [{ href: facts.link, text: "driftd" }] }),
          },
    });
    return judge(answer, {
      success: [202],
      check: ({ json }) => (valueIn(json, "status") === "success" ? undefined : { problem: "PagerDuty did not say success", retry: true }),
    });
  },
});
