/** The document of `driftd backtest` (`driftd/backtest/v1`) and its text. Pure. */

import { type ModelReport, modelLines } from "./replay-report.ts";
import { type SweptSetting, sweepLines } from "./sweep-report.ts";

export type BacktestDocument = {
  readonly schema: "driftd/backtest/v1";
  /** The file. */
  readonly store: string;
  /** Event time: windows that end in it are judged. */
  readonly time: { readonly from: string; readonly to: string };
  /** What a reader should know: a range beyond what is kept, panes in other bins. */
  readonly notes: readonly string[];
  /** As in `driftd/replay/v1`; each with its summary. */
  readonly models: readonly ModelReport[];
  /** With `--sweep`. */
  readonly sweep?: readonly SweptSetting[];
};

/** The document for people. */
export function formatBacktest(document: BacktestDocument): string {
  const { time, models } = document;
  return `${[`event time ${time.from} to ${time.to}`, ...modelLines(models), ...sweepLines(document)].join("\n")}\n`;
}
