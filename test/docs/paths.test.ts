/** What the documents point to exists. */

import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { root } from '../../scripts/lib/root.mjs';
import { blocksOf, docsFolder, localLinksOf, pathsOfMap, readDocument } from './documents.js';

const architecture = readDocument('ARCHITECTURE.md');

/** An empty folder is missing too: git does not keep it. */
function isMissing(path: string): boolean {
  const stats = statSync(join(root, path), { throwIfNoEntry: false });
  return !stats || (stats.isDirectory() && readdirSync(join(root, path)).length === 0);
}

it.each(['README.md', 'ARCHITECTURE.md', 'CHANGELOG.md', ...docsFolder()])('links of %s', (document) => {
  expect(localLinksOf(document).filter(isMissing)).toEqual([]);
});

it('the Map names only what exists', () => {
  const map = blocksOf(architecture.split(/^## Map$/m)[1] ?? '')[0];
  const paths = pathsOfMap(map?.text ?? '');
  expect(paths.length).toBeGreaterThan(40);
  expect(paths.filter(({ path }) => isMissing(path))).toEqual([]);
});

it('paths elsewhere in ARCHITECTURE.md exist', () => {
  const paths =
    architecture.match(/(?<![\w/.-])(?:crates|ts|test|bench|scripts|docs)\/[\w./-]*[\w/](?![\w*-])/g) ?? [];
  expect(paths.length).toBeGreaterThan(15);
  expect(paths.filter(isMissing)).toEqual([]);
});

it('a Map is read as people read it', () => {
  const map = [
    'ts/',
    '  a.ts b.ts   both; see c.ts and sub/',
    '  io/         d.ts: i.e. 3.5 or/and more',
    'docs/     e.md',
    'x/y       f.rs: g',
  ];
  expect(pathsOfMap(map.join('\n')).map(({ path }) => path)).toEqual([
    ...['ts/', 'ts/a.ts', 'ts/b.ts', 'ts/c.ts', 'ts/sub/', 'ts/io/', 'ts/io/d.ts'],
    ...['docs/', 'docs/e.md', 'x/y', 'x/y/f.rs'],
  ]);
});
