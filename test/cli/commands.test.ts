/** The commands end to end, against a plain recomputation. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { outcomeOf } from '../outcome.js';
import { randomValues, Workplace } from './h2q.js';

const work = new Workplace();

it('fit prints exactly the summary, or a table of it', async () => {
  work.writeVectors('x.npy', 300, 20);
  const summary = JSON.parse(await work.succeed('fit', 'x.npy', '-o', 'm', '--json', '--threads', '1'));
  expect(Object.keys(summary).sort()).toEqual([
    ...['bits', 'dimensions', 'epochs', 'loss', 'method', 'orthogonalityError', 'rows', 'seconds'],
    ...['solver', 'trainLoss', 'validationLoss'],
  ]);
  expect(summary).toMatchObject({
    ...{ rows: 300, dimensions: 20, bits: 16, method: 'h2q', loss: 'bit-variance', solver: 'auto' },
  });
  expect(summary.orthogonalityError).toBeLessThan(1e-5);
  expect(work.list()).toEqual(['m', 'x.npy']);

  const table = await work.succeed('fit', 'x.npy', '-o', 'm', '--bits', '8', '--method', 'itq');
  expect(table).toMatch(/^vectors +300 x 20\ncodes +8 bits\nmethod +itq\n/);
  expect(table).toMatch(/validation loss +\d/);
});

it('fit --method auto shows what it chose from, and chooses the best', async () => {
  work.writeVectors('x.npy', 600, 16);
  const labels = Uint8Array.from({ length: 600 }, (_, i) => i % 4);
  work.writeNpy('y.npy', 'u1', [600], labels);
  const auto = ['fit', 'x.npy', '-o', 'm', '--method', 'auto', '--labels', 'y.npy'];
  const { criterion, candidates, method } = JSON.parse(await work.succeed(...auto, '--json'));
  expect(criterion).toBe('labels');
  const best = Math.max(
    ...candidates.map((candidate: { labelPrecision: number }) => candidate.labelPrecision),
  );
  expect(candidates.find((candidate: { method: string }) => candidate.method === method)).toMatchObject({
    labelPrecision: best,
  });
  const table = await work.succeed(...auto, '--criterion', 'loss');
  expect(table).toMatch(
    /^method +bit-variance loss +neighbour recall@100 +label precision@100\nidentity +0\.\d{4} /,
  );
  expect(table).toMatch(/\n(h2q|itq) .* best by loss\n/);

  work.writeNpy('short.npy', 'u1', [599], labels.subarray(1));
  const { code, stderr } = await work.run(...auto.slice(0, -1), 'short.npy');
  expect([code, stderr]).toEqual([1, 'h2q: short.npy: expected 600 labels as in x.npy, got 599\n']);
});

it('fit reads a sample with the labels of its rows, and says so', async () => {
  const columns = 8;
  // Five clusters far apart, row after row: with the labels of other rows the precision would be 1/5.
  const centres = [0b00000000, 0b11110000, 0b00001111, 0b11111111, 0b11001100];
  const noise = randomValues(3000 * columns, 1);
  const values = noise.map((value, i) => {
    const centre = centres[Math.floor(i / columns) % 5]!;
    return value / 20 + ((centre >> (i % columns)) & 1 ? 1 : -1);
  });
  work.writeNpy('x.npy', 'f4', [3000, columns], values);
  work.writeNpy(
    'y.npy',
    'i4',
    [3000],
    Int32Array.from({ length: 3000 }, (_, i) => i % 5),
  );
  const fit = ['fit', 'x.npy', '-o', 'm', '--sample', '1000', '--method', 'auto', '--labels', 'y.npy'];
  const summary = JSON.parse(await work.succeed(...fit, '--json'));
  expect(summary).toMatchObject({ rows: 1000, sampledFrom: 3000, criterion: 'labels' });
  const best = summary.candidates.map((one: { labelPrecision: number }) => one.labelPrecision);
  expect(Math.max(...best)).toBeGreaterThan(0.95);
  expect(await work.succeed(...fit)).toMatch(/vectors +1000 x 8 \(a sample of 3000 rows\)\n/);
  const all = JSON.parse(await work.succeed('fit', 'x.npy', '-o', 'm', '--sample', 'all', '--json'));
  expect(all).toMatchObject({ rows: 3000 });
  expect(all).not.toHaveProperty('sampledFrom');
});

it('fit says when the criterion tells the methods nothing apart, and what then decided', async () => {
  work.writeVectors('x.npy', 60, 8);
  work.writeNpy('y.npy', 'u1', [60], new Uint8Array(60));
  const fit = ['fit', 'x.npy', '-o', 'm', '--method', 'auto', '--labels', 'y.npy'];
  const { code, stdout, stderr } = await work.run(...fit);
  expect([code, stderr]).toEqual([0, 'h2q: all methods are equal by labels: the lowest loss decided\n']);
  expect(stdout).toMatch(/ 1\.0000 +lowest loss, all being equal by labels\n/);
  expect(stdout).not.toContain('best by');
  const decided = await work.run(...fit, '--criterion', 'loss');
  expect([decided.code, decided.stderr]).toEqual([0, '']);
  expect(decided.stdout).toContain('best by loss\n');
});

it('a seed decides everything: the same seed gives the same model, whatever the threads', async () => {
  work.writeVectors('x.npy', 400, 16);
  const fitTo = (model: string, seed: string, threads: string) =>
    work.succeed(
      ...['fit', 'x.npy', '-o', model, '--solver', 'sgd', '--epochs', '3'],
      ...['--seed', seed, '--threads', threads],
    );
  await fitTo('a', '5', '1');
  await fitTo('b', '5', '2');
  await fitTo('c', '6', '1');
  const codesOf = async (model: string) => {
    await work.succeed('transform', model, 'x.npy', '-o', 'z.npy');
    return Buffer.from(work.readNpy('z.npy').data).toString('base64');
  };
  const [a, b, c] = [await codesOf('a'), await codesOf('b'), await codesOf('c')];
  expect(a).toBe(b);
  expect(a).not.toBe(c);
});

it('every flag of fit reaches the core', async () => {
  work.writeVectors('x.npy', 200, 16);
  work.writeVectors('v.npy', 30, 16, 2);
  const summary = JSON.parse(
    await work.succeed(
      ...[
        'fit',
        'x.npy',
        '-o',
        'm',
        '--json',
        '--bits',
        '8',
        '--method',
        'h2q',
        '--loss',
        'l1',
        '--solver',
        'sgd',
      ],
      ...['--epochs', '2', '--learning-rate', '0.05', '--batch-size', '50', '--validation', 'v.npy'],
      ...['--reflections', '3', '--center', 'off', '--seed', '3', '--threads', '1'],
    ),
  );
  expect(summary).toMatchObject({ rows: 200, bits: 8, loss: 'l1', solver: 'sgd', epochs: 2 });
  // The number of reflections in the model file: third after the header of 64 bytes.
  expect(readFileSync(join(work.path, 'm')).readUInt32LE(64 + 2 * 4)).toBe(3);
});

it('encode is the sign of transform in both layouts, from every vector format', async () => {
  const [rows, columns] = [37, 24];
  const values = work.writeVectors('x.npy', rows, columns);
  work.write('x.fbin', new Uint32Array([rows, columns]), values);
  await work.succeed('fit', 'x.npy', '-o', 'm', '--bits', '16');
  expect(await work.succeed('transform', 'm', 'x.npy', '-o', 'z.npy')).toBe('37 x 16 float32 → z.npy\n');
  const z = new Float32Array(work.readNpy('z.npy').data);
  expect(z).toHaveLength(rows * 16);
  expect(work.readNpy('z.npy').header).toBe("{'descr': '<f4', 'fortran_order': False, 'shape': (37, 16), }");

  const summary = JSON.parse(await work.succeed('encode', 'm', 'x.npy', '-o', 'lsb.npy', '--json'));
  expect(summary).toEqual({ rows, bits: 16, layout: 'lsb', output: 'lsb.npy' });
  await work.succeed('encode', 'm', 'x.fbin', '-o', 'msb.npy', '--layout', 'msb');
  const [lsb, msb] = ['lsb.npy', 'msb.npy'].map((name) => new Uint8Array(work.readNpy(name).data));
  expect(work.readNpy('lsb.npy').header).toBe("{'descr': '|u1', 'fortran_order': False, 'shape': (37, 2), }");
  z.forEach((value, i) => {
    const [byte, bit] = [Math.floor(i / 8), i % 8];
    const wanted = value >= 0 ? 1 : 0;
    expect((lsb![byte]! >> bit) & 1).toBe(wanted);
    expect((msb![byte]! >> (7 - bit)) & 1).toBe(wanted);
  });
});

/** All hits of each query by (distance, row), recomputed one bit at a time. */
function bruteForce(codes: Uint8Array, queries: Uint8Array, bytes: number) {
  const distance = (a: Uint8Array, b: Uint8Array) => {
    let sum = 0;
    a.forEach((byte, i) => {
      for (let bits = byte ^ b[i]!; bits > 0; bits >>= 1) sum += bits & 1;
    });
    return sum;
  };
  const rowsOf = (data: Uint8Array) =>
    Array.from({ length: data.length / bytes }, (_, i) => data.subarray(i * bytes, (i + 1) * bytes));
  return rowsOf(queries).map((query) =>
    rowsOf(codes)
      .map((code, id) => ({ id, distance: distance(code, query) }))
      .sort((a, b) => a.distance - b.distance || a.id - b.id),
  );
}

it.each([8, 16, 64, 128])('search of %d bits equals a recomputation, ties included', async (bits) => {
  const bytes = bits / 8;
  // Few different bytes, so that equal distances abound.
  const codesOf = (count: number, seed: number) =>
    Uint8Array.from(
      randomValues(count * bytes, seed),
      (value) => [0, 1, 3, 255][Math.floor(Math.abs(value) * 4) % 4]!,
    );
  const [codes, queries] = [codesOf(101, 1), codesOf(7, 2)];
  work.writeNpy('c.npy', 'u1', [101, bytes], codes);
  work.writeNpy('q.npy', 'u1', [7, bytes], queries);
  const wanted = bruteForce(codes, queries, bytes);

  for (const k of [1, 10, 101, 500]) {
    const hits = wanted.map((all) => all.slice(0, k));
    const printed = await work.succeed('search', 'c.npy', 'q.npy', '-k', String(k), '--json');
    expect(JSON.parse(printed)).toEqual({ hits });

    const silent = await work.succeed(
      ...['search', 'c.npy', 'q.npy', '-k', String(k), '--ids', 'i.npy', '--distances', 'd.npy'],
    );
    expect(silent).toBe('');
    expect(work.readNpy('i.npy').header).toContain(
      `'<i8', 'fortran_order': False, 'shape': (7, ${Math.min(k, 101)})`,
    );
    expect(work.readNpy('d.npy').header).toContain(
      `'<i4', 'fortran_order': False, 'shape': (7, ${Math.min(k, 101)})`,
    );
    expect([...new BigInt64Array(work.readNpy('i.npy').data)].map(Number)).toEqual(
      hits.flat().map(({ id }) => id),
    );
    expect([...new Int32Array(work.readNpy('d.npy').data)]).toEqual(hits.flat().map((hit) => hit.distance));
  }
});

it('search without outputs prints a table; head may close it early', async () => {
  work.writeNpy('c.npy', 'u1', [3, 1], Uint8Array.from([0, 1, 3]));
  work.writeNpy('q.npy', 'u1', [1, 1], Uint8Array.from([1]));
  expect(await work.succeed('search', 'c.npy', 'q.npy', '-k', '2')).toBe(
    ['query  rank  id  distance', '    0     1   1         0', '    0     2   0         1', ''].join('\n'),
  );

  work.writeNpy('many.npy', 'u1', [50_000, 1], new Uint8Array(50_000));
  const child = work.start('search', 'many.npy', 'q.npy', '-k', '50000');
  child.stdout.once('data', () => child.stdout.destroy());
  expect(await outcomeOf(child)).toMatchObject({ code: 0, stderr: '' });
});

it('search prints millions of hits in little memory', async () => {
  const rows = 1500;
  const codes = Uint8Array.from({ length: rows }, (_, i) => i);
  work.writeNpy('c.npy', 'u1', [rows, 1], codes);
  work.nodeFlags = ['--max-old-space-size=48'];
  const child = work.start('search', 'c.npy', 'c.npy', '-k', String(rows));
  let bytes = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
  });
  const exitCode = await new Promise((resolve) => child.on('close', resolve));
  const widths = { query: 5, rank: 4, id: 4, distance: 8, spaces: 6, newline: 1 };
  const lineBytes = Object.values(widths).reduce((sum, width) => sum + width);
  expect({ exitCode, bytes }).toEqual({ exitCode: 0, bytes: (rows * rows + 1) * lineBytes });
});

it('a count beyond any number of rows means all of them', async () => {
  work.writeNpy('c.npy', 'u1', [3, 1], Uint8Array.from([0, 1, 3]));
  for (const k of ['5000000000', String(Number.MAX_SAFE_INTEGER)]) {
    const { hits } = JSON.parse(await work.succeed('search', 'c.npy', 'c.npy', '-k', k, '--json'));
    expect(hits.map((list: unknown[]) => list.length)).toEqual([3, 3, 3]);
  }
});

it('eval prints the metrics for each cut-off', async () => {
  work.writeVectors('x.npy', 120, 16, 1);
  work.writeVectors('q.npy', 20, 16, 2);
  work.writeNpy(
    'y.npy',
    'u1',
    [120],
    Uint8Array.from({ length: 120 }, (_, i) => i % 3),
  );
  work.writeNpy(
    'z.npy',
    'i8',
    [20],
    BigInt64Array.from({ length: 20 }, (_, i) => BigInt(i % 3)),
  );
  await work.succeed('fit', 'x.npy', '-o', 'm');
  const evaluation = ['--database', 'x.npy', '--database-labels', 'y.npy', '--queries', 'q.npy'];
  const all = ['eval', 'm', ...evaluation, '--query-labels', 'z.npy'];

  const { at, ties, averagePrecision, within, statistics, rerank } = JSON.parse(
    await work.succeed(...all, '--at', '50,10,120', '--json'),
  );
  expect([ties, averagePrecision]).toEqual(['expected', 'retrieved']);
  expect(Object.keys(at)).toEqual(['10', '50', '120']);
  for (const metrics of Object.values<Record<string, number>>(at)) {
    expect(Object.keys(metrics).sort()).toEqual([
      'meanAveragePrecision',
      'neighbourRecall',
      'precision',
      'recall',
    ]);
    for (const value of Object.values(metrics)) expect(value >= 0 && value <= 1).toBe(true);
  }
  // All rows are within the last cut-off.
  expect(at[120]).toMatchObject({ recall: 1, neighbourRecall: 1 });
  expect(at[120].precision).toBeCloseTo(1 / 3, 6);

  // The same vectors in a column of another format.
  for (const name of ['x', 'q']) {
    const { data } = work.readNpy(`${name}.npy`);
    const rows = Array.from({ length: data.byteLength / 64 }, (_, i) => [
      ...new Float32Array(data, i * 64, 16),
    ]);
    const lines = rows.map((row) => JSON.stringify({ other: [1], vector: row }));
    work.write(`${name}.jsonl`, new TextEncoder().encode(lines.join('\n')));
  }
  const columns = all.map((word) => word.replace(/^(x|q)\.npy$/, '$1.jsonl'));
  const fromColumn = await work.succeed(...columns, '--column', 'vector', '--at', '50,10,120', '--json');
  expect(JSON.parse(fromColumn)).toEqual({ at, ties, averagePrecision, within, statistics, rerank });
  expect((await work.run(...columns)).stderr).toContain(
    '2 columns of vectors (other, vector): the option column',
  );

  const beyond = JSON.parse(await work.succeed(...all, '--at', '5000000000', '--json'));
  expect(beyond.at[5_000_000_000]).toEqual(at[120]);

  const full = JSON.parse(
    await work.succeed(...all, '--at', 'all, 10', '--average-precision', 'all', '--json'),
  );
  expect(full).toMatchObject({ averagePrecision: 'all', ties: 'expected' });
  expect(Object.keys(full.at)).toEqual(['10', 'all']);
  expect(full.at.all).toEqual(at[120]);
  // A third of 120 rows is relevant, and at most 10 of these 40 are among the first 10.
  expect(full.at[10].meanAveragePrecision).toBeLessThan(at[10].meanAveragePrecision);
  expect(full.at[10].meanAveragePrecision).toBeLessThanOrEqual(10 / 40);

  // Every radius, and the codes themselves.
  expect(within).toEqual(full.within);
  expect(within.map(({ radius }: { radius: number }) => radius)).toEqual(
    Array.from({ length: 17 }, (_, radius) => radius),
  );
  expect(within[16]).toMatchObject({
    recall: 1,
    pooledRecall: 1,
    answered: 1,
    hits: 120,
    neighbourRecall: 1,
  });
  expect(within[16].precision).toBeCloseTo(1 / 3, 6);
  expect(statistics).toMatchObject({ rows: 120, bits: 16 });
  expect(Object.keys(statistics.quantizationLoss)).toEqual(['bit-variance', 'l2', 'l1', 'min-entropy']);
  await work.succeed('encode', 'm', 'x.npy', '-o', 'c.npy');
  const { quantizationLoss: _, ...ofCodes } = statistics;
  const inspected = JSON.parse(await work.succeed('inspect', 'c.npy', '--statistics', '--json'));
  expect(inspected.statistics).toEqual(ofCodes);
  const lines =
    /\ncodes +120 of 16 bits, \d+ different\nones per bit +0\.\d{4} to 0\.\d{4}\nentropy per bit +0\.\d{4} /;
  expect(await work.succeed('inspect', 'c.npy', '--statistics')).toMatch(lines);
  const text = await work.succeed(...all);
  expect(text).toMatch(lines);
  expect(text).toMatch(
    /\n\nwithin +precision +pooled +recall +neighbour recall +answered +rows found\n +0 (.*\n) +1 (.*\n) +2 /,
  );
  expect(text).toMatch(/\n +\d+ +0\.3\d+ +0\.3\d+ +1\.0000 +1\.0000 +1\.0000 +1[12]\d(\.\d)?\n\n/);

  for (const rule of ['expected', 'float', 'cosine', 'id']) {
    expect(JSON.parse(await work.succeed(...all, '--ties', rule, '--json')).ties).toBe(rule);
  }
  expect(await work.succeed(...all)).toMatch(/^ +N +mAP +precision +recall +neighbour recall\n +100 /);

  // The modes of re-ranking at their own cut-off, 10.
  expect(rerank).toMatchObject({ k: 10, oversample: 8 });
  expect(Object.keys(rerank.neighbourRecall)).toEqual([
    'hamming',
    'asymmetric',
    'asymmetricWithFactors',
    'asymmetricEuclidean',
    'float',
  ]);
  expect(rerank.neighbourRecall.hamming).toBeCloseTo(at[10].neighbourRecall, 12);
  expect(rerank.neighbourRecall.float).toBeGreaterThan(rerank.neighbourRecall.hamming);
  const allRows = JSON.parse(await work.succeed(...all, '--oversample', '12', '--json'));
  expect(allRows.rerank.neighbourRecall.float).toBe(1);
  expect(await work.succeed(...all, '--oversample', '2')).toMatch(
    /\n\nre-ranking +neighbour recall 10@10\nnone \(Hamming\) +0\.\d{4}\nasymmetric +0.*\nasymmetric, factors +0.*\nasymmetric, euclidean +0.*\nfloat +0.*\noversample: 2\n$/,
  );
  const refused = await work.run(...all, '--oversample', '0');
  expect([refused.code, refused.stderr]).toEqual([
    1,
    expect.stringContaining("h2q: --oversample: '0' is not"),
  ]);
});
