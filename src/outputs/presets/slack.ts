/** Slack: a message by an incoming webhook. Not idempotent: a repetition after a lost answer is a second message. */

import { factsOf, headline } from "../facts.ts";
import { MESSAGE_TYPES } from "../output.ts";
import { definePreset, type Message } from "../preset.ts";

/** Slack refuses longer sections. */
const LONGEST_TEXT = 2_900;
/** Features listed. */
const LISTED = 10;

export const slack = definePreset({
  type: "slack",
  description: "A message in Slack, by an incoming webhook.",
  options: {},
  secrets: { url: { description: "URL of the incoming webhook (a secret: never shown).", required: true } },
  accepts: () => MESSAGE_TYPES,
  attempt: async ({ message, ask, judge }) => {
    const answer = await ask({ json: slackBody(message) });
    return judge(answer, {
      success: [200],
      check: ({ text }) => (text.trim() === "ok" ? undefined : { problem: "Slack did not say ok", retry: true }),
    });
  },
});

function slackBody(message: Message): unknown {
  const facts = factsOf(message);
  const title = escapeText(headline(message));
  const lines = facts.features
    .slice(0, LISTED)
    .map(
      ({ feature, evidence }) => `• \`${escapeText(feature.replaceAll("`", "'"))}\`${evidence === "" ? "" : ` ${escapeText(evidence)}`}`,
    );
  const body = facts.text === undefined ? lines.join("\n") : escapeText(facts.text);
  const context = [
    facts.window === undefined ? "" : `window ${escapeText(facts.window)}`,
    facts.records === undefined ? "" : `${facts.records} records`,
    facts.link === undefined ? "" : `<${facts.link}|driftd>`,
    facts.runbook === undefined ? "" : `<${facts.runbook}|runbook>`,
  ].filter((part) => part !== "");
  return {
    text: title,
    blocks: [
      { type: "section", text: { type: "mrkdwn", text: `*${title}*` } },
      ...(body === "" ? [] : [{ type: "section", text: { type: "mrkdwn", text: body.slice(0, LONGEST_TEXT) } }]),
      ...(context.length === 0 ? [] : [{ type: "context", elements: [{ type: "mrkdwn", text: context.join(" · ") }] }]),
    ],
  };
}

/** The three characters that Slack reads as its own. */
function escapeText(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
