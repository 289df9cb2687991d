/** Options that are none, and signals that are none, are refused alike wherever options are taken. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import * as facade from '../../ts/node/index.js';

const folder = mkdtempSync(join(tmpdir(), 'h2q-options-'));
afterAll(() => rmSync(folder, { recursive: true }));
const path = (name: string) => join(folder, name);

const vectors = { data: Float32Array.from({ length: 64 * 8 }, (_, i) => Math.sin(i * i)), columns: 8 };
const { model } = await facade.fit(vectors);
const codes = await model.encode(vectors);
const index = await facade.HammingIndex.build(codes);
await facade.writeVectors(path('x.npy'), vectors);
await facade.writeVectors(path('labels.npy'), vectors);
await model.save(path('m.h2q'));
await index.save(path('i.h2q'));
await index.save(path('whole.h2q'));
const file = await facade.IndexFile.open(path('i.h2q'));
afterAll(() => file.close());
const vectorFile = await facade.VectorFile.open(path('x.npy'));
afterAll(() => vectorFile.close());
const rows = Uint32Array.of(1);

type Call = (options: never) => unknown;
/** Every function and method that takes options, with what else it needs. Those of `Sync` know no signals. */
const CALLS: Record<string, Call> = {
  fit: (options) => facade.fit(vectors, options),
  fitSync: (options) => facade.fitSync(vectors, options),
  learn: (options) => facade.learn(vectors, options),
  learnSync: (options) => facade.learnSync(vectors, options),
  evaluate: (options) => facade.evaluate(options),
  evaluateCosine: (options) => facade.evaluateCosine(options),
  codeStatistics: (options) => facade.codeStatistics(codes, options),
  quantizationLosses: (options) => facade.quantizationLosses(model, vectors, options),
  measureHamming: (options) => facade.measureHamming(options),
  readVectors: (options) => facade.readVectors(path('x.npy'), options),
  sampleVectors: (options) => facade.sampleVectors(path('x.npy'), options),
  withVectorFile: (options) => facade.withVectorFile(path('x.npy'), async () => 1, options),
  readLabels: (options) => facade.readLabels(path('labels.npy'), options),
  writeVectors: (options) => facade.writeVectors(path('y.npy'), vectors, options),
  writeCodes: (options) => facade.writeCodes(path('c.npy'), codes, options),
  verifyIndex: (options) => facade.verifyIndex(path('whole.h2q'), options),
  repairIndex: (options) => facade.repairIndex(path('whole.h2q'), options),
  'Vectors.from': (options) => facade.Vectors.from(vectors, options),
  'VectorFile.open': (options) => facade.VectorFile.open(path('x.npy'), options),
  'VectorFile#read': (options) => vectorFile.read(options),
  'VectorFile#sample': (options) => vectorFile.sample(options),
  'VectorFile#blocks': (options) => vectorFile.blocks(options).next(),
  'VectorFile#matrices': (options) => vectorFile.matrices(options).next(),
  'Model#transform': (options) => model.transform(vectors, options),
  'Model#transformSync': (options) => model.transformSync(vectors, options),
  'Model#encode': (options) => model.encode(vectors, options),
  'Model#encodeSync': (options) => model.encodeSync(vectors, options),
  'Model#factors': (options) => model.factors(vectors, options),
  'Model#factorsSync': (options) => model.factorsSync(vectors, options),
  'HammingIndex.build': (options) => facade.HammingIndex.build(codes, options),
  'HammingIndex.buildSync': (options) => facade.HammingIndex.buildSync(codes, options),
  'HammingIndex.empty': (options) => facade.HammingIndex.empty(8, options),
  'HammingIndex.open': (options) => facade.HammingIndex.open(path('whole.h2q'), options),
  'HammingIndex#save': (options) => index.save(path('j.h2q'), options),
  'HammingIndex#toBytes': (options) => index.toBytes(options),
  'HammingIndex#add': (options) => index.add(codes, options),
  'HammingIndex#addSync': (options) => index.addSync(codes, options),
  'HammingIndex#remove': (options) => index.remove(rows, options),
  'HammingIndex#buildTables': (options) => index.buildTables(options),
  'HammingIndex#buildTablesSync': (options) => index.buildTablesSync(options),
  'HammingIndex#search': (options) => index.search(codes, 1, options),
  'HammingIndex#searchSync': (options) => index.searchSync(codes, 1, options),
  'HammingIndex#searchRadius': (options) => index.searchRadius(codes, 1, options),
  'HammingIndex#searchRadiusSync': (options) => index.searchRadiusSync(codes, 1, options),
  'IndexFile.create': (options) => facade.IndexFile.create(path('new.h2q'), 8, options),
  'IndexFile#append': (options) => file.append(codes, options),
  'IndexFile#remove': (options) => file.remove(rows, options),
  'IndexFile#compact': (options) => file.compact(options),
};

/** What takes no options. */
const WITHOUT = [
  ...[
    'settled',
    'info',
    'formatCodes',
    'hammingDistance',
    'popcount',
    'quantizationLoss',
    'reflectionProduct',
  ],
  ...['writeFile', 'writeFiles', 'npyHeader', 'openVectors', 'readCodes', 'H2qError', 'MappedVectors#close'],
  ...[
    'Vectors.fromSync',
    'Vectors#release',
    'VectorFile#close',
    'Model.load',
    'Model.fromBytes',
    'Model#save',
  ],
  ...['Model#toBytes', 'HammingIndex#removeSync', 'IndexFile.open', 'IndexFile#close'],
];

/** Names of all functions, static methods and methods of the facade. */
function namesOfAll(): string[] {
  return Object.entries(facade).flatMap(([name, value]) => {
    if (typeof value !== 'function' || name === 'H2qError') return [name];
    const statics = functionsOf(value).map((method) => `${name}.${method}`);
    const { prototype } = value as { prototype?: object };
    const methods = prototype ? functionsOf(prototype).map((method) => `${name}#${method}`) : [];
    const isClass = statics.length + methods.length > 0 || /^[A-Z]/.test(name);
    return isClass ? [...statics, ...methods] : [name];
  });
}

function functionsOf(object: object): string[] {
  const own = Object.entries(Object.getOwnPropertyDescriptors(object));
  return own
    .filter(([name, { value }]) => typeof value === 'function' && name !== 'constructor')
    .map(([name]) => name);
}

it('no entry of the facade is left out here', () => {
  expect([...Object.keys(CALLS), ...WITHOUT].sort()).toEqual(namesOfAll().sort());
});

describe.each(Object.entries(CALLS))('%s', (name, call) => {
  /** What it throws or rejects with. */
  const failureOf = async (options: unknown) => {
    try {
      await call(options as never);
    } catch (error) {
      return error;
    }
    return undefined;
  };

  it('refuses options that are no object', async () => {
    for (const [options, kind] of [
      [null, 'null'],
      [7, 'a Number'],
      ['fast', 'a String'],
    ]) {
      expect(await failureOf(options)).toMatchObject({
        name: 'H2qError',
        code: 'INVALID_ARGUMENT',
        message: `options: expected an object, got ${kind === 'null' ? kind : (kind as string).toLowerCase()}`,
      });
    }
  });

  it('refuses signals that are none, and rejects rather than throws', async () => {
    for (const signal of [5, 'now', {}, new AbortController()]) {
      const error = await failureOf({ signal });
      expect(error).toMatchObject({
        code: 'INVALID_ARGUMENT',
        message: /^signal: expected an AbortSignal, got an? /,
      });
    }
    if (name.endsWith('Sync') || name === 'HammingIndex.empty') return;
    expect(() => (call(null as never) as Promise<unknown>).catch(() => {})).not.toThrow();
  });
});

describe('an abort of a change', () => {
  const many = { data: new Uint8Array(20_000_000), bits: 64 };

  it('while the codes are copied leaves the index as it was', async () => {
    const target = facade.HammingIndex.empty(64);
    const own = await facade.IndexFile.create(path('abort.h2q'), 64);
    for (const adding of [
      (signal: AbortSignal) => target.add(many, { signal }),
      (signal: AbortSignal) => own.append(many, { signal }),
    ]) {
      const controller = new AbortController();
      const done = adding(controller.signal);
      controller.abort(new Error('no more'));
      await expect(done).rejects.toThrow('no more');
    }
    expect([target.size, own.index.size]).toEqual([0, 0]);
    own.close();
  });

  it('that comes too late waits for what it has changed', async () => {
    const target = await facade.HammingIndex.build({ data: new Uint8Array(8_000), bits: 64 });
    for (const [change, size] of [
      [(signal: AbortSignal) => target.add({ data: new Uint8Array(800), bits: 64 }, { signal }), 1100],
      [(signal: AbortSignal) => target.remove(Uint32Array.of(3, 4), { signal }), 1098],
    ] as const) {
      const controller = new AbortController();
      // The arrays are small: they are copied in the first turn, and the core works from then on.
      const done = change(controller.signal);
      await Promise.resolve();
      controller.abort();
      await done;
      expect(target.size).toBe(size);
    }
    const aborted = AbortSignal.abort(new Error('before'));
    await expect(target.remove(Uint32Array.of(5), { signal: aborted })).rejects.toThrow('before');
    await expect(target.add(many, { signal: aborted })).rejects.toThrow('before');
    expect(target.size).toBe(1098);
  });
});
