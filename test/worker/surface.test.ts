/** The client offers what the facade does, and loads nothing of it. */

import { readFileSync } from 'node:fs';
import type * as node from 'node:worker_threads';
import { describe, expect, expectTypeOf, it } from 'vitest';
import * as facade from '../../ts/index.js';
import * as client from '../../ts/worker/client.js';
import { CLASSES, type ClassName, FUNCTIONS } from '../../ts/worker/protocol.js';

/** What a page does without: files that are written or stay open, exit paths, and what takes no time. */
const NOT_IN_A_PAGE = {
  functions: [
    ...['openVectors', 'withVectorFile', 'writeCodes', 'writeFile', 'writeFiles', 'writeVectors'],
    ...['formatCodes', 'npyHeader', 'repairIndex', 'settled', 'verifyIndex'],
  ],
  classes: ['H2qError', 'IndexFile', 'MappedVectors', 'VectorFile'],
  members: ['core', 'save'],
};

const isClass = (value: unknown) => typeof value === 'function' && /^class\b/.test(String(value));
const isNoTwin = (name: string) => !name.endsWith('Sync');
const without = (names: string[], others: readonly string[]) =>
  names.filter((name) => !others.includes(name)).sort();

it('has every function and class of the facade but those that need files or block', () => {
  const all = Object.entries(facade);
  const functions = all.filter(([, value]) => typeof value === 'function' && !isClass(value));
  const names = functions.map(([name]) => name).filter(isNoTwin);
  expect(without(names, NOT_IN_A_PAGE.functions)).toEqual(Object.keys(FUNCTIONS).sort());
  const classes = all.filter(([, value]) => isClass(value)).map(([name]) => name);
  expect(without(classes, NOT_IN_A_PAGE.classes)).toEqual(Object.keys(CLASSES).sort());
});

type Members = Record<string, { length: number }>;
const { Vectors, Model, HammingIndex } = facade;
const classes = { Vectors, Model, HammingIndex };

describe.each(Object.keys(classes) as ClassName[])('%s', (name) => {
  const { statics, methods, fixed, changing } = CLASSES[name];
  const Class = classes[name];
  const members = Object.entries(Object.getOwnPropertyDescriptors(Class.prototype));

  it('has every method, static or not', () => {
    const own = Object.entries(Object.getOwnPropertyDescriptors(Class));
    const namesOf = (all: typeof own) =>
      all.filter(([, { value }]) => typeof value === 'function').map(([key]) => key);
    expect(without(namesOf(own).filter(isNoTwin), NOT_IN_A_PAGE.members)).toEqual(
      Object.keys(statics).sort(),
    );
    // `release` is a message of its own.
    const others = ['constructor', 'release', ...NOT_IN_A_PAGE.members];
    expect(without(namesOf(members).filter(isNoTwin), others)).toEqual(Object.keys(methods).sort());
  });

  it('has every field', () => {
    const fields = members.filter(([, { get }]) => get).map(([key]) => key);
    expect(fields.sort()).toEqual([...fixed, ...changing].sort());
  });

  // Options have a default, and with it do not count in `length`.
  it('has its options where the facade has them', () => {
    for (const [method, count] of Object.entries(statics)) {
      expect([method, count]).toEqual([method, (Class as unknown as Members)[method]?.length]);
    }
    for (const [method, count] of Object.entries(methods)) {
      expect([method, count]).toEqual([method, (Class.prototype as unknown as Members)[method]?.length]);
    }
  });
});

it('functions have their options where the facade has them', () => {
  const areAllOptions = ['evaluate', 'evaluateCosine', 'measureHamming'];
  // Its options have no default: the labels are among them.
  const areNeeded = ['learn'];
  for (const [name, count] of Object.entries(FUNCTIONS)) {
    const length = (facade as unknown as Members)[name]?.length;
    const before = areNeeded.includes(name) ? (length ?? 0) - 1 : length;
    expect([name, count]).toEqual([name, areAllOptions.includes(name) ? 0 : before]);
  }
});

it('workers and ports of browsers and of Node are ports', () => {
  // Checked by the compiler.
  expectTypeOf<Worker>().toExtend<client.Port>();
  expectTypeOf<MessagePort>().toExtend<client.Port>();
  expectTypeOf<node.Worker>().toExtend<client.Port>();
  expectTypeOf<node.MessagePort>().toExtend<client.Port>();
});

it('nothing of the facade comes along but errors and checks of arguments', () => {
  expect([...importedBy('../../ts/worker/client.ts')].sort()).toEqual([
    'ts/arguments.ts',
    'ts/errors.ts',
    ...['channel', 'client', 'objects', 'pack', 'port', 'protocol'].map((file) => `ts/worker/${file}.ts`),
  ]);
  expect(Object.keys(client).sort()).toEqual(['H2qError', 'connect']);
});

it('the server knows no backend', () => {
  const files = [...importedBy('../../ts/worker/server.ts')];
  expect(files).toContain('ts/fit.ts');
  expect(files.filter((file) => /^ts\/(node|wasm|browser)\//.test(file))).toEqual([]);
});

/** A module and all that it loads when it runs, which types are not. */
function importedBy(path: string, found = new Set<string>(), base = import.meta.url): Set<string> {
  const url = new URL(path, base);
  const name = url.href.slice(new URL('../../', import.meta.url).href.length);
  if (found.has(name)) return found;
  found.add(name);
  const source = readFileSync(url, 'utf8');
  for (const [statement, from] of source.matchAll(/^(?:import|export)\b[^;]*?from '(\.[^']+)\.js';/gm)) {
    if (!/^(?:import|export) type\b/.test(statement)) importedBy(`${from}.ts`, found, url.href);
  }
  return found;
}
