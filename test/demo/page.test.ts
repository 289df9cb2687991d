import { decode } from 'fast-png';
import { describe, expect, it } from 'vitest';
import { buildSprite } from '../../ts/demo/images.js';
import { renderPage } from '../../ts/demo/page.js';
import { precisionsAt } from '../../ts/demo/page-plots.js';
import type { DemoReport, MethodKey, MethodReport } from '../../ts/demo/report.js';
import { resultsTable } from '../../ts/demo/results.js';

const METHODS: [MethodKey, string][] = [
  ['identity', 'Plain sign'],
  ['random', 'Random rotation'],
  ['itq', 'ITQ'],
  ['h2q', 'H²Q'],
  ['neighbours', 'H²Q, neighbours'],
  ['learnt', 'Learnt, then H²Q'],
  ['float', 'Float cosine'],
];

function method(key: MethodKey, name: string, i: number): MethodReport {
  const isFloat = key === 'float';
  return {
    key,
    name,
    representation: isFloat ? 'float' : 8,
    quantizationLoss: isFloat ? null : 0.5 - i / 100,
    meanAveragePrecision1000: 0.6 + i / 100,
    precision100: 0.7,
    neighbourRecall100: 0.9 - i / 100,
    bytesPerImage: isFloat ? 16 : 1,
    fitSeconds: isFloat ? null : 0.0123,
    queriesPerSecond: 12_345,
    curve: [
      { n: 1, precision: 0.9, recall: 0.1 },
      { n: 4, precision: 0.5, recall: 1 },
    ],
  };
}

/** Four database images, one query; database row 2 is of the other class. */
function makeReport(classNames = ['Coat', 'Bag']): DemoReport {
  const epoch = { orthogonalityError: 0, seconds: 0.1 };
  return {
    dataset: { name: 'Tiny', database: 4, queries: 1, dimensions: 4, classNames },
    bits: 8,
    ties: 'expected',
    seed: 1,
    methods: METHODS.map(([key, name], i) => method(key, name, i)),
    learnt: { rows: 4, loss: 'cel', dimensions: 8, seconds: 0.1 },
    fit: {
      summary: {
        ...{
          rows: 4,
          dimensions: 4,
          bits: 8,
          method: 'h2q',
          loss: 'bit-variance',
          solver: 'auto',
          epochs: 2,
        },
        ...{ seconds: 0.1, trainLoss: 0.2, validationLoss: 0.2, orthogonalityError: 0 },
      },
      history: [
        { method: 'h2q', loss: 'bit-variance', epoch: 1, trainLoss: 0.25, validationLoss: 0.26, ...epoch },
        { method: 'h2q', loss: 'bit-variance', epoch: 2, trainLoss: 0.21, validationLoss: 0.22, ...epoch },
      ],
    },
    curveQueries: 1,
    floatSpeedQueries: 1,
    sampleRule: 'the first test image of each class',
    samples: [
      {
        row: 0,
        label: 0,
        code: '81',
        results: METHODS.map(([key]) => ({
          method: key,
          neighbours: [
            { row: 1, label: 0, distance: 0 },
            { row: 2, label: 1, distance: 3 },
          ],
        })),
      },
    ],
    environment: {
      ...{ version: '0.1.0', backend: 'native', simd: 'scalar', threads: 2, cpu: 'Made-up CPU' },
      ...{ platform: 'linux x64', node: '20.17.0', date: '2024-02-03T04:05:06.000Z' },
    },
    seconds: 1.5,
  };
}

const SET = { images: Uint8Array.from({ length: 16 }, (_, i) => i), width: 2, height: 2 };
const TILES = ['query:0', 'database:1', 'database:2'].map((key, row) => ({ key, set: SET, row }));

function render(report = makeReport()): string {
  return renderPage(report, { sprite: buildSprite(TILES), plotScript: 'var uPlot;', plotStyle: '.uplot{}' });
}

describe('the page', () => {
  it('loads nothing from elsewhere', () => {
    const html = render();
    expect(html.match(/\b(?:src|srcset|data|action)=/g)).toBeNull();
    expect(html).not.toMatch(/<link|@import|fetch\(|<iframe/);
    expect(html.match(/url\((?!data:)/g)).toBeNull();
    expect(html.match(/https?:\/\/[^"\s]+/g)).toEqual(['https://arxiv.org/abs/2311.04207']);
    expect(html).toContain(`content="default-src 'none'`);
  });

  it('closes every element that it opens, in order', () => {
    const markup = render()
      .replace(/<!doctype html>/, '')
      .replace(/<(script|style)\b[^>]*>[\s\S]*?<\/\1>/g, '');
    const open: string[] = [];
    for (const [tag, slash, name] of markup.matchAll(/<(\/?)([a-z][a-z0-9]*)\b[^>]*>/g)) {
      if (slash) expect(open.pop()).toBe(name);
      else if (!['meta'].includes(name as string) && !tag.endsWith('/>')) open.push(name as string);
    }
    expect(open).toEqual([]);
  });

  it('has unique ids, and only links within the page that lead somewhere', () => {
    const html = render();
    const ids = [...html.matchAll(/ id="([^"]+)"/g)].map((match) => match[1]);
    expect(new Set(ids).size).toBe(ids.length);
    const targets = [...html.matchAll(/(?:href="#|aria-labelledby=")([^"]+)"/g)].map((match) => match[1]);
    expect(targets.length).toBeGreaterThan(5);
    expect(targets.filter((target) => !ids.includes(target))).toEqual([]);
  });

  it('shows every method in the table, with the best of the binary ones marked', () => {
    const table = /<table class="results">[\s\S]*?<\/table>/.exec(render())?.[0] ?? '';
    for (const [, name] of METHODS) expect(table).toContain(`</span>${name}</th>`);
    expect(table.match(/<tr/g)).toHaveLength(METHODS.length + 1);
    expect(table).toContain('<td class="best">0.4600</td>');
    expect(table).toContain('<td class="best">0.640</td>');
    expect(table).not.toContain('<td class="best">0.650</td>');
  });

  it('tells right neighbours from wrong ones in text, not by colour alone', () => {
    const html = render();
    expect(html.match(/<li class="right"><span class="tile" role="img"/g)).toHaveLength(METHODS.length);
    expect(html.match(/<li class="wrong">/g)).toHaveLength(METHODS.length);
    expect(html).toContain('aria-label="Coat, right, Hamming distance 0"');
    expect(html).toContain('aria-label="Bag, wrong, Hamming distance 3"');
    expect(html).toContain('aria-label="Bag, wrong, cosine distance 3.000"');
    expect(html.match(/1 of 2 right/g)).toHaveLength(METHODS.length);
    expect(html).toContain('<span class="label" aria-hidden="true">Bag</span>');
  });

  it('draws one cell for each set bit of the code', () => {
    expect(render()).toContain('<path d="M0 0h1v1h-1zM7 0h1v1h-1z"/>');
  });

  it('states the conditions', () => {
    const html = render();
    for (const text of [
      'Made-up CPU',
      '2 threads',
      'Node 20.17.0',
      'h2q 0.1.0',
      '2024-02-03',
      'expectation',
    ]) {
      expect(html).toContain(text);
    }
  });

  it('escapes text, in markup and in scripts', () => {
    const evil = '</script><img src=x onerror="alert(1)">';
    const report = makeReport([evil, evil]);
    report.environment.cpu = evil;
    report.methods[0]!.name = evil;
    const html = render(report);
    expect(html).not.toContain('<img');
    expect(html.match(/<\/script>/g)).toHaveLength(3);
    expect(html).toContain('&#60;img src=x');
  });

  it('gives the plots their data', () => {
    const json = /<script type="application\/json" id="plots">(.*?)<\/script>/.exec(render())?.[1] ?? '';
    const [fit, curves] = JSON.parse(json);
    expect(fit).toMatchObject({
      id: 'fit-plot',
      x: [1, 2],
      series: [{ y: [0.25, 0.21] }, { y: [0.26, 0.22] }],
    });
    expect(curves.series.map((series: { label: string }) => series.label)).toEqual(
      METHODS.map(([, name]) => name),
    );
    expect(curves.x).toEqual([0.1, 1]);
  });

  it('says which image the sprite lacks', () => {
    const report = makeReport();
    report.samples[0]!.row = 7;
    expect(() => render(report)).toThrow('query:7');
  });
});

describe('precisionsAt', () => {
  it('keeps the points of the curve and fills in between them, not beyond', () => {
    const curve = [
      { n: 1, precision: 0.9, recall: 0.1 },
      { n: 2, precision: 0.5, recall: 0.5 },
    ];
    const [before, first, between, last, after] = precisionsAt(curve, [0.05, 0.1, 0.2, 0.5, 0.6]);
    expect([before, first, last, after]).toEqual([null, 0.9, 0.5, null]);
    expect(between).toBeCloseTo(0.8, 12);
  });
});

describe('the table of results', () => {
  it('writes a dash where a method has no value, and marks equal texts alike', () => {
    const report = makeReport();
    const { columns, rows } = resultsTable(report);
    expect(columns.map(({ title }) => title)).toContain('quantization loss');
    expect(rows.at(-1)?.cells[1]).toEqual({ text: '–', best: false });
    const precision = columns.findIndex(({ title }) => title === 'precision@100');
    expect(rows.map(({ cells }) => cells[precision]?.best)).toEqual([
      ...Array<boolean>(5).fill(true),
      false,
      false,
    ]);
  });
});

describe('the sprite', () => {
  it('holds each image once, pixel by pixel', () => {
    const { uri, columns, tiles } = buildSprite([...TILES, ...TILES]);
    const { width, height, data } = decode(Buffer.from(uri.split(',')[1] ?? '', 'base64'));
    expect([width, height, columns, tiles.size]).toEqual([4, 4, 2, 3]);
    expect([...data]).toEqual([0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 0, 0, 10, 11, 0, 0]);
    expect(tiles.get('database:2')).toBe(2);
  });
});
