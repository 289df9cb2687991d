/** The page's style sheet. Colours are variables, so that light and dark differ in one place. */
export const PAGE_STYLE = `
:root {
  color-scheme: light dark;
  --ground: #fbfaf7; --card: #ffffff; --ink: #1d1f24; --muted: #5b606b; --line: #e2dfd8; --link: #a3195b;
  --right: #1c7c54; --wrong: #c23a12;
  --identity: #7b8190; --random: #b97900; --itq: #2268b0; --h2q: #b3195f; --neighbours: #6d3fc0; --learnt: #0f766e; --float: #1d1f24;
  --tile: 56px;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #14151a; --card: #1c1e25; --ink: #eceae4; --muted: #a4a8b3; --line: #31343e; --link: #ff8fc0;
    --right: #4cc38a; --wrong: #ff8a5c;
    --identity: #959bab; --random: #e5a83a; --itq: #6bb1f5; --h2q: #ff6fae; --neighbours: #b79bff; --learnt: #5eead4; --float: #eceae4;
  }
}
* { box-sizing: border-box; }
html { scroll-behavior: smooth; -webkit-text-size-adjust: 100%; }
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
body {
  margin: 0 auto; max-width: 1120px; padding: 0 clamp(16px, 4vw, 40px);
  background: var(--ground); color: var(--ink);
  font: 1rem/1.6 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
}
a { color: var(--link); text-underline-offset: 0.15em; }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; border-radius: 3px; }
.skip { position: absolute; left: -999px; }
.skip:focus { left: 16px; top: 8px; padding: 6px 12px; background: var(--card); z-index: 1; }
h1, h2, h3, h4, p, figure, ol, dl, dd { margin: 0; }
header { padding: clamp(32px, 7vw, 72px) 0 8px; }
.kicker { color: var(--h2q); font-weight: 600; letter-spacing: 0.02em; }
h1 { font-size: clamp(2rem, 6vw, 3.4rem); line-height: 1.08; letter-spacing: -0.025em; margin: 4px 0 20px; text-wrap: balance; }
h2 { font-size: 1.6rem; line-height: 1.2; letter-spacing: -0.015em; margin-bottom: 16px; }
.lead { font-size: 1.1rem; max-width: 46em; }
nav ul { list-style: none; display: flex; flex-wrap: wrap; gap: 4px 20px; margin: 24px 0 0; padding: 0; }
nav a { display: inline-block; padding: 4px 0; }
section { padding: 36px 0 12px; scroll-margin-top: 8px; }
.caption { color: var(--muted); font-size: 0.875rem; margin-top: 12px; max-width: 62em; }
.note { border-left: 3px solid var(--h2q); padding: 2px 0 2px 14px; margin: 18px 0; max-width: 56em; font-size: 0.95rem; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(200px, 1fr)); gap: 12px; margin-top: 28px; }
.facts > div { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 14px 18px; }
.facts dt { color: var(--muted); font-size: 0.875rem; }
.facts dd { display: flex; flex-wrap: wrap; align-items: baseline; gap: 2px 10px; }
.facts strong { font-size: 1.9rem; line-height: 1.2; letter-spacing: -0.02em; color: var(--h2q); }
.facts span { color: var(--muted); }
.scroll { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 12px; }
.numbers { max-height: 22rem; overflow-y: auto; margin-top: 10px; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
.scroll th, .scroll td { padding: 10px 14px; text-align: right; white-space: nowrap; }
.scroll th:first-child { text-align: left; }
.scroll thead th { color: var(--muted); font-size: 0.8125rem; line-height: 1.3; font-weight: 600; vertical-align: bottom; }
.results thead th { white-space: normal; min-width: 5.5rem; text-wrap: balance; }
.scroll tbody tr { border-top: 1px solid var(--line); }
.scroll tbody th { font-weight: 500; }
.results tr.h2q { background: color-mix(in srgb, var(--h2q) 9%, transparent); }
.results tr.h2q th { font-weight: 700; }
.results tr.float { border-top: 2px solid var(--muted); }
.best { font-weight: 700; text-decoration: underline; text-underline-offset: 0.25em; text-decoration-thickness: 1px; }
.numbers thead th { position: sticky; top: 0; background: var(--card); }
.numbers th, .numbers td { padding: 4px 14px; font-size: 0.875rem; }
.swatch { display: inline-block; width: 0.7em; height: 0.7em; border-radius: 50%; margin-right: 0.55em; background: var(--method); }
.identity { --method: var(--identity); } .random { --method: var(--random); } .itq { --method: var(--itq); }
.h2q { --method: var(--h2q); } .neighbours { --method: var(--neighbours); } .learnt { --method: var(--learnt); } .float { --method: var(--float); }
summary { cursor: pointer; color: var(--link); padding: 4px 0; width: fit-content; }
figure { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 18px 14px 14px; }
figcaption.caption { padding: 0 6px; }
.plot { min-height: 260px; overflow: hidden; }
.plot .uplot { font: inherit; width: 100%; }
.plot .u-legend { color: var(--ink); font-size: 0.875rem; font-variant-numeric: tabular-nums; margin-top: 8px; text-align: left; }
.plot .u-legend tbody { display: grid; grid-template-columns: repeat(auto-fill, minmax(15.5em, 1fr)); }
.plot .u-inline tr { display: flex; align-items: baseline; margin: 0; white-space: nowrap; }
.plot .u-legend th svg { margin-right: 6px; }
.plot .u-value { min-width: 4.6em; color: var(--muted); }
.key { padding: 1px 6px; white-space: nowrap; }
.key.right { border: 2px solid var(--right); border-radius: 5px; }
.key.wrong { border: 2px dashed var(--wrong); border-radius: 5px; }
.sample { display: grid; grid-template-columns: 150px 1fr; gap: 12px 24px; padding: 24px 0; border-top: 1px solid var(--line); }
.note + .sample { border-top: 0; }
.query h3 { font-size: 1.15rem; }
.query p { color: var(--muted); font-size: 0.8125rem; }
.pair { display: flex; gap: 10px; margin: 8px 0; --tile: 70px; }
.code { width: 70px; height: 70px; background: var(--card); border: 1px solid var(--line); border-radius: 4px; padding: 3px; fill: var(--h2q); }
.tile {
  display: block; width: var(--tile); height: var(--tile); border-radius: 4px; background-color: #000; image-rendering: pixelated;
  background-size: calc(var(--sprite-columns) * var(--tile)) auto;
  background-position: calc(-1 * var(--x) * var(--tile)) calc(-1 * var(--y) * var(--tile));
}
.found { display: grid; gap: 14px; min-width: 0; }
.hits { display: grid; grid-template-columns: 9.6em 1fr; gap: 4px 8px; }
.hits h4 { font-size: 0.875rem; white-space: nowrap; font-weight: 600; line-height: 1.35; padding-top: 8px; }
.score { display: block; color: var(--muted); font-weight: 400; font-size: 0.8125rem; padding-left: 1.4em; }
.hits ol { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: 6px; }
.hits li { position: relative; width: calc(var(--tile) + 6px); }
.hits li .tile { box-sizing: content-box; border: 3px solid var(--right); background-origin: content-box; background-clip: content-box; background-color: transparent; }
.hits .wrong .tile { border: 3px dashed var(--wrong); }
.hits .wrong::before {
  content: "✕" / ""; position: absolute; top: -5px; right: -5px; width: 18px; height: 18px; border-radius: 50%;
  background: var(--wrong); color: var(--card); font: 700 11px/18px system-ui, sans-serif; text-align: center;
}
.label { display: block; font-size: 0.6875rem; line-height: 1.3; color: var(--wrong); text-align: center; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.conditions > div { display: grid; grid-template-columns: 9em 1fr; gap: 2px 16px; padding: 8px 0; border-top: 1px solid var(--line); }
.conditions dt { font-weight: 600; }
footer { color: var(--muted); font-size: 0.875rem; padding: 24px 0 48px; }
@media (max-width: 860px) { .hits { grid-template-columns: 1fr; } .score { display: inline; padding-left: 0.5em; } }
@media (max-width: 600px) {
  .sample { grid-template-columns: 1fr; }
  .conditions > div { grid-template-columns: 1fr; }
  .hits ol { gap: 6px 4px; }
}
`;
