/**
 * CloudEvents 1.0 over HTTP, binary or structured: for Knative, Dapr, EventBridge and whoever reads them. `id` is the message's id, the same on
 * every attempt, so `id` and `source` tell a repetition. The headers of Standard Webhooks ride along when there is a key.
 */

import { choice } from "../../config/output-options.ts";
import { text } from "../../config/scalars.ts";
import { MESSAGE_TYPES } from "../output.ts";
import { percentEncode } from "../percent.ts";
import { type Auth, definePreset, type Message } from "../preset.ts";
import { parseKeys, sign } from "../signing.ts";

export const cloudevents = definePreset({
  type: "cloudevents",
  description: "A CloudEvent over HTTP.",
  options: {
    mode: choice("Attributes in headers (`binary`) or in the body (`structured`).", ["binary", "structured"]).default("binary"),
    source: text("`source` of the events, a URI or a part of one.").default("/driftd"),
  },
  secrets: {
    url: { description: "Where events are sent (a secret: never shown).", required: true },
    token: { description: "Bearer token (a secret)." },
    secret: { description: "Key that signs as Standard Webhooks do (a secret)." },
  },
  accepts: () => MESSAGE_TYPES,
  onTest: "sends a real event",
  attempt: async ({ settings, message, ask, judge, nowMs }) => {
    const attributes = attributesOf(message, settings.source);
    const structured = settings.mode === "structured";
    const body = structured ? JSON.stringify({ ...attributes, data: message.data }) : JSON.stringify(message.data);
    const contentType = structured ? "application/cloudevents+json; charset=utf-8" : "application/json";
    const headers = structured ? {} : headersOf(attributes);
    const signature = settings.secret === undefined ? {} : sign(parseKeys(settings.secret), message.id, nowMs(), body);
    const auth: Auth | undefined = settings.token === undefined ? undefined : { kind: "bearer", token: settings.token };
    return judge(await ask({ auth, body, headers: { ...headers, ...signature, "content-type": contentType } }));
  },
});

/** `driftd.drift.firing` → `io.driftd.drift.firing.v1`. */
function attributesOf({ id, type, timestamp, model }: Message, source: string): Record<string, string> {
  return {
    specversion: "1.0",
    id,
    source,
    type: `io.${type}.v1`,
    time: timestamp,
    ...(model === "" ? {} : { subject: model }),
    datacontenttype: "application/json",
  };
}

/** Attributes as headers; what a header cannot carry is percent-encoded (HTTP binding, 3.1.3.2). */
function headersOf({ datacontenttype, ...attributes }: Record<string, string>): Record<string, string> {
  const encode = (value: string) => value.replace(/[^\x21-\x7e]|["%]/gu, percentEncode);
  return Object.fromEntries(Object.entries(attributes).map(([name, value]) => [`ce-${name}`, encode(value)]));
}
