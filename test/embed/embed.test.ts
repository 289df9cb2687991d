/** `h2q embed` on small real networks, against what their own code in PyTorch makes of the same inputs. */

import { copyFileSync, cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PictureEmbedder, TextEmbedder } from '../../ts/embed/index.js';
import { Workplace } from '../cli/h2q.js';
import {
  farthest,
  fixture,
  floatsOf,
  PICTURE_NETWORK,
  PICTURES,
  skipWithoutNetworks,
  TEXT_NETWORK,
} from './networks.js';

const work = new Workplace();
skipWithoutNetworks();

// Rows have norms of 12 to 16 and of 1.
const NEAR_PICTURES = 1e-4;
const NEAR_TEXTS = 1e-6;

const TEXTS = readFileSync(fixture('texts.jsonl'), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line));
const ofPictures = ['--model', PICTURE_NETWORK];
const ofTexts = ['--model', TEXT_NETWORK];
const floats = (name: string) => new Float32Array(work.readNpy(name).data);

describe('pictures', () => {
  const expected = floatsOf(fixture('pictures.npy'));

  it('give the rows of the original network, whatever their size, colours and orientation', async () => {
    const beside = ['--names-output', 'names.txt', '--labels-output', 'labels.npy', '--json'];
    const out = await work.succeed('embed', fixture('pictures'), ...ofPictures, '-o', 'x.npy', ...beside);
    expect(JSON.parse(out)).toEqual({
      ...{ rows: 10, columns: 1280, output: 'x.npy' },
      ...{ namesOutput: 'names.txt', labelsOutput: 'labels.npy' },
    });
    expect(work.readNpy('x.npy').header).toContain("'<f4', 'fortran_order': False, 'shape': (10, 1280)");
    expect(farthest(floats('x.npy'), expected)).toBeLessThan(NEAR_PICTURES);
    expect(work.read('names.txt').toString()).toBe(`${PICTURES.join('\n')}\n`);
    const labels = [...new Int32Array(work.readNpy('labels.npy').data)];
    expect(labels).toEqual(
      PICTURES.map((name) => ['discs', 'squares', 'stripes'].indexOf(name.split('/')[0]!)),
    );
  });

  it('one by one, in any format of vectors, give the same', async () => {
    const embed = (output: string, ...more: string[]) =>
      work.succeed('embed', fixture('pictures'), ...ofPictures, '-o', output, '--batch-size', '1', ...more);
    await embed('x.fbin');
    await embed('x.fvecs', '--threads', '1');
    const fbin = Uint8Array.from(work.read('x.fbin')).buffer;
    expect([...new Uint32Array(fbin, 0, 2)]).toEqual([10, 1280]);
    expect(farthest(new Float32Array(fbin, 8), expected)).toBeLessThan(NEAR_PICTURES);
    await work.succeed('convert', 'x.fvecs', 'x.npy');
    expect(farthest(floats('x.npy'), expected)).toBeLessThan(NEAR_PICTURES);
  });

  it('a single one is a row of itself', async () => {
    const [name] = PICTURES as [string];
    const picture = join(fixture('pictures'), name);
    await work.succeed(
      'embed',
      picture,
      ...ofPictures,
      '-o',
      'x.npy',
      '--names-output',
      'n',
      '--normalize',
      'on',
    );
    expect(work.read('n').toString()).toBe(`${basename(name)}\n`);
    const norm = Math.hypot(...expected.subarray(0, 1280));
    const unit = expected.subarray(0, 1280).map((value) => value / norm);
    expect(farthest(floats('x.npy'), unit)).toBeLessThan(NEAR_PICTURES / norm);
  });

  it('come out of codes and an index as the nearest of their kind', async () => {
    await work.succeed(
      'embed',
      fixture('pictures'),
      ...ofPictures,
      '-o',
      'x.npy',
      '--labels-output',
      'y.npy',
    );
    await work.succeed('fit', 'x.npy', '-o', 'm.h2q', '--bits', '8', '--validation', 'x.npy');
    await work.succeed('encode', 'm.h2q', 'x.npy', '-o', 'codes.npy');
    await work.succeed('index', 'build', 'codes.npy', '-o', 'x.index', '--model', 'm.h2q');
    const { hits } = JSON.parse(await work.succeed('search', 'x.index', 'codes.npy', '-k', '2', '--json'));
    const labels = new Int32Array(work.readNpy('y.npy').data);
    const kinds = (hits as { id: number }[][]).map(([, second], row) => labels[second!.id] === labels[row]);
    expect(kinds.filter(Boolean).length).toBeGreaterThanOrEqual(8);
  });

  it('go through a network without config.json, under any name of its input, and its vision_model.onnx', async () => {
    mkdirSync(join(work.path, 'own/onnx'), { recursive: true });
    const [from, own] = [
      (file: string) => join(PICTURE_NETWORK, file),
      (file: string) => join(work.path, 'own', file),
    ];
    copyFileSync(from('preprocessor_config.json'), own('preprocessor_config.json'));
    // The name of the input in the file, as often as it stands there, and another one of the same length.
    const renamed = readFileSync(from('onnx/model.onnx'), 'latin1').replaceAll(
      'pixel_values',
      'pixel_points',
    );
    writeFileSync(own('mine.onnx'), renamed, 'latin1');
    const picture = join(fixture('pictures'), PICTURES[0] as string);
    await work.succeed('embed', picture, '--model', 'own', '-o', 'x.npy');
    expect(farthest(floats('x.npy'), expected.subarray(0, 1280))).toBeLessThan(NEAR_PICTURES);
    // As folders of CLIP are: one file for each kind of input.
    copyFileSync(from('onnx/model.onnx'), own('onnx/vision_model.onnx'));
    writeFileSync(own('onnx/text_model.onnx'), 'none');
    writeFileSync(own('config.json'), '{"model_type":"clip"}');
    await work.succeed('embed', picture, '--model', 'own', '-o', 'y.npy');
    expect(floats('y.npy')).toEqual(floats('x.npy'));
    await work.succeed('embed', picture, '--model', 'own', '-o', 'z.npy', '--network', 'mine.onnx');
    expect(floats('z.npy')).toEqual(floats('x.npy'));
  });

  it('as bytes and blobs, in the library', async () => {
    const embedder = await PictureEmbedder.load(PICTURE_NETWORK);
    const [first, second] = PICTURES.map(
      (name) => new Uint8Array(readFileSync(join(fixture('pictures'), name))),
    );
    const { data, columns } = await embedder.embed([first!, new Blob([second!])]);
    expect(columns).toBe(1280);
    expect(farthest(data, expected.subarray(0, 2 * 1280))).toBeLessThan(NEAR_PICTURES);
    expect((await embedder.embed([])).data).toHaveLength(0);
    await expect(embedder.embed([new Uint8Array(9)])).rejects.toMatchObject({
      code: 'FILE_UNREADABLE',
      message: expect.stringMatching(/^bytes: not a picture that can be read: /),
    });
    const reason = new Error('enough');
    await expect(embedder.embed([first!], { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await embedder.close();
  });
});

describe('texts', () => {
  const expected = floatsOf(fixture('texts.npy'));
  const columns = 384;

  it('give the rows of the original network, from empty to too long, with their ids', async () => {
    const ids = ['--ids', 'id', '--ids-output', 'ids.npy'];
    await work.succeed('embed', fixture('texts.jsonl'), ...ofTexts, '-o', 'x.npy', ...ids);
    expect(farthest(floats('x.npy'), expected)).toBeLessThan(NEAR_TEXTS);
    expect([...new BigInt64Array(work.readNpy('ids.npy').data)]).toEqual(TEXTS.map(({ id }) => BigInt(id)));
  });

  it('one by one give the same, also from standard input and to standard output', async () => {
    await work.succeed('embed', fixture('texts.jsonl'), ...ofTexts, '-o', 'x.npy', '--batch-size', '1');
    expect(farthest(floats('x.npy'), expected)).toBeLessThan(NEAR_TEXTS);
    const child = work.start('embed', '-', ...ofTexts, '-o', '-', '--batch-size', '3');
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk) => chunks.push(chunk));
    child.stdin.end(TEXTS.map(({ text }) => `${JSON.stringify(text)}\n`).join(''));
    expect(await new Promise((resolve) => child.on('close', resolve))).toBe(0);
    const streamed = new Float32Array(Uint8Array.from(Buffer.concat(chunks)).buffer);
    expect(farthest(streamed, expected)).toBeLessThan(NEAR_TEXTS);
  });

  it('from standard input into a file whose rows are known at the end', async () => {
    const child = work.start(
      'embed',
      '-',
      ...ofTexts,
      '-o',
      'x.npy',
      '--column',
      'text',
      '--batch-size',
      '3',
    );
    child.stdin.end(readFileSync(fixture('texts.jsonl')));
    expect(await new Promise((resolve) => child.on('close', resolve))).toBe(0);
    expect(work.readNpy('x.npy').header).toContain(`(8, ${columns})`);
    expect(farthest(floats('x.npy'), expected)).toBeLessThan(NEAR_TEXTS);
  });

  it('are pooled and scaled as the folder says, unless told otherwise', async () => {
    cpSync(TEXT_NETWORK, join(work.path, 'm'), {
      recursive: true,
      filter: (path) => !path.endsWith('.onnx'),
    });
    symlinkSync(join(TEXT_NETWORK, 'onnx/model.onnx'), join(work.path, 'm/onnx/model.onnx'));
    const texts = TEXTS.slice(0, 2).map(({ text }) => text);
    const rowsOf = async (options = {}) => {
      const embedder = await TextEmbedder.load(join(work.path, 'm'), options);
      const { data } = await embedder.embed(texts);
      await embedder.close();
      return data;
    };
    const norm = (row: Float32Array) => Math.hypot(...row.subarray(0, columns));
    const usual = await rowsOf();
    const first = await rowsOf({ pooling: 'cls', normalize: false });
    expect(farthest(usual, first)).toBeGreaterThan(0.1);
    expect(norm(first)).toBeGreaterThan(2);
    writeFileSync(join(work.path, 'm/1_Pooling/config.json'), '{"pooling_mode_cls_token":true}');
    writeFileSync(join(work.path, 'm/modules.json'), '[]');
    expect(await rowsOf()).toEqual(first);
    writeFileSync(join(work.path, 'm/1_Pooling/config.json'), '{"pooling_mode_max_tokens":true}');
    await expect(rowsOf()).rejects.toMatchObject({
      code: 'FILE_FORMAT',
      message: expect.stringContaining('pooling_mode_max_tokens, which is not known here'),
    });
    expect(farthest(await rowsOf({ pooling: 'mean', normalize: true }), usual)).toBe(0);
  });
});
