/** Reads the committed dashboards as Grafana would: panels of folded rows too, variables put in for their names. */

import { readFileSync } from "node:fs";
import { dashboards } from "../../dashboards/index.ts";

export type Target = {
  readonly refId: string;
  readonly expr: string;
  readonly legendFormat: string;
  readonly instant: boolean;
  readonly format: string;
};
type GridPos = { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
export type Panel = {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: GridPos;
  readonly datasource?: { readonly type: string; readonly uid: string };
  readonly targets?: readonly (Target & { readonly datasource: { readonly uid: string } })[];
  readonly fieldConfig?: {
    readonly defaults: { readonly unit?: string; readonly links?: readonly { readonly url: string }[] };
    readonly overrides: readonly unknown[];
  };
  readonly transformations?: readonly { readonly id: string; readonly options: Record<string, Record<string, unknown>> }[];
  readonly collapsed?: boolean;
  readonly panels?: readonly Panel[];
  readonly repeat?: string;
};
export type Variable = {
  readonly name: string;
  readonly type: string;
  readonly label: string;
  readonly query: string | { readonly query: string };
  readonly datasource?: { readonly uid: string };
  readonly refresh?: number;
  readonly multi?: boolean;
  readonly includeAll?: boolean;
  readonly allValue?: string;
};
export type Annotation = { readonly name: string; readonly expr: string; readonly textFormat: string; readonly useValueForTime: boolean };
export type Board = {
  readonly uid: string;
  readonly title: string;
  readonly editable: boolean;
  readonly schemaVersion: number;
  readonly graphTooltip: number;
  readonly tags: readonly string[];
  readonly templating: { readonly list: readonly Variable[] };
  readonly annotations: { readonly list: readonly Annotation[] };
  readonly panels: readonly Panel[];
};

/** Each committed file: its name, its text, and what Grafana makes of it. */
export const files = Object.keys(dashboards).map((name) => {
  const text = readFileSync(new URL(`../../dashboards/${name}.json`, import.meta.url), "utf8");
  return { name, text, board: JSON.parse(text) as Board };
});

/** Panels that show something, those of folded rows too. */
export function panelsOf(board: Board): readonly Panel[] {
  return board.panels.flatMap((panel) => (panel.type === "row" ? (panel.panels ?? []) : [panel]));
}

/** Names of variables in a text: `$name`, `${name}`, `${name:format}`. */
export function variablesIn(text: string): readonly string[] {
  return [...text.matchAll(/\$(?:\{([\w.]+)(?::\w+)?\}|(\w+))/g)].map(([, inBraces, plain]) => (inBraces ?? plain) as string);
}

/** A text with values in the place of variables. Throws at one that has none. */
export function substitute(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(/\$(?:\{([\w.]+)(?::\w+)?\}|(\w+))/g, (whole, inBraces, plain) => {
    const value = values[inBraces ?? plain];
    if (value === undefined) throw new Error(`${whole} has no value in ${text}`);
    return value;
  });
}

/** The query of a variable, in its two parts. Undefined: it is none that is asked of Prometheus. */
export function labelValues(variable: Variable): { readonly selector: string; readonly label: string } | undefined {
  if (variable.type !== "query" || typeof variable.query === "string") return undefined;
  const [, selector, label] = /^label_values\((.+), (\w+)\)$/.exec(variable.query.query) ?? [];
  return selector === undefined || label === undefined ? undefined : { selector, label };
}
