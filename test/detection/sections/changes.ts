/** Small public data sets that truly changed, and halves of them that did not. */

import { COMPARISONS } from "../compare-tables.ts";
import { table } from "../markdown.ts";
import { REFERENCE_ROWS, type RowWatch } from "../row-streams.ts";
import type { Section } from "./section.ts";

function watched(title: string, { features, rows, referenceFrom, referenceTo, to }: RowWatch): string {
  return `${title}: ${rows.toLocaleString("en-US")} rows to ${to}, reference ${referenceFrom} to ${referenceTo}.

${table(
  ["feature", "first warning", "first critical"],
  features.map(({ feature, warning, critical }) => [feature, warning, critical]),
)}`;
}

export const changesSection: Section = {
  name: "changes",
  title: "Data that truly changed",
  write: async (pool) => {
    const [stocks, strikes, ...compared] = await Promise.all([
      pool.run("watchRows", "sp500-2000"),
      pool.run("watchRows", "birdstrikes"),
      ...COMPARISONS.map((_, index) => pool.run("compareTables", index)),
    ]);
    const rows = compared.map(({ title, rows: [m, n], features }) => {
      const of = (wanted: string) =>
        features
          .filter(({ verdict, severity }) => (severity ?? verdict) === wanted)
          .map(({ feature }) => feature)
          .join(", ");
      return [title, `${m} / ${n}`, of("critical"), of("warning"), of("no_drift"), of("insufficient_data")];
    });
    return `Data sets of \`vega-datasets\` that no threshold was chosen on. As streams, row by row in the order of their dates, where 144 rows stand for a day: reference
of the first ${REFERENCE_ROWS.toLocaleString("en-US")} rows, windows of 144 and 504 rows. A date is that of the last row of the window that ended there.

${watched("S&P 500", stocks)}

${watched("Bird strikes", strikes)}

With \`driftd compare\` at its default of false alarms, features by verdict:

${table(["reference against current", "rows", "critical", "warning", "no drift", "insufficient data"], rows)}`;
  },
};
