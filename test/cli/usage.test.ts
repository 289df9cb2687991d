/** Command lines that are wrong before any file or backend matters. */

import { Writable } from 'node:stream';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { createProgram, run } from '../../ts/cli/program.js';

async function h2q(...args: string[]) {
  const texts = { stdout: '', stderr: '' };
  const collect = (name: 'stdout' | 'stderr') =>
    new Writable({
      write(chunk, _encoding, done) {
        texts[name] += chunk;
        done();
      },
    });
  const code = await run(args, {
    signal: new AbortController().signal,
    stdout: collect('stdout'),
    stderr: collect('stderr') as NodeJS.WriteStream,
  });
  return { code, ...texts };
}

describe('wrong usage exits 1 with one line that names the culprit', () => {
  const fit = ['fit', 'X.npy', '-o', 'M'];
  const search = ['search', 'C.npy', 'Q.npy', '-k', '1'];
  const evaluation = [
    ...['eval', 'M', '--database', 'X', '--database-labels', 'y'],
    ...['--queries', 'Q', '--query-labels', 'z'],
  ];
  const cases: [string[], string][] = [
    [['frobnicate'], 'h2q: frobnicate: unknown command'],
    [['fit', '-o', 'M'], 'h2q: vectors: missing required argument'],
    [['fit', 'X.npy'], 'h2q: --output: required option not specified'],
    [[...fit, 'extra'], 'h2q: fit: too many arguments: expected 1, got 2\n'],
    [[...fit, '--bits', '8', 'a', 'b'], 'h2q: fit: too many arguments: expected 1, got 3\n'],
    [[...fit, '--json=3'], 'h2q: --json=3: unknown option (Did you mean --json?)\n'],
    [['fot'], 'h2q: fot: unknown command (Did you mean fit?)\n'],
    [[...fit, '--bit', '8'], 'h2q: --bit: unknown option (Did you mean --bits?)'],
    [[...fit, '--bits'], 'h2q: --bits: option argument missing'],
    [[...fit, '--bits', 'many'], "h2q: --bits: 'many' is not a whole number"],
    [[...fit, '--bits', '-8'], "h2q: --bits: '-8' is not a whole number"],
    [[...fit, '--bits', '1e1'], "h2q: --bits: '1e1' is not a whole number"],
    [[...fit, '--method', 'pq'], "h2q: --method: 'pq' is not one of h2q, itq, random, identity, auto"],
    [[...fit, '--criterion', 'taste'], "h2q: --criterion: 'taste' is not one of loss, neighbours, labels"],
    [[...fit, '--sample', 'few'], "h2q: --sample: 'few' is neither a number of rows nor all"],
    [
      [...fit, '--validation-labels', 'y.npy'],
      "h2q: --validation-labels: only method 'auto' uses this; choose that method, or leave this out",
    ],
    [[...fit, '--loss', 'l3'], "h2q: --loss: 'l3' is not one of bit-variance, l2, l1, min-entropy"],
    [[...fit, '--solver', 'adam'], "h2q: --solver: 'adam' is not one of auto, sgd"],
    [[...fit, '--epochs', '0'], "h2q: --epochs: '0' is not a whole number between 1"],
    [[...fit, '--learning-rate', '0'], "h2q: --learning-rate: '0' is not a number above 0"],
    [[...fit, '--learning-rate', 'Infinity'], "h2q: --learning-rate: 'Infinity' is not"],
    [[...fit, '--learning-rate', '1e39'], "h2q: --learning-rate: '1e39' is not a number above 0 and at most"],
    [[...fit, '--batch-size', '1.5'], "h2q: --batch-size: '1.5' is not"],
    [[...fit, '--reflections', '0'], "h2q: --reflections: '0' is not a whole number between 1"],
    [[...fit, '--center', 'true'], "h2q: --center: 'true' is not one of on, off"],
    [[...fit, '--seed', '9007199254740993'], "h2q: --seed: '9007199254740993' is not"],
    [[...fit, '--threads', 'two'], "h2q: --threads: 'two' is not"],
    [
      ['encode', 'M', 'X.npy', '-o', 'C', '--layout', 'big'],
      "h2q: --layout: 'big' is not one of lsb, msb, faiss, binary",
    ],
    [['encode', 'M', 'X.npy', '-o', 'C', '--format', 'txt'], "h2q: --format: 'txt' is not one of npy, fvecs"],
    [['convert', 'X.npy', 'Y.txt'], 'h2q: Y.txt: vectors are written to .npy, .fbin, .fvecs\n'],
    [['convert', 'X.csv', 'Y.npy', '--ids', 'id'], 'h2q: --ids-output: needed too'],
    [['search', 'C.npy', 'Q.npy'], 'h2q: -k: required option not specified'],
    [['search', 'C.npy', 'Q.npy', '-k', '0'], "h2q: -k: '0' is not a whole number between 1"],
    [['search', 'C.npy', 'Q.npy', '-k', '9007199254740992'], "h2q: -k: '9007199254740992' is not"],
    [[...search, '--method', 'fast'], "h2q: --method: 'fast' is not one of auto, linear, mih"],
    [[...search, '--ids', 'A', '--distances', 'A'], 'h2q: --distances: A is the file of --ids too'],
    [[...search, '--ids', 'A', '--distances', './A'], 'h2q: --distances: ./A is the file of --ids too'],
    [['eval', 'M'], 'h2q: --database: required option not specified'],
    [[...evaluation, '--at', '10,x'], "h2q: --at: 'x' is not a whole number"],
    [[...evaluation, '--at', 'all,'], "h2q: --at: '' is not a whole number"],
    [
      [...evaluation, '--average-precision', 'recall'],
      "h2q: --average-precision: 'recall' is not one of retrieved, all, possible",
    ],
  ];

  it.each(cases)('h2q %j', async (args, message) => {
    const { code, stdout, stderr } = await h2q(...args);
    expect(stderr).toContain(message);
    expect(stderr.split('\n')).toHaveLength(2);
    expect(stdout).toBe('');
    expect(code).toBe(1);
  });
});

it('help and version go to standard output', async () => {
  expect(await h2q('--help')).toMatchObject({
    code: 0,
    stderr: '',
    stdout: expect.stringContaining('Usage: h2q'),
  });
  for (const command of ['fit', 'transform', 'encode', 'search', 'eval', 'convert', 'inspect', 'demo']) {
    const { code, stdout } = await h2q(command, '--help');
    expect(code).toBe(0);
    expect(stdout).toContain(`Usage: h2q ${command}`);
  }
  expect(await h2q('--version')).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
  });
});

describe('examples in the help', () => {
  const context = {
    signal: new AbortController().signal,
    stdout: { write: () => true },
    stderr: process.stderr,
  };
  const commandsOf = (command: Command): Command[] => [command, ...command.commands.flatMap(commandsOf)];
  const pathOf = (command: Command): string[] =>
    command.parent ? [...pathOf(command.parent), command.name()] : [];
  const paths = commandsOf(createProgram(context)).map(pathOf);

  it('are there for every command, about itself', () => {
    expect(paths.length).toBeGreaterThan(18);
  });

  it.each(paths.map((path) => [path.join(' '), path] as const))('h2q %s', async (name, path) => {
    const { stdout } = await h2q(...path, '--help');
    const [, text = ''] = stdout.split('\nExamples:\n');
    // A long line goes on behind a backslash.
    const lines = text
      .replaceAll(/ \\\n +/g, ' ')
      .split('\n')
      .filter((line) => line.startsWith('  '));
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.some((line) => `${line} `.includes(`h2q ${name}`))).toBe(true);
    for (const line of lines) {
      // Of a pipe the part that is ours, without what the shell does with the output.
      const [, args = ''] = line.replace(/\).*| > .*/, '').match(/h2q (.*)/) ?? [];
      await expectParsed(args.split(' '));
    }
  });

  /** That a command line is one of ours: it runs, as far as parsing goes. */
  async function expectParsed(words: string[]) {
    const program = createProgram(context);
    let isParsed = words.includes('--help');
    for (const command of commandsOf(program)) {
      command.exitOverride().configureOutput({ writeErr: () => {}, writeOut: () => {} });
      if (command.commands.length > 0) continue;
      command.action(() => {
        isParsed = true;
      });
    }
    await program.parseAsync(words, { from: 'user' }).catch((error) => {
      if (error.code !== 'commander.helpDisplayed') throw new Error(`${words.join(' ')}: ${error.message}`);
    });
    expect(isParsed, words.join(' ')).toBe(true);
  }
});

it('no command at all prints the help to standard error', async () => {
  expect(await h2q()).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('Usage: h2q') });
});
