/** Checks that a parsed JSON value is a snapshot that this driftd can use. Written by hand: a file of some megabytes is checked in milliseconds. */

import { DriftdError } from "../lib/errors.ts";
import { featureLayoutHash } from "./compile.ts";
import type { FeatureRole, Snapshot, SnapshotFeature } from "./snapshot.ts";
import { checkDerived } from "./validate-derived.ts";

type Fields = Readonly<Record<string, unknown>>;

/**
 * Returns the value as a snapshot; unknown fields are kept. Throws `REFERENCE_INVALID` naming the first field that is wrong, with its value,
 * or `REFERENCE_VERSION_UNKNOWN` for a snapshot of another format version.
 */
export function validateSnapshot(value: unknown, path: string): Snapshot {
  const fail = (field: string, fact: string): never => {
    throw new DriftdError("REFERENCE_INVALID", `${path}: ${field} ${fact}`, { hint: "Build the reference again: driftd reference build." });
  };
  const check = (ok: boolean, field: string, expected: string, found: unknown): void => {
    if (!ok) fail(field, `should be ${expected}, is ${shortly(found)}`);
  };
  if (!isFields(value)) return fail("the file", `should hold an object, holds ${shortly(value)}`);
  if (value["schema"] !== "driftd/reference/v1") {
    if (typeof value["schema"] === "string" && value["schema"].startsWith("driftd/reference/")) {
      throw new DriftdError("REFERENCE_VERSION_UNKNOWN", `${path}: is of format ${value["schema"]}, which this driftd does not know`, {
        hint: "Use the version of driftd that built it, or build it again.",
      });
    }
    fail("schema", `should be "driftd/reference/v1", is ${shortly(value["schema"])}: the file is no reference snapshot`);
  }
  check(typeof value["digest"] === "string", "digest", "text", value["digest"]);
  check(isName(value["model"]), "model", "a name", value["model"]);
  check(value["version"] === undefined || typeof value["version"] === "string", "version", "text", value["version"]);
  check(isCount(value["records"]), "records", "a whole number", value["records"]);
  check(isFields(value["provenance"]), "provenance", "an object", value["provenance"]);
  if (!Array.isArray(value["features"])) return fail("features", `should be a list, is ${shortly(value["features"])}`);

  const names = new Set<string>();
  for (const [i, feature] of (value["features"] as unknown[]).entries()) {
    const at = `features[${i}]`;
    if (!isFields(feature)) return fail(at, `should be an object, is ${shortly(feature)}`);
    check(isName(feature["feature"]), `${at}.feature`, "a name", feature["feature"]);
    check(!names.has(feature["feature"] as string), `${at}.feature`, "a name that no other feature has", feature["feature"]);
    names.add(feature["feature"] as string);
    checkFeature(feature, at, check);
  }
  checkDerived(value["derived"], value["features"] as SnapshotFeature[], check);
  const { ignored } = value;
  check(ignored === undefined || isListOf(ignored, (name) => typeof name === "string"), "ignored", "a list of names", ignored);
  if (value["calibration"] !== undefined) checkCalibration(value["calibration"], check);
  if (value["renewal"] !== undefined) checkRenewal(value["renewal"], check);
  return value as unknown as Snapshot;
}

const ROLES: ReadonlySet<unknown> = new Set<FeatureRole>(["feature", "prediction", "signal", "derived"]);

/** Throws unless `ok`: the field, what it should be, and what was found. */
export type Check = (ok: boolean, field: string, expected: string, found: unknown) => void;

function checkFeature(feature: Fields, at: string, check: Check): void {
  const { kind, role, counts, coarse, layout } = feature;
  check(ROLES.has(role), `${at}.role`, [...ROLES].join(", "), role);
  if (role === "signal") {
    check(
      /^\$[A-Za-z]\w*$/.test(feature["feature"] as string),
      `${at}.feature`,
      "the name of a signal, such as $latency",
      feature["feature"],
    );
    check(kind === "numeric", `${at}.kind`, "numeric for a signal", kind);
  }
  for (const field of ["count", "missing", "wrong_type"])
    check(isCount(feature[field]), `${at}.${field}`, "a whole number", feature[field]);
  check(isListOf(counts, isCount), `${at}.counts`, "a list of whole numbers", counts);
  const bins = (counts as unknown[]).length;
  check(isListOf(coarse, isCount) && coarse.length === bins, `${at}.coarse`, `a list of ${bins} bins`, coarse);
  check(isDense(coarse as number[]), `${at}.coarse`, "numbers that leave no bin out", coarse);
  if (kind === "numeric") {
    const { edges, round, moments, means } = feature;
    check(
      isListOf(edges, Number.isFinite) && edges.length === bins - 1 && edges.length > 0,
      `${at}.edges`,
      `a list of ${bins - 1} numbers`,
      edges,
    );
    check(
      (edges as number[]).every((edge, j, all) => j === 0 || edge > all[j - 1]!),
      `${at}.edges`,
      "ascending",
      edges,
    );
    check(round === null || round === "float32", `${at}.round`, "null or float32", round);
    for (const field of ["nan", "positive_infinity", "negative_infinity"]) {
      check(isCount(feature[field]), `${at}.${field}`, "a whole number", feature[field]);
    }
    check(
      isFields(moments) && [moments["count"], moments["mean"], moments["m2"]].every(Number.isFinite),
      `${at}.moments`,
      "count, mean and m2",
      moments,
    );
    check(
      means === undefined || (isListOf(means, (mean) => mean === null || Number.isFinite(mean)) && means.length === bins),
      `${at}.means`,
      `a list of ${bins} numbers`,
      means,
    );
    checkEdgeLists(feature["psi_bins"], `${at}.psi_bins`, check);
  } else {
    check(kind === "categorical", `${at}.kind`, "numeric or categorical", kind);
    const { categories, seen_once: seenOnce, unnamed } = feature;
    check(
      isListOf(categories, (name) => typeof name === "string") && categories.length === bins,
      `${at}.categories`,
      `a list of ${bins} texts`,
      categories,
    );
    check(new Set(categories as string[]).size === bins, `${at}.categories`, "different texts", categories);
    check(isCount(seenOnce), `${at}.seen_once`, "a whole number", seenOnce);
    check(unnamed === undefined || isCount(unnamed), `${at}.unnamed`, "a whole number", unnamed);
  }
  const expected = featureLayoutHash(feature as unknown as SnapshotFeature);
  check(layout === expected, `${at}.layout`, `"${expected}" for these bins`, layout);
}

function checkEdgeLists(lists: unknown, at: string, check: Check): void {
  if (lists === undefined) return;
  check(isFields(lists), at, "an object", lists);
  for (const [name, edges] of Object.entries(lists as Fields)) {
    const ascending =
      isListOf(edges, Number.isFinite) &&
      edges.length > 0 &&
      edges.every((edge, j) => j === 0 || (edge as number) >= (edges[j - 1] as number));
    check(ascending, `${at}[${JSON.stringify(name)}]`, "ascending numbers", edges);
  }
}

function checkCalibration(calibration: unknown, check: Check): void {
  check(isFields(calibration), "calibration", "an object", calibration);
  const { days, slot_seconds: slotSeconds, from, records, slots } = calibration as Fields;
  check(isCount(days), "calibration.days", "a whole number", days);
  check(typeof slotSeconds === "number" && slotSeconds > 0, "calibration.slot_seconds", "a positive number", slotSeconds);
  check(typeof from === "string" && Number.isFinite(Date.parse(from)), "calibration.from", "a time", from);
  check(records === undefined || isListOf(records, isCount), "calibration.records", "a list of whole numbers", records);
  check(isFields(slots), "calibration.slots", "an object", slots);
  for (const [feature, list] of Object.entries(slots as Fields)) {
    check(
      isListOf(list, (slot) => isListOf(slot, isCount)),
      `calibration.slots[${JSON.stringify(feature)}]`,
      "lists of whole numbers",
      list,
    );
  }
}

function checkRenewal(renewal: unknown, check: Check): void {
  check(isFields(renewal), "renewal", "an object", renewal);
  const { ordinal, previous, first } = renewal as Fields;
  check(isCount(ordinal), "renewal.ordinal", "a whole number", ordinal);
  check(typeof previous === "string", "renewal.previous", "text", previous);
  check(isFields(first), "renewal.first", "an object", first);
  const { digest, created_at: createdAt, features } = first as Fields;
  check(typeof digest === "string", "renewal.first.digest", "text", digest);
  check(typeof createdAt === "string", "renewal.first.created_at", "text", createdAt);
  check(isFields(features), "renewal.first.features", "an object", features);
  for (const [feature, found] of Object.entries(features as Fields)) {
    const counts = isFields(found) ? found["counts"] : undefined;
    check(isListOf(counts, isCount), `renewal.first.features[${JSON.stringify(feature)}].counts`, "a list of whole numbers", counts);
  }
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isName(value: unknown): boolean {
  return typeof value === "string" && value !== "";
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isListOf(value: unknown, member: (item: unknown) => boolean): value is readonly unknown[] {
  return Array.isArray(value) && value.every(member);
}

/** Every number from 0 to the greatest occurs, so that each coarse bin has a fine one; a list of none is fine. */
function isDense(coarse: readonly number[]): boolean {
  const seen = new Set(coarse);
  return coarse.every((bin) => bin < seen.size);
}

function shortly(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
