/** What `h2q embed` says when it cannot: one line that names the culprit, and nothing left behind. */

import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Workplace } from '../cli/h2q.js';
import { fixture, PICTURE_NETWORK, skipWithoutNetworks, TEXT_NETWORK } from './networks.js';

const work = new Workplace();
skipWithoutNetworks();

const pictures = fixture('pictures');
const texts = fixture('texts.jsonl');

/** What the command says on standard error. It must fail as bad input does, and leave only `left`. */
async function complaintOf(args: string[], left = work.list()): Promise<string> {
  const { code, stdout, stderr } = await work.run('embed', ...args);
  expect([code, stdout]).toEqual([1, '']);
  expect(work.list()).toEqual(left);
  expect(stderr.split('\n')).toHaveLength(2);
  return stderr.trimEnd();
}

it('names the package that is missing, and how to get it', async () => {
  const hooks = `export async function resolve(name, context, next) {
    if (name !== '@huggingface/transformers') return next(name, context);
    const message = "Cannot find package '@huggingface/transformers' imported from here";
    throw Object.assign(new Error(message), { code: 'ERR_MODULE_NOT_FOUND' });
  }`;
  writeFileSync(join(work.path, 'hooks.mjs'), hooks);
  writeFileSync(
    join(work.path, 'register.mjs'),
    `import { register } from 'node:module';
register('./hooks.mjs', import.meta.url);`,
  );
  work.nodeFlags = ['--import', `file://${join(work.path, 'register.mjs')}`];
  expect(await complaintOf([pictures, '--model', PICTURE_NETWORK, '-o', 'x.npy'])).toMatch(
    /^h2q: embedding needs the package @huggingface\/transformers, which is not installed; try: npm install @huggingface\/transformers@\d+\.\d+\.\d+ --ignore-scripts$/,
  );
  // Only embedding needs it.
  expect((await work.run('embed', '--help')).code).toBe(0);
});

it('names a package that is there and does not load', async () => {
  const register = `import Module from 'node:module';
const load = Module._load;
Module._load = (name, ...rest) => {
  if (name === 'onnxruntime-node') throw new Error('no such processor');
  return load(name, ...rest);
};`;
  writeFileSync(join(work.path, 'register.mjs'), register);
  work.nodeFlags = ['--import', `file://${join(work.path, 'register.mjs')}`];
  expect(await complaintOf([pictures, '--model', PICTURE_NETWORK, '-o', 'x.npy'])).toContain(
    'which cannot be loaded: no such processor',
  );
});

it('names what is missing in the folder of the network', async () => {
  const embed = (input: string, ...more: string[]) =>
    complaintOf([input, '--model', 'own', '-o', 'x.npy', ...more], work.list());
  expect(await embed(pictures)).toBe('h2q: own: no such file');
  mkdirSync(join(work.path, 'own'));
  expect(await embed(pictures)).toMatch(
    /^h2q: own\/preprocessor_config.json: no such file; it says the size/,
  );
  expect(await embed(texts, '--column', 'text')).toMatch(
    /^h2q: own\/tokenizer.json: no such file; it says how/,
  );
  writeFileSync(join(work.path, 'own/preprocessor_config.json'), '{');
  expect(await embed(pictures)).toBe('h2q: own/preprocessor_config.json: not JSON');
  copyFileSync(
    join(PICTURE_NETWORK, 'preprocessor_config.json'),
    join(work.path, 'own/preprocessor_config.json'),
  );
  expect(await embed(pictures)).toBe(
    'h2q: own/model.onnx: no such file; the folder has no network in the ONNX format',
  );
  for (const name of ['a.onnx', 'b.onnx']) writeFileSync(join(work.path, 'own', name), 'not a network');
  expect(await embed(pictures)).toBe('h2q: own/model.onnx: no such file; there are a.onnx, b.onnx');
  expect(await embed(pictures, '--network', 'c.onnx')).toContain(
    'own/c.onnx: no such file; there are a.onnx',
  );
  expect(await embed(pictures, '--network', 'a.onnx')).toMatch(/^h2q: own\/a.onnx: cannot be loaded: /);
  expect(await complaintOf([pictures, '--model', texts, '-o', 'x.npy'])).toBe(
    `h2q: ${texts}: cannot be read: is not a folder`,
  );
});

it('names the result and the kind of input that do not fit the network', async () => {
  const model = ['--model', PICTURE_NETWORK, '-o', 'x.npy'];
  expect(await complaintOf([pictures, ...model, '--result', 'logits'])).toBe(
    `h2q: ${PICTURE_NETWORK}/onnx/model.onnx: no result named logits: there are last_hidden_state`,
  );
  expect(await complaintOf([texts, ...model])).toContain(`${PICTURE_NETWORK}/tokenizer.json: no such file`);
  mkdirSync(join(work.path, 'mixed/onnx'), { recursive: true });
  copyFileSync(join(PICTURE_NETWORK, 'onnx/model.onnx'), join(work.path, 'mixed/onnx/model.onnx'));
  for (const file of ['tokenizer.json', 'tokenizer_config.json', 'config.json']) {
    copyFileSync(join(TEXT_NETWORK, file), join(work.path, 'mixed', file));
  }
  expect(await complaintOf([texts, '--model', 'mixed', '-o', 'x.npy', '--column', 'text'])).toMatch(
    /^h2q: mixed\/onnx\/model.onnx: cannot be run: .*pixel_values/,
  );
});

it('names a picture that cannot be read, and a folder without any', async () => {
  mkdirSync(join(work.path, 'p/a'), { recursive: true });
  const model = ['--model', PICTURE_NETWORK, '-o', 'x.npy'];
  expect(await complaintOf(['p', ...model])).toMatch(/^h2q: p: no pictures in this folder \(.png, .jpg, /);
  expect(await complaintOf(['nowhere', ...model])).toMatch(/^h2q: nowhere: neither a folder of pictures nor/);
  const good = readFileSync(join(pictures, 'discs/red.png'));
  for (const name of ['1', '2', '4']) writeFileSync(join(work.path, `p/a/${name}.png`), good);
  writeFileSync(join(work.path, 'p/a/3.png'), good.subarray(0, 60));
  const batches = ['--batch-size', '2', '--names-output', 'names.txt'];
  expect(await complaintOf(['p', ...model, ...batches])).toMatch(
    /^h2q: p\/a\/3.png: not a picture that can be read: ./,
  );
  writeFileSync(join(work.path, 'p/top.png'), good);
  expect(await complaintOf(['p', ...model, '--labels-output', 'y.npy'])).toBe(
    'h2q: --labels-output: p/top.png lies in no folder that could be its label',
  );
});

it('names the row that is no text, or has no id', async () => {
  const embed = (...lines: string[]) => {
    writeFileSync(join(work.path, 't.jsonl'), `${lines.join('\n')}\n`);
    return complaintOf(['t.jsonl', '--model', TEXT_NETWORK, '-o', 'x.npy', '--batch-size', '1'], ['t.jsonl']);
  };
  expect(await embed()).toBe('h2q: t.jsonl: no rows');
  expect(await embed('"a"', '3')).toBe('h2q: t.jsonl: row 1: 3, not a text');
  expect(await embed('"a"', '"b"', '{')).toBe("h2q: t.jsonl: row 2: not JSON: '{'");
  expect(await embed('{"text":"a"}', '{"text":null}')).toBe(
    'h2q: t.jsonl: row 1, column text: no value, not a text',
  );
  expect(await embed('{"a":"x","b":"y"}')).toMatch(
    /2 columns of text \(a, b\): the option column names one$/,
  );
  expect(await embed('{"a":3}')).toBe('h2q: t.jsonl: no column of text');
  expect(await embed('[1, 2]')).toMatch(/row 0: a list, not a text or an object with one$/);
});

it('refuses flags that go nowhere before it loads anything', async () => {
  const model = ['--model', 'nowhere', '-o', 'x.npy'];
  expect(await complaintOf([texts, ...model, '--names-output', 'n'])).toBe(
    'h2q: --names-output: texts have none',
  );
  expect(await complaintOf([pictures, ...model, '--column', 'a'])).toBe('h2q: --column: pictures have none');
  expect(await complaintOf([texts, ...model, '--ids', 'id'])).toMatch(/^h2q: --ids-output: needed too/);
  expect(await complaintOf([pictures, '--model', 'm', '-o', 'x.txt'])).toMatch(
    /^h2q: x.txt: vectors are written to/,
  );
  expect(await complaintOf([pictures, ...model, '--pooling', 'max'])).toBe(
    "h2q: --pooling: 'max' is not one of mean, cls, last",
  );
});

it('leaves nothing behind when it is interrupted', async () => {
  const lines = Array.from({ length: 5000 }, (_, i) => JSON.stringify(`line ${i} ${'and more '.repeat(60)}`));
  writeFileSync(join(work.path, 't.jsonl'), lines.join('\n'));
  const child = work.start('embed', 't.jsonl', '--model', TEXT_NETWORK, '-o', 'x.npy');
  const ended = new Promise((resolve) => child.on('close', resolve));
  // Until rows are being written.
  while (!work.list().some((name) => name !== 't.jsonl')) await sleep(20);
  const started = performance.now();
  child.kill('SIGINT');
  expect(await ended).toBe(130);
  expect(performance.now() - started).toBeLessThan(5000);
  expect(work.list()).toEqual(['t.jsonl']);
});
