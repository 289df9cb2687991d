/** Bad input: exit code 1, one line that names the culprit, nothing written. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { npyHeader } from '../../ts/io/npy.js';
import { Workplace } from './h2q.js';

const work = new Workplace();

async function expectRefusal(args: string[], message: string | RegExp): Promise<void> {
  const before = work.list();
  const { code, stdout, stderr } = await work.run(...args);
  expect(stderr).toMatch(message);
  expect(stderr).toMatch(/^h2q: [^\n]*\n$/);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(work.list()).toEqual(before);
}

/** Commands that read vectors from x.npy, with a model of 16 dimensions beside it. */
const READERS: [string, string[]][] = [
  ['fit', ['fit', 'x.npy', '-o', 'out']],
  ['transform', ['transform', 'm', 'x.npy', '-o', 'out']],
  ['encode', ['encode', 'm', 'x.npy', '-o', 'out']],
];

async function fitModel(): Promise<void> {
  work.writeVectors('good.npy', 60, 16);
  await work.succeed('fit', 'good.npy', '-o', 'm', '--method', 'identity');
}

describe.each(READERS)('%s refuses', (command, args) => {
  it('bad files of vectors', async () => {
    await fitModel();
    await expectRefusal(args, 'h2q: x.npy: no such file');

    const header = (text: string) =>
      Buffer.from(npyHeader('f4', [10, 16]))
        .toString('latin1')
        .replace('<f4', text);
    const data = new Float32Array(160).fill(0.5);
    const cases: [string, () => void, RegExp][] = [
      [
        'truncated',
        () => work.write('x.npy', npyHeader('f4', [10, 16]), data.subarray(1)),
        /h2q: x\.npy: truncated/,
      ],
      ['not npy', () => writeFileSync(join(work.path, 'x.npy'), 'hello'), /h2q: x\.npy: not an \.npy file/],
      [
        'integers',
        () => work.write('x.npy', Buffer.from(header('<i4'), 'latin1'), data),
        /h2q: x\.npy: .*<i4/,
      ],
      [
        'big-endian',
        () => work.write('x.npy', Buffer.from(header('>f4'), 'latin1'), data),
        /h2q: x\.npy: big-endian/,
      ],
      [
        'Fortran order',
        () => work.write('x.npy', Buffer.from(header('<f4').replace('False', 'True '), 'latin1'), data),
        /h2q: x\.npy: .*Fortran/,
      ],
      ['no rows', () => work.writeNpy('x.npy', 'f4', [0, 16], new Uint8Array(0)), /h2q: x\.npy: no rows/],
      [
        'NaN',
        () => work.writeNpy('x.npy', 'f4', [10, 16], withValue(data, 53, NaN)),
        /h2q: x\.npy: row 3, column 5/,
      ],
      [
        'infinity',
        () => work.writeNpy('x.npy', 'f4', [10, 16], withValue(data, 159, -Infinity)),
        /h2q: x\.npy: row 9, column 15/,
      ],
    ];
    for (const [name, prepare, message] of cases) {
      prepare();
      await expectRefusal(args, message).catch((error) => {
        throw new Error(`${command}, ${name}: ${error.message}`, { cause: error });
      });
    }
  });

  it('outputs that cannot be written', async () => {
    await fitModel();
    work.writeVectors('x.npy', 60, 16);
    mkdirSync(join(work.path, 'folder'));
    const to = (output: string) => [...args.slice(0, -1), output];
    await expectRefusal(to('none/out'), 'h2q: none/out: cannot be written: its folder does not exist');
    await expectRefusal(to('folder'), 'h2q: folder: cannot be written: is a folder');
  });
});

function withValue(data: Float32Array, at: number, value: number): Float32Array {
  return data.with(at, value);
}

describe('fit refuses', () => {
  it('bits that are no multiple of 8 or more than the dimensions', async () => {
    work.writeVectors('x.npy', 40, 20);
    for (const bits of ['0', '12', '24']) {
      await expectRefusal(['fit', 'x.npy', '-o', 'm', '--bits', bits], `h2q: --bits: ${bits} is not`);
    }
  });

  it('vectors too narrow for any code', async () => {
    work.writeVectors('x.npy', 40, 7);
    for (const bits of [[], ['--bits', '8']]) {
      await expectRefusal(
        ['fit', 'x.npy', '-o', 'm', ...bits],
        'h2q: x.npy: 7 dimensions, too few for the shortest codes, 8 bits',
      );
    }
  });

  it('options that do not go together', async () => {
    work.writeVectors('x.npy', 40, 16);
    await expectRefusal(['fit', 'x.npy', '-o', 'm', '--learning-rate', '1'], 'h2q: --learning-rate: ');
    await expectRefusal(['fit', 'x.npy', '-o', 'm', '--method', 'itq', '--loss', 'l1'], 'h2q: --loss: ');
  });

  it('wrong options before it reads any vectors', async () => {
    // Every value is bad: whoever reads them says so.
    work.writeNpy('x.npy', 'f4', [40, 16], new Float32Array(640).fill(NaN));
    work.writeNpy('y.npy', 'u1', [40], new Uint8Array(40));
    work.writeNpy('classes.npy', 'u1', [40, 3], new Uint8Array(120));
    work.writeNpy('other.npy', 'u1', [40, 2], new Uint8Array(80));
    const auto = ['--method', 'auto'];
    const judged = [...auto, '--validation', 'x.npy', '--labels'];
    const cases: [string[], string][] = [
      [['--bits', '12'], 'h2q: --bits: 12 is not a multiple of 8 between 8 and the 16 dimensions'],
      [['--method', 'itq', '--solver', 'sgd'], 'h2q: --solver: sgd is not auto'],
      [['--reflections', '3'], 'h2q: --reflections: only solver sgd uses it'],
      [
        [...auto, '--criterion', 'labels'],
        "h2q: --criterion: 'labels' cannot be chosen by where none are given",
      ],
      [
        ['--criterion', 'loss'],
        "h2q: --criterion: only method 'auto' uses this; choose that method, or leave",
      ],
      [
        ['--labels', 'y.npy'],
        "h2q: --labels: only method 'auto' uses this; choose that method, or leave this",
      ],
      [[...auto, '--labels', 'none.npy'], 'h2q: none.npy: no such file'],
      [[...judged, 'y.npy'], 'h2q: --validation-labels: needed where both labels and validation are given'],
      [
        [...judged, 'y.npy', '--validation-labels', 'classes.npy'],
        'h2q: classes.npy: expected one label per row as in y.npy, got rows of 3 classes',
      ],
      [
        [...judged, 'other.npy', '--validation-labels', 'classes.npy'],
        'h2q: classes.npy: expected rows of 2 classes as in other.npy, got rows of 3 classes',
      ],
    ];
    for (const [flags, message] of cases) {
      await expectRefusal(['fit', 'x.npy', '-o', 'out', ...flags], message);
    }
    await expectRefusal(['fit', 'x.npy', '-o', 'out'], 'h2q: x.npy: row 0, column 0: NaN');
  });

  it('validation vectors of other dimensions, or bad ones', async () => {
    work.writeVectors('x.npy', 40, 16);
    work.writeVectors('v.npy', 40, 8);
    const args = ['fit', 'x.npy', '-o', 'm', '--validation'];
    await expectRefusal([...args, 'v.npy'], 'h2q: v.npy: expected 16 dimensions as in x.npy, got 8');
    await expectRefusal([...args, 'w.npy'], 'h2q: w.npy: no such file');
  });
});

describe('a model', () => {
  it('of other dimensions', async () => {
    await fitModel();
    work.writeVectors('x.npy', 5, 24);
    for (const command of ['transform', 'encode']) {
      await expectRefusal(
        [command, 'm', 'x.npy', '-o', 'out'],
        'h2q: x.npy: expected 16 dimensions as in m, got 24',
      );
    }
  });

  it('missing, foreign, truncated or damaged', async () => {
    await fitModel();
    work.writeVectors('x.npy', 5, 16);
    const args = ['encode', 'bad', 'x.npy', '-o', 'out'];
    await expectRefusal(args, 'h2q: bad: no such file');
    const model = readFileSync(join(work.path, 'm'));
    const damaged = Uint8Array.from(model, (byte, i) => (i === model.length - 9 ? byte ^ 1 : byte));
    for (const bytes of [new Uint8Array(0), new Uint8Array(500), model.subarray(0, -1), damaged]) {
      writeFileSync(join(work.path, 'bad'), bytes);
      await expectRefusal(args, /^h2q: bad: not a readable model/);
      rmSync(join(work.path, 'bad'));
    }
  });
});

it.skipIf(process.platform === 'win32').each(READERS)('%s refuses a pipe at once', async (_, args) => {
  await fitModel();
  execFileSync('mkfifo', ['x.npy'], { cwd: work.path });
  await expectRefusal(args, 'h2q: x.npy: is a pipe, not a regular file');
});

describe('search refuses', () => {
  it('codes of another type, shape or length', async () => {
    work.writeNpy('c.npy', 'u1', [4, 2], new Uint8Array(8));
    work.writeNpy('wide.npy', 'u1', [4, 3], new Uint8Array(12));
    work.writeNpy('flat.npy', 'u1', [8], new Uint8Array(8));
    work.writeVectors('floats.npy', 4, 2);
    const cases: [string, string, RegExp][] = [
      ['c.npy', 'wide.npy', /h2q: wide\.npy: expected 16 bits as in c\.npy, got 24/],
      ['flat.npy', 'c.npy', /h2q: flat\.npy: .*2-d/],
      ['c.npy', 'floats.npy', /h2q: floats\.npy: .*codes must be u1/],
      ['c.npy', 'none.npy', /h2q: none\.npy: no such file/],
    ];
    for (const [codes, queries, message] of cases) {
      await expectRefusal(['search', codes, queries, '-k', '1', '--ids', 'i.npy'], message);
    }
  });

  it('outputs, both or neither', async () => {
    work.writeNpy('c.npy', 'u1', [4, 2], new Uint8Array(8));
    const args = ['search', 'c.npy', 'c.npy', '-k', '1', '--ids', 'i.npy', '--distances', 'none/d.npy'];
    await expectRefusal(args, 'h2q: none/d.npy: cannot be written');
    await expectRefusal(
      [...args.slice(0, -1), `../${basename(work.path)}/i.npy`],
      /h2q: --distances: .*i\.npy is the file of --ids too/,
    );
  });
});

it('eval names the file whose labels do not fit', async () => {
  await fitModel();
  work.writeNpy('y.npy', 'u1', [60], new Uint8Array(60));
  work.writeNpy('short.npy', 'u1', [59], new Uint8Array(59));
  work.writeNpy('halves.npy', 'i4', [60, 1], new Int32Array(60).fill(2));
  const evaluate = (databaseLabels: string, queryLabels: string) => [
    ...['eval', 'm', '--database', 'good.npy', '--database-labels', databaseLabels],
    ...['--queries', 'good.npy', '--query-labels', queryLabels],
  ];
  await expectRefusal(evaluate('short.npy', 'y.npy'), 'h2q: short.npy: expected labels of 60 rows, got 59');
  await expectRefusal(evaluate('y.npy', 'short.npy'), 'h2q: short.npy: expected labels of 60 rows, got 59');
  await expectRefusal(
    evaluate('halves.npy', 'y.npy'),
    'h2q: halves.npy: row 0, class 0: 2 is neither 0 nor 1',
  );
  work.writeNpy('classes.npy', 'u1', [60, 3], new Uint8Array(180));
  await expectRefusal(
    evaluate('classes.npy', 'y.npy'),
    'h2q: y.npy: expected rows of 3 classes as in classes.npy, got one label per row',
  );
});
