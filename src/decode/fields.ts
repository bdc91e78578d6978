/** From a parsed object to a record: shared by every decoder that ends in one object per record. */

import { eventTimeMs } from "./event-time.ts";
import { type FieldPath, valueAt } from "./paths.ts";
import type { DecodedRecord, DecodeProblem } from "./record.ts";

/** Paths of the record's fields; the defaults are the names themselves, and the empty path is the record itself. */
export type FieldPaths = {
  readonly id: FieldPath;
  readonly model: FieldPath;
  readonly version: FieldPath;
  readonly timestamp: FieldPath;
  readonly features: FieldPath;
  readonly prediction: FieldPath;
  readonly label: FieldPath;
  /** Signals by name: letters, digits and `_`. */
  readonly signals?: ReadonlyMap<string, FieldPath>;
};

export const DEFAULT_PATHS: FieldPaths = {
  id: ["id"],
  model: ["model"],
  version: ["version"],
  timestamp: ["timestamp"],
  features: ["features"],
  prediction: ["prediction"],
  label: ["label"],
};

/** Fills `into` from a parsed object. `transportMs` replaces the record's own event time when it is not undefined. */
export type FieldReader = (root: unknown, transportMs: number | undefined, into: DecodedRecord) => DecodeProblem | undefined;

/**
 * Compiles the paths. A value that is no object, a `features` that is none, or a model or version that is neither text nor number is a
 * `schema_error`; no readable event time is `no_timestamp`.
 */
export function createFieldReader(paths: FieldPaths): FieldReader {
  const id = compile(paths.id);
  const model = compile(paths.model);
  const version = compile(paths.version);
  const timestamp = compile(paths.timestamp);
  const features = compile(paths.features);
  const prediction = compile(paths.prediction);
  const label = compile(paths.label);
  const signalNames = [...(paths.signals?.keys() ?? [])];
  const signals = signalNames.map((name) => compile(paths.signals!.get(name)!));
  return (root, transportMs, into) => {
    if (typeof root !== "object" || root === null || Array.isArray(root)) return "schema_error";
    const inputs = features(root);
    if (typeof inputs !== "object" || inputs === null || Array.isArray(inputs)) return "schema_error";
    const modelName = model(root);
    if (typeof modelName === "string") into.model = modelName;
    else if (modelName === undefined || modelName === null) into.model = undefined;
    else if (typeof modelName === "number") into.model = String(modelName);
    else return "schema_error";
    const versionName = version(root);
    if (typeof versionName === "string") into.version = versionName;
    else if (versionName === undefined || versionName === null) into.version = "";
    else if (typeof versionName === "number") into.version = String(versionName);
    else return "schema_error";
    const timeMs = transportMs === undefined ? eventTimeMs(timestamp(root)) : transportMs;
    if (!(Math.abs(timeMs) <= 8.64e15)) return "no_timestamp";
    into.eventTimeMs = timeMs;
    const recordId = id(root);
    into.id = typeof recordId === "string" || Number.isSafeInteger(recordId) ? (recordId as string | number) : undefined;
    into.features = inputs as Readonly<Record<string, unknown>>;
    into.prediction = prediction(root);
    into.label = label(root);
    for (let i = 0; i < signals.length; i++) into.signals[signalNames[i]!] = signals[i]!(root);
    return undefined;
  };
}

/** One key that `Object.prototype` does not have needs no own-key check: the common case, and the fast one. */
function compile(path: FieldPath): (root: object) => unknown {
  const [key] = path;
  if (path.length === 0) return (root) => root;
  if (path.length === 1 && key !== undefined && !(key in Object.prototype)) return (root) => (root as Record<string, unknown>)[key];
  return (root) => valueAt(root, path);
}
