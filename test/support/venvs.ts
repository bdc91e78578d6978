/** Where the real MLflow and Airflow of the tests are: `scripts/install-targets.sh` puts them there. */

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const ENVIRONMENTS = { mlflow: "mlflow-3.17.2", airflow: "airflow-3.3.2" } as const;

/** The path of a program of an environment, e.g. `programIn("mlflow", "mlflow")`. */
export function programIn(environment: keyof typeof ENVIRONMENTS, program: string): string {
  return fileURLToPath(new URL(`../../.cache/venv/${ENVIRONMENTS[environment]}/bin/${program}`, import.meta.url));
}

/** Says in words that an environment is not there, or undefined when it is. */
export function missingFor(environment: keyof typeof ENVIRONMENTS): string | undefined {
  return existsSync(programIn(environment, environment))
    ? undefined
    : `${ENVIRONMENTS[environment]} is not installed: run scripts/install-targets.sh`;
}
