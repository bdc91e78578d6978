/**
 * The traffic of the benches: JSON records of about 860 bytes with 20 numeric and 5 categorical features, made from a seed, and the snapshot
 * of a reference that they fit. No drift in it: what is measured is the work, not the alarm.
 */

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { buildSnapshot } from "../../src/reference/build.ts";
import type { Snapshot } from "../../src/reference/snapshot.ts";
import { MODEL, TRAFFIC_FROM_MS, VERSION } from "./model.ts";

const REFERENCE_DAYS = 14;
const DAY_MS = 86_400_000;
const REFERENCE_FROM_MS = TRAFFIC_FROM_MS - REFERENCE_DAYS * DAY_MS;

/** Numbers in [0, 1) from a seed (mulberry32). */
export function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Standard normal. */
export function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

type Features = Record<string, number | string | null>;

const COUNTRIES = ["US", "DE", "FR", "GB", "IN", "BR", "JP", "CA", "AU", "NL", "SE", "PL"];
const CHANNELS = ["web", "app", "pos", "phone", "branch"];
const pick = (random: () => number, from: readonly string[]) => from[Math.floor(random() * random() * from.length)]!;

/** What models are fed with: amounts, counts, ages in seconds, shares, raw scores of other models, a few nulls. */
function features(random: () => number): Features {
  const amount = Math.exp(3.5 + 1.2 * normal(random));
  const row: Features = {
    amount: Math.round(amount * 100) / 100,
    amount_mean_30d: Math.round(amount * Math.exp(0.4 * normal(random)) * 100) / 100,
    amount_to_mean: Math.exp(0.4 * normal(random)),
    balance: Math.round(Math.exp(7 + 1.5 * normal(random)) * 100) / 100,
    transactions_1h: Math.floor(-1.5 * Math.log(1 - random())),
    transactions_24h: Math.floor(-8 * Math.log(1 - random())),
    transactions_7d: Math.floor(-40 * Math.log(1 - random())),
    customer_age: 18 + Math.floor(60 * random() * random()),
    account_age_seconds: Math.floor(-3e7 * Math.log(1 - random())),
    seconds_since_last: Math.floor(-9e4 * Math.log(1 - random())),
    distance_km: -120 * Math.log(1 - random()),
    speed_kmh: random() < 0.02 ? null : Math.abs(60 * normal(random)),
    hour: Math.floor(24 * random()),
    merchant_embedding_0: normal(random),
    merchant_embedding_1: normal(random),
    merchant_embedding_2: normal(random),
    merchant_embedding_3: normal(random),
    device_trust_score: random(),
    ip_address_risk: random() * random(),
    share_declined: random() < 0.7 ? 0 : random() * 0.3,
    billing_country: pick(random, COUNTRIES),
    sales_channel: pick(random, CHANNELS),
    merchant_group: `m${Math.floor(200 * random() * random())}`,
    currency: pick(random, ["USD", "EUR", "GBP", "INR", "BRL", "JPY"]),
    card_network: pick(random, ["visa", "mastercard", "amex"]),
  };
  return row;
}

/** A record at an event time, as the topic holds it. */
export function createRecords(seed: number): (timeMs: number) => string {
  const random = createRandom(seed);
  let count = 0;
  const hex = (digits: number) =>
    Math.floor(random() * 16 ** digits)
      .toString(16)
      .padStart(digits, "0");
  return (timeMs) =>
    JSON.stringify({
      id: `${hex(8)}-${hex(4)}-4${hex(3)}-a${hex(3)}-${(count++).toString(16).padStart(12, "0")}`,
      model: MODEL,
      version: VERSION,
      timestamp: new Date(timeMs).toISOString(),
      features: features(random),
      prediction: random(),
    });
}

/** Builds the calibrated reference of the traffic: `rows` rows over two weeks. Writes its table into `folder`. */
export async function buildReference(folder: string, rows = 60_000): Promise<Snapshot> {
  const random = createRandom(7);
  const lines: string[] = [];
  for (let i = 0; i < rows; i++) {
    const timeMs = REFERENCE_FROM_MS + Math.floor((i * REFERENCE_DAYS * DAY_MS) / rows);
    lines.push(JSON.stringify({ timestamp: new Date(timeMs).toISOString(), ...features(random) }));
  }
  const input = join(folder, "reference.ndjson");
  await writeFile(input, `${lines.join("\n")}\n`);
  const { snapshot } = await buildSnapshot({
    input,
    model: MODEL,
    version: VERSION,
    timestamp: "timestamp",
    nowMs: TRAFFIC_FROM_MS,
    driftd: "bench",
  });
  return snapshot;
}
