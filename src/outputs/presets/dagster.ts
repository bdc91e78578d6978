/**
 * Dagster: a run of a job by GraphQL. Its answers are 200 whatever happens, so `__typename` is read. It has no idempotency of its own: the run
 * has the message's id as a tag and is looked for first.
 */

import { NO_PARAMETERS, templateMap } from "../../config/output-options.ts";
import { text } from "../../config/scalars.ts";
import type { HttpAnswer, Objection } from "../answer.ts";
import { TRAINING_MESSAGES } from "../output.ts";
import { definePreset } from "../preset.ts";
import { render } from "../template.ts";
import { valueIn } from "./checks.ts";

const TAG = "driftd/message";
const FIND = "query($filter: RunsFilter!) { runsOrError(filter: $filter, limit: 1) { __typename ... on Runs { results { runId } } } }";
const LAUNCH =
  "mutation($executionParams: ExecutionParams!) { launchRun(executionParams: $executionParams) { __typename ... on LaunchRunSuccess { run { runId } } } }";

/** What no repetition mends: the job, its configuration or the rights are wrong. */
const FINAL = new Set([
  "RunConfigValidationInvalid",
  "PipelineNotFoundError",
  "UnauthorizedError",
  "InvalidSubsetError",
  "ConflictingExecutionParamsError",
]);

export const dagster = definePreset({
  type: "dagster",
  description: "A run of a job in Dagster.",
  options: {
    location: text("Code location of the job."),
    repository: text("Repository of the job.").default("__repository__"),
    job: text("The job."),
    run_config: templateMap("Run configuration, a template.", NO_PARAMETERS),
  },
  secrets: {
    url: { description: "Address of the web server or of the deployment, without `/graphql` (never shown).", required: true },
    token: { description: "User token of Dagster Cloud (a secret)." },
  },
  templates: ["run_config"],
  accepts: () => TRAINING_MESSAGES,
  onTest: "starts a real run of the job",
  attempt: async ({ settings, message, root, ask, judge }) => {
    const headers: Record<string, string> = settings.token === undefined ? {} : { "dagster-cloud-api-token": settings.token };
    const graphql = (query: string, variables: unknown) => ask({ path: "/graphql", headers, json: { query, variables } });
    const found = await graphql(FIND, { filter: { tags: [{ key: TAG, value: message.id }] } });
    const looked = judge(found, { success: [200], check: expects("runsOrError", "Runs") });
    if (!looked.ok) return looked;
    if (valueIn(found.json, "data", "runsOrError", "results", 0, "runId") !== undefined) return judge(found, { done: [200] });
    const launched = await graphql(LAUNCH, {
      executionParams: {
        selector: { repositoryLocationName: settings.location, repositoryName: settings.repository, jobName: settings.job },
        runConfigData: render(settings.run_config, root),
        executionMetadata: { tags: [{ key: TAG, value: message.id }] },
      },
    });
    return judge(launched, { success: [200], check: expects("launchRun", "LaunchRunSuccess") });
  },
});

function expects(field: string, typename: string): (answer: HttpAnswer) => Objection | undefined {
  return ({ json }) => {
    const got = valueIn(json, "data", field, "__typename");
    if (got === typename) return undefined;
    if (typeof got !== "string") return { problem: `the answer has no ${field}`, retry: true };
    return { problem: `Dagster answered ${got}`, retry: !FINAL.has(got) };
  };
}
