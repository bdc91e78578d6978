/** The rendered chart, as objects. */

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { chartFolder } from "../../scripts/chart.ts";
import { type HelmRelease, helmPath, type Ran, run } from "./tools.ts";

/** A Kubernetes object, as far as these tests look into it. */
export type KubeObject = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  // biome-ignore lint/suspicious/noExplicitAny: a different shape for each kind; strict schemas check it elsewhere
  readonly [key: string]: any;
};

/** The values files that a release must render. */
export const valuesFiles = readdirSync(join(chartFolder, "ci"))
  .filter((name) => name.endsWith("-values.yaml"))
  .sort();

/** `helm template` of one of `valuesFiles`. */
export function template(release: HelmRelease, values: string, args: readonly string[] = [], chart = chartFolder): Ran {
  return run(helmPath(release), ["template", "watch", chart, "--namespace", "ml", "--values", join(chartFolder, "ci", values), ...args]);
}

const rendered = new Map<string, string>();

/** The objects of `helm template`, made once; throws its error. */
export function render(release: HelmRelease, values: string, args: readonly string[] = [], chart = chartFolder): KubeObject[] {
  const key = JSON.stringify([release, values, args, chart]);
  let text = rendered.get(key);
  if (text === undefined) {
    const { code, stdout, stderr } = template(release, values, args, chart);
    if (code !== 0) throw new Error(stderr);
    rendered.set(key, stdout);
    text = stdout;
  }
  return objectsOf(text);
}

/** The objects of a YAML stream. Throws at what is no YAML, a key that stands twice among it. */
export function objectsOf(text: string): KubeObject[] {
  const documents = parseAllDocuments(text, { strict: true, uniqueKeys: true });
  if (!Array.isArray(documents)) return [];
  return documents
    .map((document) => {
      if (document.errors[0] !== undefined) throw document.errors[0];
      return document.toJS() as KubeObject | null;
    })
    .filter((object) => object !== null);
}

/** The only object of a kind; throws when there is none or more than one. */
export function only(objects: readonly KubeObject[], kind: string): KubeObject {
  const found = objects.filter((object) => object.kind === kind);
  if (found.length !== 1 || found[0] === undefined) throw new Error(`${found.length} objects of kind ${kind}`);
  return found[0];
}

/** Every pod that the chart makes, by the object that makes it. */
export function podSpecs(objects: readonly KubeObject[]): { readonly owner: string; readonly spec: KubeObject["spec"] }[] {
  return objects.flatMap((object) => {
    const spec = object.kind === "Pod" ? object["spec"] : object["spec"]?.template?.spec;
    return spec?.containers === undefined ? [] : [{ owner: `${object.kind} ${object.metadata.name}`, spec }];
  });
}
