/**
 * The output `http`: one request of the operator's own design. URL, headers and body are templates over the message; which statuses are a
 * success, which mean "done before", and what the answer must hold are options. The presets are the same made ready for one product each.
 */

import { choice, integer, list, scalar, section, template, templateText, textMap } from "../config/output-options.ts";
import { recordPath, splitRecordPath } from "../config/scalars.ts";
import type { HttpAnswer, Objection } from "./answer.ts";
import { MESSAGE_TYPES, type MessageType } from "./output.ts";
import { percentEncode } from "./percent.ts";
import { definePreset } from "./preset.ts";
import { valueIn } from "./presets/checks.ts";
import { checkLogin, loginOf, loginOptions, loginSecrets } from "./presets/login.ts";
import { WHOLE_MESSAGE } from "./presets/payload.ts";
import { render, renderText } from "./template.ts";

/** What a header may be called, and those that are the connection's own. */
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/i;
const OWN_HEADERS = /^(content-length|host|transfer-encoding|connection|expect)$/i;

const status = (description: string) => integer(description, 200, 599);

export const http = definePreset({
  type: "http",
  description: "One HTTP request of your own design.",
  options: {
    ...loginOptions,
    method: choice("Method of the request.", ["POST", "PUT", "PATCH", "GET", "DELETE"]).default("POST"),
    path: templateText("Path and query put behind `url`, a template: `/models/{{ data.model }}/train`.").optional(),
    fields: textMap("Headers that are not secret, as templates, e.g. `x-model: '{{ data.model }}'`.").default({}),
    body: template("JSON body, a template.", WHOLE_MESSAGE),
    success: list("Statuses that mean success; empty: every 2xx.", status("A status.")).default([]),
    already_done: list("Statuses that mean that it was done before, e.g. 409.", status("A status.")).default([]),
    answer: section("What the JSON answer of a success must hold; else the attempt has failed, whatever the status.", {
      path: recordPath("Where it stands, e.g. `status`."),
      allowed: list("The values that mean success.", scalar("A value.")).min(1),
    }).optional(),
    accepts: list("Messages that it takes.", choice("A type of message.", MESSAGE_TYPES)).min(1).default(["driftd.retrain.requested"]),
  },
  secrets: {
    url: { description: "Where requests are sent (a secret: never shown).", required: true },
    ...loginSecrets,
  },
  templates: ["path", "fields", "body"],
  accepts: ({ accepts }): readonly MessageType[] => (accepts.includes("driftd.test") ? accepts : [...accepts, "driftd.test"]),
  check: (options, given) => [
    ...checkLogin(given),
    ...(options.path === undefined || /^[/?]/.test(options.path)
      ? []
      : [{ path: ["path"], message: "does not begin with / or ?", hint: "it is put behind the URL" }]),
    ...Object.keys(options.fields).flatMap((name) => {
      if (!HEADER_NAME.test(name)) return [{ path: ["fields", name], message: "is no name of a header", hint: "write e.g. x-model" }];
      return OWN_HEADERS.test(name) ? [{ path: ["fields", name], message: "is set by driftd itself", hint: "take it out" }] : [];
    }),
  ],
  onTest: "sends a real request, made of sample data",
  attempt: async ({ settings, message, root, ask, judge, refuse }) => {
    const { method, success, already_done: done, answer: expected } = settings;
    const path = settings.path === undefined ? "" : renderText(settings.path, root, percentEncode);
    const [place = "", query = ""] = path.split(/\?(.*)/s);
    // A version comes from records: it must not lead to another place of the target.
    if (place.split("/").some((part) => /^\.{1,2}$/.test(part))) return refuse("the path would hold . or ..");
    const headers = Object.entries(settings.fields).map(([name, value]) => [name.toLowerCase(), oneLine(renderText(value, root))]);
    const answer = await ask({
      method,
      path: place,
      query: new URLSearchParams(query),
      // The receiver can tell a repetition by it.
      headers: { "idempotency-key": message.id, ...Object.fromEntries(headers) },
      auth: loginOf(settings),
      ...(method === "GET" || method === "DELETE" ? {} : { json: render(settings.body, root) }),
    });
    return judge(answer, {
      done,
      ...(success.length === 0 ? {} : { success }),
      ...(expected === undefined ? {} : { check: (got: HttpAnswer) => checkAnswer(got, expected) }),
    });
  },
});

function checkAnswer(
  { json }: HttpAnswer,
  { path, allowed }: { readonly path: string; readonly allowed: readonly unknown[] },
): Objection | undefined {
  const value = valueIn(json, ...splitRecordPath(path));
  if (allowed.includes(value)) return undefined;
  return { problem: value === undefined ? `the answer has no ${path}` : `the answer's ${path} is not one that means success`, retry: true };
}

/** A header holds no line ends, and only what HTTP can carry. */
function oneLine(text: string): string {
  return text.replace(/[^\t\x20-\x7e]/gu, percentEncode);
}
