/** Lengths of runs that are not believed: whoever decodes them would fill gigabytes. */

import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { hasSoundRuns, type Page } from '../../ts/io/parquet-runs.js';
import { useFakePlatform } from '../facade/fake-platform.js';
import { fixture, readRows } from './read-rows.js';

/** A whole number in groups of seven bits. */
function varint(value: number): number[] {
  const bytes = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest];
    bytes.push((rest % 128) + 128);
  }
}

/** `count` times a value of one byte. */
const repeated = (count: number, value = 0) => [...varint(count * 2), value];
/** Groups of eight values of `width` bits. */
const packed = (groups: number, width: number) => [
  ...varint(groups * 2 + 1),
  ...new Array<number>(groups * width).fill(0),
];
const sized = (bytes: number[]) => [bytes.length, 0, 0, 0, ...bytes];

const VALUES = 20;
const header = (encoding: string, extra: object) => ({
  ...{ num_values: VALUES, encoding, definition_level_encoding: 'RLE', repetition_level_encoding: 'RLE' },
  ...extra,
});

function first(levels: number[][], values: number[], encoding: string): Page {
  const bytes = Uint8Array.from([...levels.flatMap(sized), ...values]);
  return {
    header: { uncompressed_page_size: bytes.length, data_page_header: header(encoding, {}) } as never,
    bytes,
    levels: { repetition: levels.length > 1 ? 1 : 0, definition: levels.length > 0 ? 3 : 0 },
    decompress: (same) => same,
  };
}

function second([repetition = [], definition = []]: number[][], values: number[], encoding: string): Page {
  const bytes = Uint8Array.from([...repetition, ...definition, ...values]);
  const lengths = {
    repetition_levels_byte_length: repetition.length,
    definition_levels_byte_length: definition.length,
  };
  return {
    header: { uncompressed_page_size: bytes.length, data_page_header_v2: header(encoding, lengths) } as never,
    bytes,
    levels: { repetition: 1, definition: 3 },
    decompress: (same) => same,
  };
}

it.each([
  ['v1', first],
  ['v2', second],
] as const)('runs of a page of %s', (_, page) => {
  const levels = [repeated(VALUES), repeated(VALUES, 3)];
  const dictionary = 'RLE_DICTIONARY';
  const sound: Page[] = [
    page(levels, [1, 2, 3], 'PLAIN'),
    page([packed(3, 1), [...repeated(12, 3), ...packed(1, 2)]], [], 'PLAIN'),
    page(levels, [5, ...packed(3, 5)], dictionary),
    page(levels, [5, ...repeated(4, 7), ...packed(2, 5), 0, 0, 0], dictionary),
    page(levels, [0, ...packed(3, 0)], dictionary),
    page(levels, [0], dictionary),
  ];
  expect(sound.map(hasSoundRuns)).toEqual(sound.map(() => true));
  const huge = 2 ** 30 - 1;
  const damaged: Page[] = [
    page([repeated(VALUES + 1), repeated(VALUES, 3)], [], 'PLAIN'),
    page([repeated(huge), repeated(VALUES, 3)], [], 'PLAIN'),
    page([repeated(VALUES), [...repeated(12, 3), ...repeated(9, 3)]], [], 'PLAIN'),
    page(levels, [5, ...repeated(huge, 7)], dictionary),
    page(levels, [5, ...repeated(4, 7), ...repeated(17, 7)], dictionary),
    page(levels, [0, ...packed(huge / 1023, 0)], dictionary),
    page(levels, [33, ...repeated(VALUES)], dictionary),
  ];
  expect(damaged.map(hasSoundRuns)).toEqual(damaged.map(() => false));
});

it('a file with any byte changed is read or refused at once', { timeout: 120_000 }, async () => {
  useFakePlatform();
  for (const name of ['none.parquet', 'pages2.parquet']) {
    const whole = readFileSync(fixture(name));
    for (let at = 0; at < whole.length; at++) {
      const bytes = Uint8Array.from(whole);
      // Where lengths of runs are, this is a long one.
      bytes[at] = 0xff;
      const started = performance.now();
      await readRows(bytes, { format: 'parquet' }).catch(() => {});
      expect(performance.now() - started, `byte ${at} of ${name}`).toBeLessThan(5000);
    }
  }
});
