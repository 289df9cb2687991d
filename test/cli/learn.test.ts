/** `h2q learn` and `h2q fit --head`: two stages, one model. */

import { expect, it } from 'vitest';
import { randomValues, Workplace } from './h2q.js';

const work = new Workplace();
const LEARN = ['learn', 'x.npy', '--labels', 'y.npy', '-o', 'learnt.h2q', '--bits', '16', '--hidden', '20'];

function writeInputs(): void {
  const values = randomValues(300 * 10, 1);
  const labels = Int32Array.from({ length: 300 }, (_, row) => row % 3);
  labels.forEach((label, row) => {
    values[row * 10 + label] = (values[row * 10 + label] as number) + 3;
  });
  work.writeNpy('x.npy', 'f4', [300, 10], values);
  work.writeNpy('y.npy', 'i4', [300], labels);
}

it('learns a head, fits behind it, and one file encodes', async () => {
  writeInputs();
  const summary = JSON.parse(await work.succeed(...LEARN, '--epochs', '4', '--loss', 'hyp2', '--json'));
  expect(summary).toMatchObject({
    rows: 300,
    dimensions: 10,
    bits: 16,
    loss: 'hyp2',
    penalty: 'none',
    epochs: 4,
  });
  expect(summary.history).toHaveLength(4);
  const fitted = JSON.parse(
    await work.succeed('fit', 'x.npy', '--head', 'learnt.h2q', '-o', 'm.h2q', '--json'),
  );
  expect(fitted).toMatchObject({ dimensions: 10, bits: 16, method: 'h2q', head: { loss: 'hyp2' } });
  await work.succeed('encode', 'm.h2q', 'x.npy', '-o', 'c.npy');
  await work.succeed('transform', 'learnt.h2q', 'x.npy', '-o', 'z.npy');
  await work.succeed('fit', 'z.npy', '-o', 'two.h2q');
  await work.succeed('encode', 'two.h2q', 'z.npy', '-o', 'c2.npy');
  expect(work.read('c.npy')).toEqual(work.read('c2.npy'));
  expect(await work.succeed('inspect', 'm.h2q')).toMatch(/"loss":"hyp2"/);
});

it('prints facts, and goes on from a checkpoint to the same file', async () => {
  writeInputs();
  const text = await work.succeed(...LEARN, '--epochs', '3', '--penalty', 'l2');
  expect(text).toMatch(/loss +cel \+ 0.01 l2/);
  expect(text).toMatch(/float mAP@1000 +[01]\.\d{4}/);
  const model = work.read('learnt.h2q');
  const state = ['--checkpoint', 'state.bin'];
  await work.succeed(...LEARN, '--epochs', '3', '--penalty', 'l2', '--patience', '1', ...state);
  const resumed = await work.run(...LEARN, '--epochs', '3', '--penalty', 'l2', '--patience', '9', ...state);
  expect([resumed.code, resumed.stderr]).toEqual([0, 'h2q: state.bin: going on from there\n']);
  expect(work.read('learnt.h2q')).toEqual(model);
  const other = await work.run(...LEARN, '--epochs', '4', ...state);
  expect([other.code, other.stderr]).toEqual([
    1,
    expect.stringContaining(
      'state.bin: not a readable model: it is a state of learning from other vectors, labels or options',
    ),
  ]);
});

it.each([
  [['--bits', '12'], /bits/],
  [['--loss', 'hinge'], /--loss/],
  [['--hidden', 'many'], /--hidden/],
  [['--dropout', '-1'], /--dropout/],
  [['--validation', 'x.npy'], /--validation-labels: needed where/],
  [['--labels', 'x.npy'], /x\.npy/],
  [['-o', 'no/such/folder.h2q'], /no\/such/],
])('ends with 1 and a reason for %j', async (flags, reason) => {
  writeInputs();
  const { code, stdout, stderr } = await work.run(...LEARN, ...flags);
  expect([code, stdout]).toEqual([1, '']);
  expect(stderr).toMatch(reason);
  expect(work.list()).toEqual(['x.npy', 'y.npy']);
});

it('says which head does not fit', async () => {
  writeInputs();
  await work.succeed('fit', 'x.npy', '-o', 'plain.h2q');
  const { code, stderr } = await work.run('fit', 'x.npy', '--head', 'plain.h2q', '-o', 'm.h2q');
  expect([code, stderr]).toEqual([1, expect.stringContaining('plain.h2q: expected the model of `learn`')]);
});
