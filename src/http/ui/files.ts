/** The page at `/`: three files, held as text so that the package needs no assets beside its modules. */

import { script } from "./script.ts";
import { style } from "./style.ts";

export type UiFile = { readonly path: string; readonly type: string; readonly content: string };

const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>driftd</title>
<link rel="icon" href="/favicon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/style.css">
<script src="/app.js" defer></script>
</head>
<body>
<header>
  <h1><svg class="mark" viewBox="0 0 32 32" aria-hidden="true"><path d="M2 26h28"/><path class="then" d="M3 25c5 0 5-17 9-17s4 17 9 17"/><path class="now" d="M11 25c5 0 5-13 9-13s4 13 9 13"/></svg>driftd</h1>
  <p id="build"></p>
  <p id="ready" role="status"></p>
</header>
<p id="trouble" role="alert" hidden></p>
<main>
  <section id="models" aria-label="Models"></section>
  <section id="detail" aria-label="Features"></section>
  <section id="retrain" aria-label="Retraining"></section>
  <div class="pair">
    <section id="episodes" aria-label="Episodes"></section>
    <section id="deliveries" aria-label="Deliveries"></section>
  </div>
  <section id="sources" aria-label="Sources"></section>
</main>
<footer>
  <a href="/metrics">/metrics</a>
  <a href="/api/v1/status">API</a>
  <a href="/api/v1/openapi.json">OpenAPI</a>
  <a href="/api/v1/config">configuration</a>
  <span id="refreshed"></span>
</footer>
<noscript><p class="note">This page needs JavaScript. Everything on it is at <a href="/api/v1/models">/api/v1/models</a>.</p></noscript>
</body>
</html>
`;

const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" fill="none" stroke-width="3" stroke-linecap="round"><path d="M3 25c5 0 5-17 9-17s4 17 9 17" stroke="#8a94a6"/><path d="M11 25c5 0 5-13 9-13s4 13 9 13" stroke="#2f66d8"/></svg>
`;

/** What the server serves beside the API. */
export const uiFiles: readonly UiFile[] = [
  { path: "/", type: "text/html; charset=utf-8", content: page },
  { path: "/app.js", type: "text/javascript; charset=utf-8", content: script },
  { path: "/style.css", type: "text/css; charset=utf-8", content: style },
  { path: "/favicon.svg", type: "image/svg+xml", content: icon },
];
