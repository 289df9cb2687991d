import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { withLock } from '../../scripts/lib/lock.mjs';
import { hashInputs, isCurrent, stamped } from '../../scripts/lib/stamps.mjs';
import { testFilesBelow } from '../../scripts/lib/test-files.mjs';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'h2q-scripts-'));
});

afterEach(() => rmSync(folder, { recursive: true }));

describe('hashInputs', () => {
  const hash = (salt = '') => hashInputs(folder, ['single', 'tree'], salt);

  test('changes with every change of contents, names, files and salt, and with nothing else', () => {
    write('single', 'one');
    write('tree/a/x', 'ab');
    write('outside', '');
    const seen = [hash(), hash('salt')];
    write('tree/a/x', 'ac');
    seen.push(hash());
    write('tree/a/y', '');
    seen.push(hash());
    rmSync(join(folder, 'tree/a/y'));
    write('tree/a/z', '');
    seen.push(hash());
    rmSync(join(folder, 'single'));
    seen.push(hash());
    expect(new Set(seen).size).toBe(seen.length);
    const last = hash();
    write('outside', 'more');
    expect(hash()).toBe(last);
  });

  test('tells apart bytes that move from one file to the next', () => {
    write('tree/a', 'xy');
    write('tree/b', 'z');
    const before = hash();
    write('tree/a', 'x');
    write('tree/b', 'yz');
    expect(hash()).not.toBe(before);
  });
});

describe('stamps', () => {
  test('hold for the same hash while the outputs exist', () => {
    const [stamp, output] = [join(folder, 'state/stamp'), join(folder, 'output')];
    expect(isCurrent(stamp, 'h', [output])).toBe(false);
    stamped(stamp, 'h', () => write('output', ''));
    expect(isCurrent(stamp, 'h', [output])).toBe(true);
    expect(isCurrent(stamp, 'other', [output])).toBe(false);
    rmSync(output);
    expect(isCurrent(stamp, 'h', [output])).toBe(false);
  });

  test('are gone when making fails, also the one from before', () => {
    const stamp = join(folder, 'stamp');
    stamped(stamp, 'h', () => {});
    expect(() =>
      stamped(stamp, 'h', () => {
        throw new Error('broken');
      }),
    ).toThrow('broken');
    expect(isCurrent(stamp, 'h', [])).toBe(false);
  });
});

describe('withLock', () => {
  const lock = () => join(folder, 'deep/lock');

  test('runs one task at a time and leaves nothing behind', async () => {
    let running = 0;
    let most = 0;
    const task = async () => {
      most = Math.max(most, ++running);
      await sleep(20);
      running--;
    };
    const onWait = vi.fn();
    await Promise.all([1, 2, 3].map(() => withLock(lock(), task, onWait)));
    expect(most).toBe(1);
    expect(onWait).toHaveBeenCalledWith(process.pid);
    expect(readdirSync(join(folder, 'deep'))).toEqual([]);
  });

  test('returns what the task returns, and is released when the task throws', async () => {
    expect(await withLock(lock(), () => 7)).toBe(7);
    await expect(withLock(lock(), () => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
    expect(existsSync(lock())).toBe(false);
  });

  test('is taken over from a process that is gone', async () => {
    const { pid } = spawnSync(process.execPath, ['--version']);
    mkdirSync(lock(), { recursive: true });
    write(`deep/lock/${pid}`, '');
    const onWait = vi.fn();
    expect(await withLock(lock(), () => readdirSync(lock()), onWait)).toEqual([String(process.pid)]);
    expect(onWait).not.toHaveBeenCalled();
    expect(existsSync(lock())).toBe(false);
  });
});

test('testFilesBelow finds tests under any folder and ending, but not in what was installed or built', () => {
  const tests = ['a.test.ts', 'tests/b.spec.mjs', 'ts/deep/c.test.tsx'];
  for (const file of [
    ...tests,
    'ts/test.ts',
    'ts/a.test.md',
    'node_modules/x/a.test.ts',
    'ts/dist/a.test.js',
  ])
    write(file, '');
  expect(testFilesBelow(folder).sort()).toEqual(tests);
});

test('the published package runs nothing when it is installed', () => {
  const { scripts } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  const hooks = [
    'preinstall',
    'install',
    'postinstall',
    'prepublish',
    'preprepare',
    'prepare',
    'postprepare',
  ];
  expect(Object.keys(scripts).filter((name) => hooks.includes(name))).toEqual([]);
});

describe('the lock file', () => {
  const { packages } = JSON.parse(readFileSync(new URL('../../package-lock.json', import.meta.url), 'utf8'));
  const entries = Object.entries<{ resolved?: string; optionalDependencies?: Record<string, string> }>(
    packages,
  );

  test('names no registry', () => {
    expect(entries.length).toBeGreaterThan(10);
    expect(entries.filter(([, entry]) => entry.resolved !== undefined)).toEqual([]);
  });

  // npm leaves them out where the registry it asks does not have them, and then npm ci fails everywhere else.
  test('has the binaries of every platform', () => {
    const binaries = entries.flatMap(([at, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies).map((name) => [`${at}/node_modules/${name}`, `node_modules/${name}`]),
    );
    expect(binaries.length).toBeGreaterThan(10);
    expect(binaries.filter((places) => !places.some((place) => place in packages))).toEqual([]);
  });
});

function write(path: string, content: string): void {
  const file = join(folder, path);
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, content);
}
