/**
 * The script in the page: draws the plots with uPlot, in the colours of the page's style sheet, and again
 * when those change. Plain JavaScript, since it runs in the reader's browser as it stands.
 */
export const PAGE_SCRIPT = `(() => {
'use strict';
const plots = JSON.parse(document.getElementById('plots').textContent);
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim();
const drawn = new Map();

function draw(plot) {
  const host = document.getElementById(plot.id);
  const hidden = (drawn.get(plot.id)?.series ?? []).map((series) => !series.show);
  drawn.get(plot.id)?.destroy();
  const options = {
    width: host.clientWidth,
    height: heightFor(host),
    scales: { x: { time: false, ...(plot.xRange && { range: plot.xRange }) } },
    axes: [axis(plot.xLabel, 44), axis(plot.yLabel, 62)],
    series: [
      { label: plot.xLabel, value: (u, value) => format(value, plot.xRange ? 3 : 0) },
      ...plot.series.map((line, i) => ({
        label: line.label,
        stroke: colour(line.colour),
        width: line.width,
        dash: line.dash,
        show: !hidden[i + 1],
        points: { show: false },
        value: (u, value) => format(value, plot.decimals),
      })),
    ],
    legend: { markers: { show: false } },
    cursor: { drag: { x: false, y: false } },
  };
  const chart = new uPlot(options, [plot.x, ...plot.series.map((line) => line.y)], host);
  chart.root.querySelector('.u-wrap').setAttribute('aria-hidden', 'true');
  makeLegend(chart, plot);
  drawn.set(plot.id, chart);
}

function axis(label, size) {
  return {
    label,
    size,
    labelSize: 24,
    labelFont: '600 13px system-ui, sans-serif',
    font: '12px system-ui, sans-serif',
    stroke: colour('muted'),
    grid: { stroke: colour('line'), width: 1 },
    ticks: { stroke: colour('line'), width: 1 },
  };
}

// uPlot's legend answers the mouse alone, and its markers show no dashes.
function makeLegend(chart, plot) {
  chart.root.querySelectorAll('.u-series').forEach((row, i) => {
    const line = plot.series[i - 1];
    if (!line) return;
    const name = row.querySelector('th');
    name.insertAdjacentHTML('afterbegin',
      '<svg width="30" height="10" aria-hidden="true"><line x1="0" x2="30" y1="5" y2="5" stroke="var(--' + line.colour +
      ')" stroke-width="' + line.width + '" stroke-dasharray="' + line.dash.join(' ') + '"/></svg>');
    name.tabIndex = 0;
    name.setAttribute('role', 'button');
    const report = () => name.setAttribute('aria-pressed', String(chart.series[i].show));
    report();
    name.addEventListener('click', report);
    name.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' && event.key !== ' ') return;
      event.preventDefault();
      name.click();
    });
  });
}

function format(value, decimals) {
  return value == null ? '–' : value.toFixed(decimals);
}

function heightFor(host) {
  return Math.round(Math.min(440, Math.max(260, host.clientWidth * 0.5)));
}

function drawAll() {
  plots.forEach(draw);
}

drawAll();
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawAll);
addEventListener('resize', () => {
  for (const [id, chart] of drawn) {
    const host = document.getElementById(id);
    chart.setSize({ width: host.clientWidth, height: heightFor(host) });
  }
});
})();`;
