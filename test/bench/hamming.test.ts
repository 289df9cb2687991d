/** One iteration of the bench of the Hamming search: whoever takes part is checked, and a liar has no speed. */

import { expect, it } from 'vitest';
import { run } from '../../bench/hamming.mjs';
import type { Contender } from '../../bench/lib/hamming-contenders.mjs';
import { drawHamming } from '../../bench/lib/hamming-plot.mjs';
import { measure, type Row } from '../../bench/lib/hamming-rounds.mjs';
import { makeCodes } from '../../bench/lib/made-up-codes.mjs';
import { judgeHits, nearestDistances } from '../../bench/lib/scalar-hamming.mjs';

it('asks every contender once, on codes that all of them search alike', { timeout: 300_000 }, async () => {
  const { results, missing, plot } = await run({ quick: true });
  const names = new Set(results.map((row) => row.contender));
  expect(names).toContain('h2q linear');
  // Each peer either takes part or is said to be missing.
  for (const peer of ['h2q mih', 'faiss', 'usearch', 'hnswlib-node', 'mih-rs']) {
    const takesPart = [...names].some((name) => name.startsWith(peer));
    expect(takesPart !== missing.some((line) => line.startsWith(peer)), peer).toBe(true);
  }
  for (const row of results) {
    const what = `${row.contender}, ${row.data}, ${row.bits} bits, ${row.mode}, ${row.threads} threads`;
    expect(row.error, what).toBeUndefined();
    if (row.error !== undefined) continue;
    if (row.exact) expect(row.recall, what).toBe(1);
    expect(row.millisecondsPerQuery, what).toMatchObject({ samples: 1 });
    expect(row.codesPerSecond, what).toBeCloseTo((1e3 * row.rows) / row.millisecondsPerQuery.median, -1);
    if (row.contender === 'h2q linear') expect(row.timesLinear, what).toBe(1);
    expect(row.shareOfRead === null, what).toBe(row.mode === 'batch');
  }
  const ways = results.filter(({ contender }) => contender === 'h2q linear');
  expect(new Set(ways.map(({ bits }) => bits))).toEqual(new Set([64, 256]));
  expect(new Set(ways.map(({ threads }) => threads))).toContain(2);
  expect(plot).toContain('h2q linear');
});

/** A contender whose process runs `script`. */
function contenderThat(name: string, script: string): Contender {
  const command: [string, ...string[]] = [process.execPath, '-e', script, 'peer'];
  const [takes, threaded] = [() => true, (_: unknown, threads: number) => threads === 1];
  return { name, command, variant: '', exact: true, takes, threaded, most: 1e9 };
}

it('gives no speed to who finds something else, or fails', { timeout: 60_000 }, async () => {
  const codes = makeCodes('uniform', 64, 50, 'codes');
  const queries = { data: codes.data.slice(0, 8), bits: 64 };
  const truth = nearestDistances(codes, queries, 1, 1);
  expect(truth).toEqual([[0]]);
  const answering = (answer: object) =>
    `require('node:readline').createInterface({ input: process.stdin }).on('line', () =>
       console.log(JSON.stringify({ version: '1', settings: '', seconds: 0.5, ...${JSON.stringify(answer)} })))`;
  const contenders = [
    contenderThat('honest', answering({ rows: [[0]], distances: [[0]] })),
    contenderThat('liar', answering({ rows: [[1]], distances: [[0]] })),
    contenderThat('far', answering({ rows: [[1]], distances: [judged(codes, 1)] })),
    contenderThat('broken', `console.error('no such file'); process.exit(3)`),
  ];
  const ways = [{ mode: 'single' as const, queries: 1 }];
  const material = {
    data: 'uniform' as const,
    bits: 64,
    rows: 50,
    k: 1,
    codes,
    queries,
    files: [],
    truth,
    ways,
  };
  const { rows } = await measure(material, contenders, 3);
  const [honest, liar, far, broken] = rows;
  expect(honest).toMatchObject({ recall: 1, millisecondsPerQuery: { median: 500, samples: 3 } });
  expect(liar).toMatchObject({ contender: 'liar', error: expect.stringContaining('its rows lie at') });
  expect(far).toMatchObject({ contender: 'far', error: expect.stringContaining('the nearest lie at 0') });
  expect(broken).toMatchObject({ contender: 'broken', error: expect.stringContaining('no such file') });
  for (const row of [liar, far, broken]) expect(row).not.toHaveProperty('millisecondsPerQuery');
});

/** Distance of a row to row 0, digit by digit. */
function judged({ data }: { data: Uint8Array }, row: number): number[] {
  const ones = (byte: number) => byte.toString(2).replaceAll('0', '').length;
  return [
    [...data.subarray(8 * row, 8 * row + 8)].reduce((sum, byte, i) => sum + ones(byte ^ (data[i] ?? 0)), 0),
  ];
}

it('counts bits of all widths', () => {
  for (const bits of [32, 64, 1024]) {
    const codes = makeCodes('uniform', bits, 20, 'codes');
    const digits = (row: number) =>
      [...codes.data.subarray((row * bits) / 8, ((row + 1) * bits) / 8)]
        .map((byte) => byte.toString(2).padStart(8, '0'))
        .join('');
    const distances = Array.from({ length: 20 }, (_, row) => {
      const [own, other] = [digits(0), digits(row)];
      return [...own].filter((digit, i) => digit !== other[i]).length;
    });
    const sorted = distances.toSorted((a, b) => a - b);
    expect(nearestDistances(codes, codes, 20, 1), `${bits} bits`).toEqual([sorted]);
    const hits = { rows: [[0, 1]], distances: [distances.slice(0, 2)] };
    const { recall } = judgeHits(hits, [sorted.slice(0, 2)], codes, codes, false);
    expect(recall).toBe((distances[1] ?? 0) <= (sorted[1] ?? 0) ? 1 : 0.5);
  }
});

it('makes codes that the seed decides, clustered ones around shared centres', () => {
  expect(makeCodes('clustered', 64, 100, 'codes')).toEqual(makeCodes('clustered', 64, 100, 'codes'));
  expect(makeCodes('uniform', 64, 10, 'codes', 1)).not.toEqual(makeCodes('uniform', 64, 10, 'codes', 2));
  // 100 queries among 60,000 codes around 20,000 centres: nearly all have company, at 2 · 0.06 · 0.94 of the bits.
  const [codes, queries] = [
    makeCodes('clustered', 256, 60_000, 'codes'),
    makeCodes('clustered', 256, 100, 'q'),
  ];
  const nearest = nearestDistances(codes, queries, 1, 100).map(([distance = 256]) => distance);
  const close = nearest.filter((distance) => distance < 60);
  expect(close.length).toBeGreaterThan(80);
  const mean = close.reduce((sum, distance) => sum + distance, 0) / close.length;
  expect(mean).toBeGreaterThan(18);
  expect(mean).toBeLessThan(33);
});

it('draws speeds by bits, by codes and by threads', () => {
  const row = (
    contender: string,
    data: 'uniform' | 'clustered',
    bits: number,
    rows: number,
    threads: number,
  ) => {
    const speed = (contender === 'h2q linear' ? 3e9 : 5e8) * threads * (64 / bits);
    const median = (1e3 * rows) / speed;
    const millisecondsPerQuery = { median, lowest: median * 0.9, highest: median * 1.2, samples: 7 };
    const named = {
      contender,
      data,
      bits,
      rows,
      threads,
      mode: 'batch',
      queries: 64,
      exact: true,
      settings: '',
    };
    return { ...named, recall: 1, millisecondsPerQuery, codesPerSecond: speed } as Row;
  };
  const results = ['h2q linear', 'faiss flat'].flatMap((name) => [
    ...[64, 256, 1024].map((bits) => row(name, 'uniform', bits, 1e6, 1)),
    ...[1, 2].map((threads) => row(name, 'uniform', 64, 1e7, threads)),
    ...[1e5, 1e6].map((rows) => row(name, 'clustered', 64, rows, 1)),
  ]);
  const svg = drawHamming(results);
  for (const words of [
    'by bits',
    '1M uniform codes, 1 thread',
    'by number of codes',
    'by threads',
    '10M uniform codes',
  ])
    expect(svg).toContain(words);
  expect(svg).toContain('faiss flat');
  expect(svg).not.toContain('mih-rs');
  // Three panels of two lines each.
  expect(svg.match(/<g [^>]*aria-label="line"/g)).toHaveLength(6);
  expect(svg).not.toContain('NaN');
  expect(drawHamming([])).toContain('by threads');
});
