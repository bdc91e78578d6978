/** The page's style sheet, as text: light and dark by the reader's setting, one column on a phone. */

export const style = `:root {
  --ground: #f5f6f8; --card: #fff; --ink: #17202c; --quiet: #5d6878; --line: #dfe3e9; --then: #b9c2cf; --now: #2f66d8;
  --critical: #c4342b; --critical-soft: #fbe6e4; --warning: #96600a; --warning-soft: #fcf0d8; --calm: #1d7a50; --calm-soft: #e0f3e9; --unknown: #5d6878; --unknown-soft: #eceff3;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #11161d; --card: #1a212b; --ink: #e6eaf0; --quiet: #97a3b4; --line: #2c3643; --then: #536072; --now: #7aa6ff;
    --critical: #ff8178; --critical-soft: #46211f; --warning: #f0b64f; --warning-soft: #3e2f12; --calm: #5fd09a; --calm-soft: #173a2a; --unknown: #97a3b4; --unknown-soft: #28313d;
  }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1120px; padding: 0 20px 32px; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
body.stale main { opacity: .5; }
header { display: flex; align-items: center; gap: 16px; padding: 20px 0 12px; }
h1 { margin: 0; font-size: 22px; letter-spacing: -.02em; display: flex; align-items: center; gap: 10px; }
.mark { width: 32px; height: 32px; fill: none; stroke: var(--line); stroke-width: 2; stroke-linecap: round; }
.mark .then { stroke: var(--then); stroke-width: 3; } .mark .now { stroke: var(--now); stroke-width: 3; }
header p { margin: 0; color: var(--quiet); } #ready { margin-left: auto; }
#trouble { margin: 0 0 8px; padding: 10px 14px; border-radius: 8px; white-space: pre-line; } #trouble.critical { background: var(--critical-soft); } #trouble.warning { background: var(--warning-soft); }
#trouble[hidden] { display: none; }
h2 { margin: 28px 0 10px; font-size: 16px; } h2 small { font-weight: 400; }
h3 { margin: 0 0 4px; font-size: 16px; overflow-wrap: anywhere; }
small { color: var(--quiet); font-size: 13px; }
a { color: var(--now); }
button { font: inherit; color: inherit; text-align: inherit; background: none; border: 0; padding: 0; cursor: pointer; }
button:focus-visible, a:focus-visible { outline: 2px solid var(--now); outline-offset: 2px; }
.pill { display: inline-block; padding: 1px 9px; border-radius: 99px; font-size: 13px; font-weight: 600; white-space: nowrap; max-width: 100%; overflow: hidden; text-overflow: ellipsis; vertical-align: bottom; }
.critical { color: var(--critical); } .warning { color: var(--warning); } .calm { color: var(--calm); } .unknown { color: var(--unknown); }
.pill.critical { background: var(--critical-soft); } .pill.warning { background: var(--warning-soft); } .pill.calm { background: var(--calm-soft); } .pill.unknown { background: var(--unknown-soft); }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(340px, 100%), 1fr)); gap: 12px; }
.card { display: flex; flex-direction: column; gap: 8px; padding: 14px 16px; background: var(--card); border: 1px solid var(--line); border-radius: 10px; min-width: 0; }
button.card:hover, .feature:hover { border-color: var(--quiet); }
.card[aria-pressed=true] { border-color: var(--now); box-shadow: 0 0 0 1px var(--now); }
.title { display: flex; align-items: baseline; gap: 8px; flex-wrap: wrap; } .title b { font-size: 17px; overflow-wrap: anywhere; }
.windows { display: grid; gap: 4px; }
.window { display: grid; grid-template-columns: 36px 104px 1fr; align-items: center; gap: 8px; } .window small { min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; } .window .pill { justify-self: start; }
.alert { font-size: 14px; overflow-wrap: anywhere; } .alert.critical, .alert.warning { font-weight: 600; }
.tabs { display: flex; align-items: center; gap: 6px; flex-wrap: wrap; }
.tabs button { padding: 3px 12px; border: 1px solid var(--line); border-radius: 99px; background: var(--card); }
.tabs button[aria-pressed=true] { border-color: var(--now); color: var(--now); font-weight: 600; } .tabs small { margin-left: 6px; }
.legend { margin: 10px 0 6px; color: var(--quiet); font-size: 13px; } .swatch { display: inline-block; width: 10px; height: 10px; border-radius: 2px; margin: 0 5px 0 10px; } .swatch:first-child { margin-left: 0; } .swatch.then { background: var(--then); } .swatch.now { background: var(--now); }
svg .then { fill: var(--then); } svg .now { fill: var(--now); }
.features { display: grid; gap: 6px; }
.feature { display: grid; grid-template-columns: 10px minmax(0, 1fr) 132px 150px 64px; align-items: center; gap: 16px; padding: 8px 14px; background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
.feature[aria-pressed=true] { border-color: var(--now); border-radius: 8px 8px 0 0; }
.dot { width: 10px; height: 10px; border-radius: 50%; background: currentColor; }
.name { min-width: 0; display: grid; } .name b, .name small { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; } .name small.failing { color: var(--warning); }
.spark { width: 132px; height: 30px; display: block; }
.meter { width: 100%; height: 10px; display: block; } .meter .track { fill: var(--line); } .meter .fill { fill: currentColor; } .meter .limit { fill: var(--ink); } .meter.calm { color: var(--then); }
.psi { text-align: right; display: grid; line-height: 1.25; font-variant-numeric: tabular-nums; } .score { line-height: 1.3; }
.panel { margin-top: -7px; padding: 14px; background: var(--card); border: 1px solid var(--now); border-top: 0; border-radius: 0 0 8px 8px; min-width: 0; } .panel p { margin: 0 0 12px; }
.columns { display: grid; grid-template-columns: minmax(0, 3fr) minmax(0, 2fr); gap: 24px; align-items: start; }
table { border-collapse: collapse; width: 100%; font-size: 14px; } caption { text-align: left; font-weight: 600; padding: 0 0 4px; } .columns table + table { margin-top: 20px; }
th { text-align: left; font-weight: 400; } thead th { color: var(--quiet); font-size: 13px; } td, th { padding: 2px 8px 2px 0; vertical-align: middle; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.distribution { table-layout: fixed; } .distribution th:first-child { width: 30%; } .distribution thead th:nth-child(3), .distribution thead th:nth-child(4) { width: 78px; }
.distribution tbody th { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; } .distribution tfoot td { color: var(--quiet); font-size: 13px; }
.bars svg { width: 100%; height: 16px; display: block; } .special th { font-style: italic; color: var(--quiet); } .culprit th { color: var(--critical); font-weight: 600; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 0 20px; } .pair section { min-width: 0; } #retrain .pair { align-items: start; }
ul { list-style: none; margin: 0; padding: 0; background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
li { display: grid; grid-template-columns: 92px minmax(0, 1fr) auto; gap: 10px; align-items: start; padding: 8px 14px; border-top: 1px solid var(--line); overflow-wrap: anywhere; } li:first-child { border-top: 0; } li small { display: block; } li .pill { justify-self: start; margin-top: 1px; }
.plain { color: var(--now); font-weight: 600; }
.scroll { overflow-x: auto; padding: 8px 14px; background: var(--card); border: 1px solid var(--line); border-radius: 10px; } .scroll td, .scroll th { padding: 4px 16px 4px 0; white-space: nowrap; } .scroll td:last-child, .scroll th:last-child { padding-right: 0; }
.note { color: var(--quiet); margin: 8px 0 0; }
footer { display: flex; flex-wrap: wrap; gap: 6px 18px; margin-top: 32px; padding-top: 12px; border-top: 1px solid var(--line); color: var(--quiet); font-size: 13px; } #refreshed { margin-left: auto; }
@media (max-width: 760px) {
  body { padding: 0 12px 24px; }
  header { flex-wrap: wrap; gap: 4px 12px; }
  .feature { grid-template-columns: 10px minmax(0, 1fr) 96px; gap: 6px 12px; } .feature > .spark { width: 96px; } .feature > .score { grid-column: 2; } .feature > .psi { grid-column: 3; }
  .columns, .pair { grid-template-columns: minmax(0, 1fr); }
  .distribution thead th:nth-child(3), .distribution thead th:nth-child(4) { width: 68px; }
}
`;
