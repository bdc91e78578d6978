/**
 * Counts what a record says about the quality of the data beside its features: declared expectations, record by record, and new keys, in the
 * first record of each pane only. Like the hot loop it knows neither panes nor time; without checks it is never called.
 */

import type { DecodedRecord } from "../decode/record.ts";
import { type CompiledChecks, SPECIAL_SLOTS } from "../reference/layout.ts";

/** New keys of one record that are noted. */
const MAX_NEW_KEYS = 50;

const KEPT = 0;
const BROKEN = 1;
const ABSENT = 2 + SPECIAL_SLOTS.indexOf("absent");
const MISSING = 2 + SPECIAL_SLOTS.indexOf("missing");

/** Adds one record to the slots of the checks; `first`: it is the pane's first. */
export function countChecks(counts: Uint32Array, checks: CompiledChecks, record: Readonly<DecodedRecord>, first: boolean): void {
  const { expectations, schema } = checks;
  for (let i = 0; i < expectations.length; i++) {
    const { from, key, shadowed, offset, required, keeps } = expectations[i]!;
    let value: unknown;
    if (from === "features") {
      if (!shadowed || Object.hasOwn(record.features, key)) value = record.features[key];
    } else value = from === "prediction" ? record.prediction : record.signals[key];
    const none = value === undefined ? ABSENT : value === null ? MISSING : -1;
    const slot = none < 0 ? (keeps(value, record) ? KEPT : BROKEN) : required ? BROKEN : none;
    counts[offset + slot]!++;
  }
  if (first && schema !== undefined) countKeys(counts, schema, record);
}

/** One key that is news makes the record one with news; its name is noted in memory. */
function countKeys(counts: Uint32Array, schema: NonNullable<CompiledChecks["schema"]>, record: Readonly<DecodedRecord>): void {
  let news = 0;
  for (const key of Object.keys(record.features)) {
    if (schema.known.has(key)) continue;
    schema.appeared?.add(key);
    if (++news === MAX_NEW_KEYS) break;
  }
  counts[schema.offset + (news > 0 ? BROKEN : KEPT)]!++;
}
