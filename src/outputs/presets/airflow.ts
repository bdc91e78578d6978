/**
 * Apache Airflow 3 and 2: a DAG run. Its `dag_run_id` is the message's id, so that however often a message is sent, one run is made: the second
 * time Airflow says 409, with a body that does not tell why, so the run is looked up.
 * Airflow 3 takes tokens only: one is got from `/auth/token`, kept, and got anew when Airflow no longer takes it.
 */

import { integer, templateMap } from "../../config/output-options.ts";
import { text } from "../../config/scalars.ts";
import type { HttpAnswer } from "../answer.ts";
import { headline } from "../facts.ts";
import type { AttemptResult } from "../output.ts";
import { TRAINING_MESSAGES } from "../output.ts";
import { type Auth, type Call, definePreset } from "../preset.ts";
import { render } from "../template.ts";
import { holdsValue, valueIn } from "./checks.ts";
import { checkLogin, loginOf, loginOptions, loginSecrets } from "./login.ts";
import { safeId } from "./names.ts";

export const airflow = definePreset({
  type: "airflow",
  description: "A DAG run in Apache Airflow.",
  options: {
    ...loginOptions,
    airflow: integer("Major version of Airflow.", 2, 3).default(3),
    dag_id: text("The DAG."),
    conf: templateMap("`conf` of the run, a template.", { value: { driftd: "{{ data }}" }, words: "`driftd`: the data of the message" }),
  },
  secrets: {
    url: { description: "Address of Airflow's API server, e.g. `http://airflow:8080` (never shown).", required: true },
    ...loginSecrets,
  },
  templates: ["conf"],
  accepts: () => TRAINING_MESSAGES,
  check: (_, given) => checkLogin(given),
  onTest: "starts a real DAG run",
  attempt: async (call) => {
    const { settings, message, root, ask, judge } = call;
    const runs = `${settings.airflow === 2 ? "/api/v1" : "/api/v2"}/dags/${encodeURIComponent(settings.dag_id)}/dagRuns`;
    const id = safeId(message.id);
    const body = {
      dag_run_id: id,
      // Required in Airflow 3, and null keeps two runs of the same instant apart.
      ...(settings.airflow === 2 ? {} : { logical_date: null }),
      conf: render(settings.conf, root),
      note: headline(message),
    };
    return withToken(call, async (auth) => {
      const made = await ask({ path: runs, auth, json: body });
      if (made.status !== 409) return { answer: made, verdict: judge(made, { success: [200, 201], check: holdsValue(id, "dag_run_id") }) };
      const found = await ask({ method: "GET", path: `${runs}/${encodeURIComponent(id)}`, auth });
      if (found.status === 404) return { answer: made, verdict: judge(made) };
      return { answer: found, verdict: judge(found, { success: [], done: [200] }) };
    });
  },
});

type Settings = { readonly airflow: number; readonly username?: string | undefined; readonly token?: string; readonly password?: string };
type Tried = { readonly answer: HttpAnswer; readonly verdict: AttemptResult };

/** Tries with the token at hand, and once more with a new one when that is no longer taken. */
async function withToken<S extends Settings>(call: Call<S>, attempt: (auth: Auth | undefined) => Promise<Tried>): Promise<AttemptResult> {
  const { settings, session } = call;
  const { username, password } = settings;
  if (settings.airflow === 2 || username === undefined || password === undefined) return (await attempt(loginOf(settings))).verdict;
  if (session.token !== undefined) {
    const { answer, verdict } = await attempt({ kind: "bearer", token: session.token });
    if (answer.status !== 401) return verdict;
  }
  const answer = await call.ask({ path: "/auth/token", json: { username, password } });
  const token = valueIn(answer.json, "access_token");
  if (typeof token !== "string") {
    return call.judge(answer, { check: () => ({ problem: "no token in the answer of /auth/token", retry: true }) });
  }
  session.token = token;
  return (await attempt({ kind: "bearer", token })).verdict;
}
