/**
 * `npm run detection`: simulates, judges and writes `docs/detection.md`, on two threads.
 *
 *     npm run detection                      everything, ten to twenty minutes on two quiet cores
 *     npm run detection -- --only delays     prints one section (may be repeated), writes nothing
 *     npm run detection -- --share .05       prints all of it from a twentieth of the months and trials, writes nothing
 *     npm run detection -- --quick           computes the small checked part and says whether the committed page has it
 */

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { parseArgs } from "node:util";
import { createPool } from "./pool.ts";
import { quickOf, REPORT, reportOf, SECTIONS } from "./report.ts";
import { quickTables } from "./sections/quick.ts";

const { values } = parseArgs({
  options: {
    share: { type: "string", default: "1" },
    only: { type: "string", multiple: true },
    quick: { type: "boolean", default: false },
  },
});
const names = SECTIONS.map(({ name }) => name);
const unknown = values.only?.find((name) => !names.includes(name));
if (unknown !== undefined) {
  process.stderr.write(`no section ${unknown}; there are ${names.join(", ")}\n`);
  process.exit(2);
}
if (values.quick) await checkQuick();
else await writeSections(values.only, Number(values.share));

async function checkQuick(): Promise<void> {
  const committed = quickOf(await readFile(REPORT, "utf8").catch(() => ""));
  const quick = quickTables();
  process.stdout.write(`${quick}\n`);
  if (quick === committed) return;
  process.stderr.write(`${REPORT} has other numbers: run \`npm run detection\`\n`);
  process.exitCode = 1;
}

async function writeSections(only: readonly string[] | undefined, share: number): Promise<void> {
  const pool = createPool();
  const began = performance.now();
  const wanted = SECTIONS.filter(({ name }) => only === undefined || only.includes(name));
  try {
    const texts = new Map(
      await Promise.all(
        wanted.map(async ({ name, write }) => {
          const text = await write(pool, share);
          const { done, given } = pool.progress();
          process.stderr.write(`${name}: done after ${Math.round((performance.now() - began) / 1000)} s; ${done} of ${given} jobs\n`);
          return [name, text] as const;
        }),
      ),
    );
    if (only === undefined && share === 1) {
      await mkdir(dirname(REPORT), { recursive: true });
      await writeFile(REPORT, reportOf(texts, quickTables()));
      process.stderr.write(`wrote ${REPORT}\n`);
    } else process.stdout.write(`${wanted.map(({ name, title }) => `## ${title}\n\n${texts.get(name)!}`).join("\n\n")}\n`);
  } finally {
    await pool.close();
  }
}
