/**
 * The page's script, as text: plain JavaScript without back-ticks. It reads the public API, asks it only for what a button says, and puts text into the document as text
 * (never as markup), since names come from users. Over 250 lines, because one file is one request and needs no loader.
 */

export const script = String.raw`"use strict";
const REFRESH_MS = 10000, ROWS = 12;
const SVG = "http://www.w3.org/2000/svg";
const state = { selected: {}, details: new Map(), shown: new Map(), failing: false };

const REASONS = {
  shift: "the distribution has shifted", bin: "one bin has moved", out_of_range: "values outside the reference's range",
  gap: "values that the reference never had", unseen: "categories that the reference never had", location: "the values have moved",
  threshold: "a fixed threshold was crossed", slow: "far from the first reference", within_noise: "within the noise of the reference",
  below_effect_floor: "a difference too small to matter", no_reference: "no reference for this version",
  too_few_values: "too few values", thin_window: "far fewer values than usual", low_coverage: "too much of the window is empty",
  empty_reference: "the reference has no values", reference_changed: "the reference has changed, the window is filling",
  source_stalled: "a source is stalled", overflow: "the numbers are too large", not_evaluated: "not evaluated yet"
};
const PHASES = { inactive: "Quiet", pending: "Drift seen, waiting for it to last", firing: "Drift" };
const CHECKS = {
  missing: "missing", nan: "NaN", infinite: "infinite", wrong_type: "wrong type", out_of_range: "out of range", unseen: "unseen categories",
  constant: "stuck on one value", vanished: "the key has vanished", appeared: "new keys", not_null: "expected not null", type: "expected type",
  between: "expected range", in_set: "expected values", matches: "expected pattern", volume: "number of records", silence: "silence", duplicates: "repeated ids"
};
const checkName = (check) => CHECKS[check] || check;
const STATISTICS = {
  psi: "PSI", kl: "KL", kl_reverse: "KL, reversed", ks: "KS", g: "G", chi_square: "Chi-square", jensen_shannon: "Jensen\u2013Shannon",
  hellinger: "Hellinger", total_variation: "Total variation", wasserstein: "Wasserstein", area_gap: "Area gap"
};

// ---- small things -------------------------------------------------------------------------------

function h(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(9).filter((child) => child !== undefined && child !== null && child !== false));
  return node;
}

function s(tag, attributes, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

const minus = (text) => text.replace(/^-/, "\u2212").replace(/e-/, "e\u2212");
function num(x) {
  if (x === undefined || x === null) return "\u2013";
  if (Number.isInteger(x)) return minus(x.toLocaleString("en"));
  const size = Math.abs(x);
  if (size >= 100 && size < 1e7) return minus(Math.round(x).toLocaleString("en"));
  return minus(size >= 1e7 || size < 0.001 ? x.toExponential(1) : String(Number(x.toPrecision(3))));
}
const share = (x) => (x === undefined ? "\u2013" : (100 * x).toFixed(x < 0.0995 ? 1 : 0) + "\u00a0%");

function duration(seconds) {
  for (const [unit, size, next, small] of [["d", 86400, "h", 3600], ["h", 3600, "min", 60], ["min", 60, "s", 1]]) {
    if (seconds >= size) {
      const rest = Math.floor((seconds % size) / small);
      return Math.floor(seconds / size) + "\u00a0" + unit + (rest > 0 ? " " + rest + "\u00a0" + next : "");
    }
  }
  return Math.floor(seconds) + "\u00a0s";
}

const day = new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", day: "numeric", month: "short", year: "numeric" });
const clock = new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", hour: "2-digit", minute: "2-digit" });
function when(iso) {
  if (!iso) return "\u2013";
  const date = new Date(iso);
  return h("time", { datetime: iso, title: iso }, day.format(date) + ", " + clock.format(date));
}

function levelOf(judged) {
  if (judged.verdict === "drift") return judged.severity || "warning";
  return judged.verdict === "no_drift" ? "calm" : "unknown";
}
const LEVELS = { critical: "Drift", warning: "Warning", calm: "No drift", unknown: "Cannot tell" };
const pill = (level, text) => h("span", { class: "pill " + level }, text);
const versionName = (version) => (version === "" ? "no version" : "version " + version);
const path = (...parts) => "/api/v1/" + parts.map(encodeURIComponent).join("/");

async function get(url) {
  const answer = await fetch(url, { headers: { Accept: "application/json" } });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.detail || answer.statusText);
  return body;
}

// Asks for something; where the daemon wants a token, a person is asked for it, and it is kept in this page's memory alone.
async function post(url) {
  for (;;) {
    const answer = await fetch(url, { method: "POST", headers: state.token ? { Authorization: "Bearer " + state.token } : {} });
    if (answer.ok) break;
    const problem = await answer.json();
    if (answer.status === 401) {
      state.token = (prompt("The token of this daemon (http.token):") || "").trim();
      if (state.token) continue;
    } else alert(problem.detail + (problem.hint ? "\n" + problem.hint : ""));
    break;
  }
  refresh();
}

// Replaces a section's content only when what it shows has changed, and keeps the focus where it was.
function show(id, data, build) {
  const key = JSON.stringify(data);
  if (state.shown.get(id) === key) return;
  state.shown.set(id, key);
  const focused = document.activeElement && document.activeElement.dataset.key;
  document.getElementById(id).replaceChildren(...[build(data)].flat());
  if (focused) for (const node of document.querySelectorAll("[data-key]")) if (node.dataset.key === focused) { node.focus(); break; }
}

// ---- what is selected, kept in the address ------------------------------------------------------

function readAddress() {
  state.selected = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
}
function select(change) {
  const next = new URLSearchParams(Object.entries({ ...state.selected, ...change }).filter(([, value]) => value !== undefined));
  history.replaceState(null, "", "#" + next);
  readAddress();
  refresh();
}

// ---- pictures -----------------------------------------------------------------------------------

// Both distributions over the same bins: the reference as an area of bars, the window as narrower bars before it.
function sparkline(bins) {
  const width = 132, height = 30, step = width / bins.length;
  const top = Math.max(...bins.map((bin) => Math.max(bin.reference_share, bin.current_share || 0)), 1e-9);
  const image = s("svg", { class: "spark", viewBox: "0 0 " + width + " " + height, "aria-hidden": "true" });
  bins.forEach((bin, i) => {
    const then = (bin.reference_share / top) * height, now = ((bin.current_share || 0) / top) * height;
    image.append(
      s("rect", { class: "then", x: i * step + 0.5, y: height - then, width: step - 1, height: then }),
      s("rect", { class: "now", x: i * step + step * 0.28, y: height - now, width: step * 0.44, height: now })
    );
  });
  return image;
}

// Where 1, the limit, stands in the middle; what is beyond is squeezed into the right half.
function meter(score, level) {
  const at = score === undefined ? 0 : score <= 1 ? score / 2 : 1 - 1 / (2 * score);
  return s("svg", { class: "meter " + level, viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" },
    s("rect", { class: "track", x: 0, y: 3, width: 100, height: 4 }),
    s("rect", { class: "fill", x: 0, y: 3, width: 100 * at, height: 4 }),
    s("rect", { class: "limit", x: 49.5, y: 0, width: 1, height: 10 }));
}

function bars(detail) {
  const shown = detail.bins.length <= 24 ? detail.bins
    : detail.bins.map((bin, i) => [bin, i]).sort(([a], [b]) => Math.max(b.reference_share, b.current_share || 0) - Math.max(a.reference_share, a.current_share || 0))
      .slice(0, 24).sort(([, a], [, b]) => a - b).map(([bin]) => bin);
  const top = Math.max(...shown.map((bin) => Math.max(bin.reference_share, bin.current_share || 0)), 1e-9);
  const row = (bin) => h("tr", { class: (bin.special ? "special" : "") + (detail.bin === bin.label ? " culprit" : "") },
    h("th", { scope: "row", title: bin.label }, bin.label.replace(/_/g, bin.special ? " " : "_")),
    h("td", { class: "bars" }, s("svg", { viewBox: "0 0 100 16", preserveAspectRatio: "none", "aria-hidden": "true" },
      s("rect", { class: "then", x: 0, y: 0.5, width: (100 * bin.reference_share) / top, height: 7 }),
      s("rect", { class: "now", x: 0, y: 8.5, width: (100 * (bin.current_share || 0)) / top, height: 7 }))),
    h("td", { class: "number then" }, share(bin.reference_share)), h("td", { class: "number now" }, share(bin.current_share)));
  const rest = detail.bins.length - shown.length;
  return h("table", { class: "distribution" },
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, detail.kind === "numeric" ? "Bin" : "Category"), h("th", {}, ""),
      h("th", { scope: "col", class: "number then" }, "Reference"), h("th", { scope: "col", class: "number now" }, "Window"))),
    h("tbody", {}, shown.map(row)),
    rest > 0 && h("tfoot", {}, h("tr", {}, h("td", { colspan: 4 }, rest + " smaller bins are not shown"))));
}

// ---- sections -----------------------------------------------------------------------------------

function header(status) {
  document.getElementById("build").replaceChildren(status.version + " \u00b7 up " + duration(status.uptime_seconds));
  const failing = status.checks.filter((check) => !check.ok);
  const title = failing.map((check) => check.check.replace(/_/g, " ") + (check.detail ? ": " + check.detail : "")).join("\n");
  show("ready", [status.ready, title], () => h("span", { title: title || "every check is fine" }, pill(status.ready ? "calm" : "critical", status.ready ? "Ready" : "Not ready")));
  const trouble = document.getElementById("trouble");
  trouble.hidden = failing.length === 0;
  trouble.className = status.ready ? "warning" : "critical";
  trouble.textContent = title;
  document.title = (status.ready ? "" : "! ") + "driftd";
}

// What fails, each feature and check once, whatever the window.
function failing(checks) {
  const names = [...new Set(checks.map((one) => (one.feature.startsWith("$") ? "" : one.feature + " ") + checkName(one.check)))];
  return names.slice(0, 3).join(", ") + (names.length > 3 ? " and " + (names.length - 3) + " more" : "");
}

function modelCard(model, version) {
  const chosen = state.selected.model === model.model && state.selected.version === version.version;
  const firing = version.alert.phase !== "inactive";
  const names = [...new Set(version.alert.features.map((one) => one.feature))];
  return h("button", {
      class: "card", "aria-pressed": String(chosen), "data-key": "card " + model.model + " " + version.version,
      onclick: () => select({ model: model.model, version: version.version, feature: undefined, window: undefined })
    },
    h("span", { class: "title" }, h("b", {}, model.model), h("small", {}, versionName(version.version))),
    h("span", { class: "windows" }, version.windows.length === 0 ? h("small", {}, "Waiting for the first window to fill.") : version.windows.map((one) =>
      h("span", { class: "window" }, h("small", {}, one.window), pill(levelOf(one), LEVELS[levelOf(one)]),
        h("small", {}, one.verdict === "drift" ? one.drifting_features + " of " + version.features + " features" : REASONS[one.reason] || one.reason)))),
    version.windows.length > 0 && h("span", { class: "alert" + (firing ? " " + (version.alert.episode ? version.alert.episode.severity : "warning") : "") },
      PHASES[version.alert.phase], names.length > 0 && ": " + names.slice(0, 3).join(", ") + (names.length > 3 ? " and " + (names.length - 3) + " more" : "")),
    version.quality && version.quality.phase === "firing" && h("span", { class: "alert " + (version.quality.episode ? version.quality.episode.severity : "warning") }, "Data: " + failing(version.quality.failing)),
    version.reference === null ? h("small", {}, "no reference: nothing to compare with")
      : h("small", {}, "reference of " + num(version.reference.records) + " records, " + version.features + " features"));
}

function modelsSection(models) {
  const cards = models.flatMap((model) => model.versions.length === 0
    ? [h("div", { class: "card" }, h("span", { class: "title" }, h("b", {}, model.model)), h("small", {}, "No record has come yet."))]
    : model.versions.map((version) => modelCard(model, version)));
  return [h("h2", {}, "Models"), h("div", { class: "cards" }, cards)];
}

function featureRow(row, detail) {
  const level = levelOf(row), { psi } = row.statistics;
  return h("button", {
      class: "feature", "aria-pressed": String(state.selected.feature === row.feature), "data-key": "feature " + row.feature,
      onclick: () => select({ feature: state.selected.feature === row.feature ? undefined : row.feature })
    },
    h("span", { class: "dot " + level, title: LEVELS[level] }),
    h("span", { class: "name" }, h("b", {}, row.feature), h("small", {}, LEVELS[level] + ": " + (REASONS[row.reason] || row.reason)),
      row.quality_failed.length > 0 && h("small", { class: "failing" }, "Data: " + row.quality_failed.map(checkName).join(", "))),
    detail ? sparkline(detail.bins) : h("span", { class: "spark" }),
    h("span", { class: "score" }, meter(row.score, level), h("small", {}, row.score === undefined ? "\u2013" : num(row.score) + " \u00d7 limit")),
    h("span", { class: "psi" }, h("small", {}, "PSI"), psi ? num(psi.value) : "\u2013"));
}

function detailPanel(detail) {
  const statistics = Object.entries(detail.statistics).map(([name, one]) =>
    h("tr", {}, h("th", { scope: "row" }, STATISTICS[name] || name), h("td", { class: "number" }, num(one.value)), h("td", { class: "number" }, num(one.threshold)),
      h("td", { class: "number" }, one.p_value === undefined ? "" : one.p_value < 1e-15 ? "< 1e\u221215" : num(one.p_value))));
  const gates = detail.gates.map((gate) =>
    h("tr", {}, h("th", { scope: "row" }, gate.gate.replace(/_/g, " ")), h("td", { class: "number" }, num(gate.value)), h("td", { class: "number" }, num(gate.limit)),
      h("td", {}, gate.passed ? "reached" : "")));
  const quality = (detail.quality || []).filter((one) => one.verdict !== "no_drift" || one.expected || one.current_share > 0 && one.check !== "constant").map((one) =>
    h("tr", {}, h("th", { scope: "row" }, one.check.startsWith("not_") || one.expected ? "expected: " + one.expected : checkName(one.check)),
      h("td", { class: "number" }, share(one.current_share)), h("td", { class: "number" }, share(one.limit)),
      h("td", {}, one.verdict === "drift" ? pill("warning", "Fails") : one.verdict === "insufficient_data" ? "cannot tell" : "")));
  const unseen = ((detail.unseen || {}).values || []).map((one) =>
    h("tr", {}, h("th", { scope: "row" }, one.value), h("td", { class: "number" }, (one.over > 0 ? "\u2264\u00a0" : "") + num(one.count))));
  const table = (caption, heads, rows) => h("table", {}, h("caption", {}, caption), h("thead", {}, h("tr", {}, heads.map((head, i) => h("th", { scope: "col", class: i > 0 && i < 4 && head !== " " ? "number" : "" }, head)))), h("tbody", {}, rows));
  return h("div", { class: "panel", id: "panel" },
    h("p", {}, LEVELS[levelOf(detail)] + ": " + (REASONS[detail.reason] || detail.reason) + (detail.bin ? " (" + detail.bin.replace(/_/g, " ") + ")" : "") + ". ",
      num(detail.current ? detail.current.count : undefined) + " values in the window, " + num(detail.reference.count) + " in the reference",
      detail.current && detail.current.missing > 0 ? ", " + num(detail.current.missing) + " missing." : "."),
    h("div", { class: "columns" },
      h("div", {}, bars(detail), gates.length > 0 && table("What decided", ["", "value", "limit", " "], gates)),
      h("div", {}, table("Statistics", ["", "value", "limit", "p"], statistics),
        quality.length > 0 && table("Data", ["", "share", "limit", " "], quality),
        unseen.length > 0 && table("Values that the reference does not have, since " + detail.unseen.since.slice(0, 16).replace("T", " ") + " UTC", ["", "records"], unseen))));
}

function featuresSection({ model, version, window, windows, rows, total, details, detail }) {
  return [
    h("h2", {}, "Features ", h("small", {}, model + ", " + versionName(version))),
    h("div", { class: "tabs", role: "group", "aria-label": "Window" }, windows.map((one) =>
      h("button", { "aria-pressed": String(one.window === window.window), "data-key": "tab " + one.window, onclick: () => select({ window: one.window }) }, one.window)),
      h("small", {}, when(window.start), " to ", when(window.end), " UTC \u00b7 " + num(window.records) + " records")),
    h("p", { class: "legend" }, h("span", { class: "swatch then" }), "reference ", h("span", { class: "swatch now" }), "this window"),
    h("div", { class: "features" }, rows.map((row) => [featureRow(row, details[row.feature]), state.selected.feature === row.feature && detail && detailPanel(detail)])),
    total > rows.length && h("p", { class: "note" }, "The " + rows.length + " worst of " + total + " features. ", h("a", { href: path("models", model, "features") + "?window=" + encodeURIComponent(window.window) }, "All of them"))
  ].filter(Boolean);
}

function episodesSection(items) {
  const row = (one) => h("li", {}, pill(one.resolved_at ? "unknown" : one.severity, one.resolved_at ? "Resolved" : one.severity === "critical" ? "Critical" : "Warning"),
    h("span", {}, h("b", {}, one.model), " ", one.kind === "quality" ? "data: " + failing(one.checks)
        : one.features.slice(0, 4).join(", ") + (one.features.length > 4 ? " and " + (one.features.length - 4) + " more" : ""),
      h("small", {}, when(one.firing_at || one.pending_at), one.resolved_at ? [" to ", when(one.resolved_at), " UTC"] : " UTC \u2013 still open")));
  return [h("h2", {}, "Episodes"), items.length === 0 ? h("p", { class: "note" }, "No drift and no broken data so far.") : h("ul", {}, items.map(row))];
}

async function again(id) {
  if (confirm("Send " + id + " again?")) await post(path("deliveries", id, "replay"));
}

function retrainSection({ items, models }) {
  const levels = { awaiting_approval: "warning", requested: "warning", running: "warning", succeeded: "calm", failed: "critical", timed_out: "critical", rejected: "unknown", cancelled: "unknown" };
  const words = { awaiting_approval: "Approve?", requested: "Asked", running: "Running", succeeded: "Done", failed: "Failed", timed_out: "Timed out", rejected: "Refused", cancelled: "Cancelled" };
  const whys = { drift: "drift", alert: "an alert", schedule: "the calendar", manual: "somebody" };
  const act = (one, action, label) => h("button", { class: "plain", "data-key": action + " " + one.id, onclick: () => confirm(label + " " + one.id + "?") && post(path("retrain", one.id, action)) }, label);
  const row = (one) => h("li", {}, pill(levels[one.status], words[one.status]),
    h("span", {}, h("b", {}, one.model), " " + versionName(one.version) + ", asked by " + whys[one.reason], one.new_version !== null && [": new ", h("b", {}, "version " + one.new_version)],
      h("small", {}, when(one.created_at), " UTC \u00b7 " + one.outputs.join(", ") + " \u00b7 ", h("a", { href: path("retrain", one.id) }, "evidence"), one.detail ? " \u00b7 " + one.detail : "")),
    one.status === "awaiting_approval" && h("span", {}, act(one, "approve", "Approve"), " ", act(one, "reject", "Refuse")));
  const asked = models.filter((model) => model.retrain !== null);
  const switches = asked.map(({ model, retrain }) => {
    const action = retrain.paused ? "resume" : "pause", label = retrain.paused ? "Resume" : "Pause";
    return h("li", {}, pill(retrain.paused ? "warning" : "calm", retrain.paused ? "Paused" : "On"),
      h("span", {}, h("b", {}, model), h("small", {}, retrain.dry_run ? "dry run: nothing is sent" : retrain.approval === "manual" ? "sent after approval" : "sent by itself", retrain.paused_since && [", paused since ", when(retrain.paused_since), " UTC"])),
      h("button", { class: "plain", "data-key": action + " " + model, onclick: () => confirm(label + " retraining of " + model + "?") && post(path("models", model, action)) }, label));
  });
  if (asked.length === 0 && items.length === 0) return [];
  return [h("h2", {}, "Retraining"), h("div", { class: "pair" },
    items.length === 0 ? h("p", { class: "note" }, "Nobody has been asked to retrain so far.") : h("ul", {}, items.map(row)), h("ul", {}, switches))];
}

function deliveriesSection(items) {
  const levels = { delivered: "calm", pending: "warning", dead: "critical", cancelled: "unknown" };
  const words = { delivered: "Delivered", pending: "Waiting", dead: "Given up", cancelled: "Cancelled" };
  const row = (one) => h("li", {}, pill(levels[one.status], words[one.status]),
    h("span", {}, h("b", {}, one.output), " ", one.type.replace(/^driftd\./, "").replace(/\./g, " ") + " for " + one.model,
      h("small", {}, when(one.created_at), " UTC \u00b7 " + one.attempts + (one.attempts === 1 ? " attempt \u00b7 " : " attempts \u00b7 "), h("a", { href: path("deliveries", one.id) }, "body and log"))),
    one.status === "dead" && h("button", { class: "plain", onclick: () => again(one.id), "data-key": "again " + one.id }, "Send again"));
  return [h("h2", {}, "Deliveries"), items.length === 0 ? h("p", { class: "note" }, "Nothing has been sent.") : h("ul", {}, items.map(row))];
}

function sourcesSection({ sources, records, store }) {
  const dropped = Object.entries(records.dropped).filter(([, count]) => count > 0).map(([reason, count]) => num(count) + " " + reason.replace(/_/g, " "));
  return [
    h("h2", {}, "Sources"),
    h("div", { class: "scroll" }, h("table", {},
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Source"), h("th", { scope: "col" }, "State"), h("th", { scope: "col", class: "number" }, "Lag"),
        h("th", { scope: "col", class: "number" }, "Partitions"), h("th", { scope: "col" }, "Event time (UTC)"))),
      h("tbody", {}, sources.map((one) => h("tr", {}, h("th", { scope: "row" }, one.source),
        h("td", {}, one.problem ? pill("critical", one.problem) : one.connected ? pill("calm", "Reading") : pill("unknown", "Not connected")),
        h("td", { class: "number" }, num(one.lag)),
        h("td", { class: "number" }, one.partitions.filter((p) => p.assigned).length + " of " + one.partitions.length),
        h("td", {}, when(one.event_time))))))),
    h("p", { class: "note" }, num(records.counted) + " records counted" + (dropped.length > 0 ? "; dropped: " + dropped.join(", ") : ", none dropped") + ". Store: " + num(Math.round(store.size_bytes / 1e5) / 10) + " MB.")
  ];
}

// ---- the loop -----------------------------------------------------------------------------------

async function features(models) {
  const all = models.flatMap((model) => model.versions.filter((version) => version.windows.length > 0).map((version) => ({ model: model.model, version })));
  const wanted = all.find((one) => one.model === state.selected.model && one.version.version === state.selected.version);
  const rank = { critical: 3, warning: 2, calm: 1, unknown: 0 };
  const worst = (one) => Math.max(...one.version.windows.map((window) => rank[levelOf(window)]));
  const chosen = wanted || all.toSorted((a, b) => worst(b) - worst(a))[0];
  if (!chosen) return;
  Object.assign(state.selected, { model: chosen.model, version: chosen.version.version });
  const windows = chosen.version.windows;
  const window = windows.find((one) => one.window === state.selected.window) || windows.toSorted((a, b) => rank[levelOf(b)] - rank[levelOf(a)])[0];
  const base = path("models", chosen.model, "features"), query = "?" + new URLSearchParams({ version: chosen.version.version, window: window.window });
  const { items } = await get(base + query + "&limit=" + ROWS);
  // A window's detail never changes: it is asked for once for each window end.
  const details = {};
  await Promise.all(items.map(async (row) => {
    const key = [chosen.model, chosen.version.version, window.window, window.end, row.feature].join("\u0000");
    if (!state.details.has(key)) {
      if (state.details.size > 200) state.details.clear();
      state.details.set(key, await get(base + "/" + encodeURIComponent(row.feature) + query).catch(() => undefined));
    }
    details[row.feature] = state.details.get(key);
  }));
  const data = { model: chosen.model, version: chosen.version.version, window, windows, rows: items, total: chosen.version.features, details, detail: details[state.selected.feature], selected: state.selected };
  show("detail", data, featuresSection);
}

let running = false, once_more = false;
async function refresh() {
  if (running) { once_more = true; return; }
  running = true;
  const told = document.getElementById("refreshed");
  try {
    const [status, models, episodes, deliveries, retrain] = await Promise.all(["status", "models", "episodes?kind=all&limit=8", "deliveries?limit=8", "retrain?limit=8"].map((one) => get("/api/v1/" + one)));
    header(status);
    await features(models.items);
    show("models", [models.items, state.selected], ([items]) => modelsSection(items));
    show("retrain", { items: retrain.items, models: models.items.map(({ model, retrain: one }) => ({ model, retrain: one })) }, retrainSection);
    show("episodes", episodes.items, episodesSection);
    show("deliveries", deliveries.items, deliveriesSection);
    show("sources", { sources: status.sources, records: status.records, store: status.store }, sourcesSection);
    told.textContent = "refreshed every 10 s";
    document.body.classList.remove("stale");
  } catch (error) {
    document.body.classList.add("stale");
    told.textContent = "driftd does not answer: " + error.message;
  }
  running = false;
  if (once_more) { once_more = false; refresh(); }
}

readAddress();
addEventListener("hashchange", () => { readAddress(); refresh(); });
refresh();
setInterval(() => { if (!document.hidden) refresh(); }, REFRESH_MS);
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
`;
