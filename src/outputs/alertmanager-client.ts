/** One instance of Alertmanager, by its API v2: sends a batch, and says what came of it without URL and secrets. */

import type { AlertmanagerOutputConfig } from "../config/outputs.ts";
import type { Secret } from "../config/secret.ts";
import type { Clock } from "../lib/clock.ts";
import { coerceError, DriftdError } from "../lib/errors.ts";
import type { SentAlert } from "./alertmanager-alerts.ts";
import { judgeAnswer } from "./answer.ts";
import { attemptWithin, exchange } from "./exchange.ts";
import { readCertificates } from "./http-target.ts";
import type { AttemptResult } from "./output.ts";
import { formsOf, redact, secretsOfUrl } from "./redact.ts";

/** Makes the sender of an instance; never rejects. An empty batch asks whether it is there. */
export function openAlertmanager(
  config: AlertmanagerOutputConfig,
  address: Secret,
  { clock, version }: { readonly clock: Clock; readonly version: string },
): (alerts: readonly SentAlert[], signal: AbortSignal) => Promise<AttemptResult> {
  return async (alerts, signal) => {
    let target: Awaited<ReturnType<typeof reveal>>;
    try {
      target = await reveal(config, address);
    } catch (thrown) {
      const excerpt = thrown instanceof DriftdError ? thrown.code : coerceError(thrown).name;
      return { ok: false, failure: "secret", retry: true, excerpt };
    }
    const { url, headers, ca, secrets } = target;
    return attemptWithin({ clock, timeoutMs: config.timeoutMs, signal }, async (within) => {
      const answer = await exchange(
        {
          ...{ url, method: "POST", ca },
          headers: { "user-agent": `driftd/${version}`, accept: "application/json", ...headers, "content-type": "application/json" },
          body: Buffer.from(JSON.stringify(alerts), "utf8"),
        },
        within,
      );
      const excerpt = redact(answer.text, secrets.flatMap(formsOf));
      return judgeAnswer({ status: answer.status, retryAfter: answer.headers["retry-after"], abort: false, excerpt }, clock.nowMs());
    });
  };
}

async function reveal(config: AlertmanagerOutputConfig, address: Secret) {
  const [base, token, password, headers] = await Promise.all([
    address.reveal(),
    config.secrets.token?.reveal(),
    config.secrets.password?.reveal(),
    Promise.all(Object.entries(config.headers).map(async ([name, value]) => [name, await value.reveal()] as const)),
  ]);
  const url = new URL(base);
  url.pathname = `${url.pathname.replace(/\/+$/, "")}/api/v2/alerts`;
  const basic = Buffer.from(`${config.username}:${password}`, "utf8").toString("base64");
  const authorization = token !== undefined ? `Bearer ${token}` : password !== undefined ? `Basic ${basic}` : undefined;
  return {
    url,
    headers: { ...(authorization === undefined ? {} : { authorization }), ...Object.fromEntries(headers) },
    ca: url.protocol === "https:" ? await readCertificates(config) : undefined,
    secrets: [base, ...secretsOfUrl(url), token ?? "", password ?? "", basic, ...headers.map(([, value]) => value)],
  };
}
