/** Microsoft Teams: an adaptive card by a Power Automate workflow's URL (the Office 365 connectors are gone). Not idempotent. */

import { factsOf, headline } from "../facts.ts";
import { MESSAGE_TYPES } from "../output.ts";
import { definePreset, type Message } from "../preset.ts";

/** Features listed. */
const LISTED = 10;

export const teams = definePreset({
  type: "teams",
  description: "An adaptive card in Microsoft Teams, by a workflow's URL.",
  options: {},
  secrets: { url: { description: "URL of the workflow (a secret: never shown).", required: true } },
  accepts: () => MESSAGE_TYPES,
  attempt: async ({ message, ask, judge }) => {
    const answer = await ask({ json: { type: "message", attachments: [card(message)] } });
    return judge(answer, {
      success: [200, 202],
      // What the connectors did, and some gateways still do.
      check: ({ text }) => (/delivery failed|error/i.test(text) ? { problem: "an error in a success", retry: true } : undefined),
    });
  },
});

/** Cards read Markdown: a version or a feature that comes from a record must not become a link under a text of its own. */
function noLink(text: string): string {
  return text.replaceAll("](", "]\u200b(");
}

function card(message: Message): unknown {
  const facts = factsOf(message);
  const rows = [
    { title: "Model", value: facts.subject },
    { title: "Severity", value: facts.severity },
    { title: "Window", value: facts.window },
    ...facts.features.slice(0, LISTED).map(({ feature, evidence }) => ({ title: feature, value: evidence === "" ? "drifts" : evidence })),
  ].flatMap(({ title, value }) => (value === undefined || value === "" ? [] : [{ title: noLink(title), value: noLink(value) }]));
  return {
    contentType: "application/vnd.microsoft.card.adaptive",
    contentUrl: null,
    content: {
      $schema: "http://adaptivecards.io/schemas/adaptive-card.json",
      type: "AdaptiveCard",
      version: "1.4",
      body: [
        { type: "TextBlock", text: noLink(headline(message)), weight: "Bolder", wrap: true },
        ...(facts.text === undefined ? [] : [{ type: "TextBlock", text: facts.text, wrap: true }]),
        ...(rows.length === 0 ? [] : [{ type: "FactSet", facts: rows }]),
      ],
      actions: facts.link === undefined ? [] : [{ type: "Action.OpenUrl", title: "driftd", url: facts.link }],
    },
  };
}
