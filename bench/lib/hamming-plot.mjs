// The speeds of the hamming bench as one SVG with three panels: by bits, by rows, by threads.
import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';

/** @typedef {import('./hamming-rounds.mjs').Row} Row */
/** @typedef {import('./hamming-rounds.mjs').Named & import('./hamming-rounds.mjs').Speed} Measured */
/** @typedef {'bits' | 'rows' | 'threads'} Along */
/** @typedef {{ along: Along, title: string, subtitle: string, rows: Measured[] }} Panel */

/** Colours that both a light and a dark ground carry; what does not scan every code is dashed. */
const LOOKS = [
  { name: 'h2q linear', colour: '#1f83e0', dash: '' },
  { name: 'h2q mih', colour: '#1f83e0', dash: '6 3' },
  { name: 'faiss flat', colour: '#e07b00', dash: '' },
  { name: 'faiss multi-hash', colour: '#e07b00', dash: '6 3' },
  { name: 'usearch exact', colour: '#16a06a', dash: '' },
  { name: 'usearch HNSW', colour: '#16a06a', dash: '6 3' },
  { name: 'hnswlib-node', colour: '#d052a0', dash: '6 3' },
  { name: 'mih-rs', colour: '#8f8f8f', dash: '6 3' },
];
const [PANEL_WIDTH, PANEL_HEIGHT, TOP, GAP] = [360, 330, 118, 12];
const WIDTH = 3 * PANEL_WIDTH + 4 * GAP;
const HEIGHT = TOP + PANEL_HEIGHT + GAP;

/**
 * @param {Row[]} results
 * @returns {string}
 */
export function drawHamming(results) {
  const measured = results.filter((row) => row.error === undefined);
  const panels = choosePanels(measured);
  const shown = LOOKS.filter(({ name }) =>
    panels.some(({ rows }) => rows.some((row) => row.contender === name)),
  );
  const drawn = panels.map((panel, i) => drawPanel(panel, GAP + i * (PANEL_WIDTH + GAP)));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" font-family="system-ui, sans-serif" font-size="12" role="img">
<title>Hamming search: codes per second by bits, by number of codes and by threads</title>
<style>
  svg { color: #1f2328; }
  .ground { fill: #ffffff; }
  @media (prefers-color-scheme: dark) { svg { color: #e6edf3; } .ground { fill: #0d1117; } }
</style>
<rect class="ground" width="100%" height="100%"/>
<g fill="currentColor">
<text x="${GAP}" y="24" font-size="16" font-weight="600">Hamming search: codes per second</text>
<text x="${GAP}" y="42" opacity="0.75">queries × rows by the seconds of a batch, k = 10; medians with lowest and highest; dashed: looks at a part of the codes</text>
${legend(shown)}
${drawn.join('\n')}
</g>
</svg>
`;
}

/**
 * Batches of one size. Bits: at the number of rows with most widths; threads: of the largest index.
 *
 * @param {Measured[]} measured
 * @returns {Panel[]}
 */
function choosePanels(measured) {
  const batch = Math.min(...measured.filter(({ mode }) => mode === 'batch').map(({ queries }) => queries));
  const batches = measured.filter(({ mode, queries }) => mode === 'batch' && queries === batch);
  const uniform = batches.filter(({ data }) => data === 'uniform');
  const widths = (/** @type {number} */ rows) =>
    new Set(uniform.filter((row) => row.rows === rows).map(({ bits }) => bits)).size;
  const sizes = [...new Set(uniform.map(({ rows }) => rows))];
  const widest = sizes.sort((a, b) => widths(b) - widths(a) || b - a)[0] ?? 0;
  const words = uniform.filter(({ bits }) => bits === 64);
  const largest = Math.max(0, ...words.map(({ rows }) => rows));
  return [
    {
      along: 'bits',
      title: 'by bits',
      subtitle: `${short(widest)} uniform codes, 1 thread`,
      rows: uniform.filter(({ rows, threads }) => rows === widest && threads === 1),
    },
    {
      along: 'rows',
      title: 'by number of codes',
      subtitle: 'clustered, 64 bits, 1 thread',
      rows: batches.filter(({ data, bits, threads }) => data === 'clustered' && bits === 64 && threads === 1),
    },
    {
      along: 'threads',
      title: 'by threads',
      subtitle: `${short(largest)} uniform codes, 64 bits`,
      rows: words.filter(({ rows }) => rows === largest),
    },
  ];
}

/**
 * @param {Panel} panel
 * @param {number} left
 */
function drawPanel({ along, title, subtitle, rows }, left) {
  const points = rows.map((row) => {
    const { lowest, highest } = row.millisecondsPerQuery;
    const speed = (/** @type {number} */ milliseconds) => (1e3 / milliseconds) * row.rows;
    return {
      name: row.contender,
      x: row[along],
      y: row.codesPerSecond,
      low: speed(highest),
      high: speed(lowest),
    };
  });
  points.sort((a, b) => a.x - b.x);
  const marks = LOOKS.flatMap(({ name, colour, dash }) => {
    const own = points.filter((point) => point.name === name);
    const stroke = { stroke: colour, strokeWidth: name.startsWith('h2q') ? 2.5 : 1.5 };
    return [
      Plot.line(own, { x: 'x', y: 'y', ...stroke, strokeDasharray: dash }),
      Plot.ruleX(own, { x: 'x', y1: 'low', y2: 'high', ...stroke }),
      Plot.dot(own, { x: 'x', y: 'y', fill: colour, r: 3 }),
    ];
  });
  const { domain, ticks } = axisOfDecades(points);
  const { document } = parseHTML('<html><body></body></html>');
  const svg = Plot.plot({
    document,
    width: PANEL_WIDTH,
    height: PANEL_HEIGHT,
    marginLeft: 44,
    marginBottom: 36,
    marginRight: 16,
    style: { fontSize: '12px' },
    x: {
      type: 'log',
      base: along === 'rows' ? 10 : 2,
      ticks: [...new Set(points.map(({ x }) => x))],
      tickFormat: short,
      label: along === 'rows' ? 'codes' : along,
      labelArrow: 'none',
      labelAnchor: 'center',
      inset: 12,
    },
    y: { type: 'log', domain },
    marks: [Plot.gridY(ticks), Plot.axisY(ticks, { label: null, text: short }), ...marks],
  });
  for (const [name, value] of Object.entries({ x: left, y: TOP })) svg.setAttribute(name, String(value));
  return `<text x="${left}" y="${TOP - 24}" font-size="14" font-weight="600">${title}</text>
<text x="${left}" y="${TOP - 8}" opacity="0.75">${subtitle}</text>
${svg.outerHTML}`;
}

/**
 * From the last of 1, 2, 5, 10 … that is below all points to the first above them.
 *
 * @param {{ low: number, high: number }[]} points
 */
function axisOfDecades(points) {
  if (points.length === 0) return { domain: [1e8, 1e9], ticks: [1e8, 1e9] };
  const steps = Array.from(
    { length: 39 },
    (_, i) => (i % 3 === 2 ? 5 : 1 + (i % 3)) * 10 ** Math.floor(i / 3),
  );
  const below = steps.findLastIndex((step) => points.every(({ low }) => step <= low));
  const above = steps.findIndex((step) => points.every(({ high }) => step >= high));
  const ticks = steps.slice(Math.max(0, below), above === -1 ? undefined : above + 1);
  const decades = ticks.filter((tick) => Number.isInteger(Math.log10(tick)));
  return { domain: [ticks[0], ticks.at(-1)], ticks: decades.length > 3 ? decades : ticks };
}

/** @param {typeof LOOKS} shown */
function legend(shown) {
  let left = GAP;
  return shown
    .map(({ name, colour, dash }) => {
      const x = left;
      left += 44 + 7 * name.length;
      return `<line x1="${x}" x2="${x + 24}" y1="62" y2="62" stroke="${colour}" stroke-width="2.5" stroke-dasharray="${dash}"/><text x="${x + 29}" y="66">${name}</text>`;
    })
    .join('');
}

/** 2000000 as 2M. @param {number} value */
function short(value) {
  for (const [unit, name] of /** @type {const} */ ([
    [1e12, 'T'],
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ])) {
    // Lengths of codes keep their digits.
    if (value >= unit && value % (unit / 10) === 0) return `${value / unit}${name}`;
  }
  return String(value);
}
