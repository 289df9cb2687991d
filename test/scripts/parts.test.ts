import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { forget, isSettled, leftOutBecause, makeParts, type Part } from '../../scripts/lib/parts.mjs';
import { SetupError } from '../../scripts/lib/programs.mjs';
import { MissingError } from '../../scripts/lib/ways.mjs';

let base: string;
let said: string;

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'h2q-parts-'));
  said = '';
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    said += text;
    return true;
  });
  write('input', 'one');
});

afterEach(() => {
  vi.restoreAllMocks();
  rmSync(base, { recursive: true });
});

const place = (required = false) => ({ base, state: join(base, 'state'), required });

/** A part that cannot be made until `possible` is set, and one that comes after it. */
function parts() {
  const tools = { possible: false };
  const make = vi.fn(() => {
    if (!tools.possible) throw new MissingError('no compiler');
    write('extra.out', '');
  });
  const after = vi.fn(() => write('rest.out', ''));
  const extra: Part = {
    name: 'extra',
    says: 'making extra',
    inputs: ['input'],
    outputs: ['extra.out'],
    make,
    isPossible: () => tools.possible,
  };
  const rest: Part = {
    name: 'rest',
    says: 'making rest',
    inputs: ['input'],
    outputs: ['rest.out'],
    make: after,
  };
  return { tools, make, after, extra, rest, all: [extra, rest] };
}

test('what cannot be had is left out: the rest is made, and it is said why and how to try again', () => {
  const { extra, all, make, after } = parts();
  write('extra.out', 'of an earlier state');
  makeParts(all, place());
  expect(after).toHaveBeenCalledOnce();
  expect(leftOutBecause(extra, place())).toBe('no compiler');
  expect(said).toContain('no compiler');
  expect(said).toContain('npm run setup -- --retry');
  expect(existsSync(join(base, 'extra.out'))).toBe(false);

  said = '';
  expect(all.every((part) => isSettled(part, place()))).toBe(true);
  write('input', 'two');
  makeParts(all, place());
  expect(make).toHaveBeenCalledOnce();
  expect(after).toHaveBeenCalledTimes(2);
  expect(said).not.toContain('extra');
});

test('it is made once it is possible, and when it is to be tried again', () => {
  const { extra, all, make, tools } = parts();
  makeParts(all, place());
  forget(extra, place());
  makeParts(all, place());
  expect(make).toHaveBeenCalledTimes(2);

  tools.possible = true;
  expect(isSettled(extra, place())).toBe(false);
  makeParts(all, place());
  expect(leftOutBecause(extra, place())).toBeNull();
  expect(isSettled(extra, place())).toBe(true);
});

test('where everything is required a missing part is a failure, now and the next time', () => {
  const { extra, all, after } = parts();
  expect(() => makeParts(all, place(true))).toThrow('no compiler');
  expect(after).not.toHaveBeenCalled();
  makeParts(all, place());
  expect(isSettled(extra, place(true))).toBe(false);
  expect(() => makeParts(all, place(true))).toThrow('no compiler');
});

test('other failures, and parts that nothing works without, are never left out', () => {
  const { extra, rest } = parts();
  const broken = () => {
    throw new SetupError('does not compile');
  };
  const missing = () => {
    throw new MissingError('no linker');
  };
  expect(() => makeParts([{ ...extra, make: broken }], place())).toThrow('does not compile');
  expect(() => makeParts([{ ...rest, make: missing }], place())).toThrow('no linker');
  expect(leftOutBecause(extra, place()) ?? leftOutBecause(rest, place())).toBeNull();
});

function write(name: string, content: string): void {
  writeFileSync(join(base, name), content);
}
