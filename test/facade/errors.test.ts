import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { CORE_CODES } from '../../ts/errors.js';

it('knows exactly the codes of the core', () => {
  const source = readFileSync(new URL('../../crates/kernels/src/error.rs', import.meta.url), 'utf8');
  const codes = [...new Set([...source.matchAll(/\(\s*"([A-Z_]+)",/g)].map(([, code]) => code))];
  expect(codes.length).toBeGreaterThan(5);
  expect([...CORE_CODES].sort()).toEqual(codes.sort());
});
