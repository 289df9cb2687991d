/** One iteration of the bench of the fit, on a fixture: it runs, and what it reports can be believed. */

import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { run } from '../../bench/fit.mjs';
import { spread } from '../../bench/lib/record.mjs';

it('runs every contender once and reports losses and seconds', { timeout: 120_000 }, async () => {
  const results = await run({ quick: true });
  const names = new Set(results.map((row) => row.contender));
  expect([...names]).toEqual(expect.arrayContaining(['h2q auto', 'h2q sgd', 'h2q itq']));
  for (const { seconds, validationLoss } of results) {
    expect(seconds.median).toBeGreaterThan(0);
    expect(seconds).toMatchObject({ samples: 1, lowest: seconds.median, highest: seconds.median });
    // Where it is known: a peer that is timed over a few epochs alone has no final loss.
    if (validationLoss) expect(validationLoss.median).toBeLessThan(3);
  }
  // 2 epochs of sgd are behind the converged solver on every loss.
  for (const loss of ['bit-variance', 'l2', 'l1', 'min-entropy']) {
    const of = (contender: string) =>
      results.find((row) => row.loss === loss && row.contender === contender)?.validationLoss?.median;
    expect(of('h2q auto') ?? 1e9, loss).toBeLessThan(of('h2q sgd') ?? 0);
  }
});

it('measures on files of the user, at the bits asked for', { timeout: 120_000 }, async () => {
  const fixture = (name: string) =>
    fileURLToPath(new URL(`../fixtures/fashion32-${name}.npy`, import.meta.url));
  const files = { train: fixture('train'), validation: fixture('validation') };
  const results = await run({ quick: true, ...files, bits: '8, 24' });
  expect(new Set(results.map((row) => `${row.set} ${row.bits}`))).toEqual(
    new Set(['fashion32-train 8', 'fashion32-train 24']),
  );
  await expect(run({ quick: true, train: files.train })).rejects.toThrow(
    '--train and --validation: give both',
  );
  await expect(run({ quick: true, bits: '12' })).rejects.toThrow(
    "--bits: '12' is not a list of multiples of 8",
  );
  await expect(run({ quick: true, ...files, bits: '40' })).rejects.toThrow('bits: 40 is not');
  await expect(run({ quick: true, ...files, train: 'none.npy' })).rejects.toThrow('none.npy: no such file');
});

it('spreads are the median, the lowest and the highest', () => {
  expect(spread([3, 1, 2])).toEqual({ median: 2, lowest: 1, highest: 3, samples: 3 });
  expect(spread([5])).toEqual({ median: 5, lowest: 5, highest: 5, samples: 1 });
});
