/** A decoded record as a line of a flat table: the event time, the prediction, signals and every feature, as the record had them. Pure. */

import type { DecodedRecord } from "../decode/record.ts";

/** Columns of a table that are the record's own: a feature of such a name cannot be told from them. */
const RECORD_FIELDS = new Set(["id", "model", "version", "timestamp", "label", "prediction"]);

/** The column of a signal; a colon keeps it apart from features, whose names seldom have both marks. */
export function signalColumn(name: string): string {
  return `$signal:${name}`;
}

/** Makes lines of NDJSON. `hidden` collects the features that a table cannot hold, by name. */
export function createRowWriter(signals: readonly string[]): {
  readonly rowOf: (record: Readonly<DecodedRecord>) => string;
  readonly hidden: ReadonlySet<string>;
} {
  const hidden = new Set<string>();
  const keys = new Map<string, string>();
  const keyText = (key: string): string => {
    let text = keys.get(key);
    if (text === undefined) {
      text = `,${JSON.stringify(key)}:`;
      keys.set(key, text);
    }
    return text;
  };
  return {
    hidden,
    rowOf: ({ eventTimeMs, features, prediction, signals: values, longInteger }) => {
      let row = `{"timestamp":"${new Date(eventTimeMs).toISOString()}"`;
      if (prediction !== undefined) row += keyText("prediction") + valueText(prediction, () => longInteger?.("prediction", ""));
      for (const name of signals) if (values[name] !== undefined) row += keyText(signalColumn(name)) + valueText(values[name]);
      for (const key of Object.keys(features)) {
        const value = features[key];
        if (RECORD_FIELDS.has(key)) hidden.add(key);
        else if (value !== undefined) row += keyText(key) + valueText(value, () => longInteger?.("features", key));
      }
      return `${row}}\n`;
    },
  };
}

/** JSON as the message had it: a whole number beyond 2^53 digit for digit, and a number too large for a double too large still. */
function valueText(value: unknown, longText?: () => string | undefined): string {
  if (typeof value !== "number") return JSON.stringify(value);
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "null" : value > 0 ? "1e999" : "-1e999";
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) return longText?.() ?? String(value);
  return Object.is(value, -0) ? "0" : String(value);
}
