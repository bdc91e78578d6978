/** `driftd compare --format html`: one page that needs nothing else, with both distributions of every column. Pure; everything is escaped. */

import type { FeatureEvaluation, WindowCounts } from "../evaluate/evaluation.ts";
import { coarseCounts, coarseLabels, coarsePlan, referenceCoarse } from "../reference/coarse.ts";
import type { Snapshot, SnapshotFeature } from "../reference/snapshot.ts";
import { type CompareDocument, headline, number, percent, ranked, why } from "./compare-report.ts";

const STYLE = `
:root { color-scheme: light dark; --line: #8884; --reference: #8a94a6; --current: #2f7bd9; --drift: #c62828; --warn: #b26a00; --fine: #2e7d32; }
body { font: 15px/1.45 system-ui, sans-serif; max-width: 68rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.05rem; margin: 0; } .critical { color: var(--drift); } .warning { color: var(--warn); } .no_drift { color: var(--fine); }
section { border-top: 1px solid var(--line); padding: 1rem 0; } dl { display: flex; flex-wrap: wrap; gap: .2rem 1.6rem; margin: .4rem 0; } dt { opacity: .7; } dl div { display: flex; gap: .4rem; } dd { margin: 0; font-variant-numeric: tabular-nums; }
table { border-collapse: collapse; font-size: .85rem; width: 100%; } td, th { text-align: left; padding: .1rem .6rem .1rem 0; font-weight: normal; } th { width: 16rem; overflow-wrap: anywhere; } td { width: 50%; }
i { display: inline-block; height: .55rem; vertical-align: middle; min-width: 1px; } .r { background: var(--reference); } .c { background: var(--current); } small { opacity: .7; }`;

/** The page. `window` holds the counts that were judged. */
export function compareHtml(document: CompareDocument, snapshot: Snapshot, window: WindowCounts): string {
  const byName = new Map(snapshot.features.map((feature, i) => [feature.feature, { feature, offset: window.layout.features[i]!.offset }]));
  const sections = ranked(document.features).map((judged) => {
    const { feature, offset } = byName.get(judged.feature)!;
    return section(judged, feature, coarseCounts(feature, window.counts, offset, new Float64Array(coarsePlan(feature).size)));
  });
  const skipped = document.skipped.map(({ feature, reason }) => `<li>${escapeHtml(feature)} <small>${escapeHtml(reason)}</small></li>`);
  const { reference, current } = document;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>driftd compare</title><style>${STYLE}</style></head><body>
<h1 class="${document.severity ?? document.verdict}">${escapeHtml(headline(document))}</h1>
<dl>${entry("reference", `${reference.source}, ${reference.records} records`)}${entry("current", `${current.source}, ${current.records} records`)}${entry("false alarms", `${document.policy.false_alarm} per comparison`)}</dl>
<p><i class="r" style="width:1rem"></i> reference &nbsp; <i class="c" style="width:1rem"></i> current</p>
${sections.join("\n")}
${skipped.length > 0 ? `<section><h2>Left out</h2><ul>${skipped.join("")}</ul></section>` : ""}
</body></html>
`;
}

function section(judged: FeatureEvaluation, feature: SnapshotFeature, current: Float64Array): string {
  const { statistics } = judged;
  const verdict = judged.verdict === "drift" ? `drift, ${judged.severity}` : judged.verdict === "no_drift" ? "no drift" : "cannot tell";
  const numbers = [
    ["PSI", statistics.psi?.value],
    ["KS", statistics.ks?.value],
    ["G", statistics.g?.value],
    ["Jensen–Shannon", statistics.jensen_shannon?.value],
  ] as const;
  const reference = referenceCoarse(feature);
  const labels = coarseLabels(feature);
  const [m, n] = [sum(reference), sum(current)];
  const top = Math.max(...labels.map((_, k) => Math.max(share(reference[k]!, m), share(current[k]!, n))), Number.MIN_VALUE);
  const rows = labels.map((label, k) => {
    const [p, q] = [share(reference[k]!, m), share(current[k]!, n)];
    return `<tr><th>${escapeHtml(label)}</th><td>${line("r", p, top)}<br>${line("c", q, top)}</td></tr>`;
  });
  return `<section><h2>${escapeHtml(judged.feature)} <span class="${judged.severity ?? judged.verdict}">${verdict}</span></h2>
<p>${escapeHtml(why(judged))}</p>
<dl>${numbers.map(([name, value]) => (value === undefined ? "" : entry(name, number(value)))).join("")}${entry("values", `${judged.reference_count} / ${judged.current_count}`)}${entry("missing", `${judged.missing.reference} / ${judged.missing.current}`)}</dl>
<table>${rows.join("")}</table></section>`;
}

function line(side: "r" | "c", value: number, top: number): string {
  return `<i class="${side}" style="width:${((70 * value) / top).toFixed(1)}%"></i> <small>${percent(value)}</small>`;
}

function entry(name: string, value: string): string {
  return `<div><dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd></div>`;
}

function share(count: number, total: number): number {
  return total > 0 ? count / total : 0;
}

function sum(counts: Float64Array): number {
  return counts.reduce((total, count) => total + count, 0);
}

function escapeHtml(text: string): string {
  const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
  return text.replace(/[&<>"']/g, (character) => entities[character]!);
}
