import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeFiles } from '../../ts/io/index.js';
import { checkWritable, openSource, removeTemporaryFiles } from '../../ts/node/files.js';
import { useFakePlatform } from '../facade/fake-platform.js';

let folder: string;
beforeEach(() => {
  useFakePlatform();
  folder = mkdtempSync(join(tmpdir(), 'h2q-files-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const bytes = (text: string) => new TextEncoder().encode(text);
const inFolder = (name: string) => join(folder, name);

it('several files appear together, after all were written', async () => {
  const paths = [inFolder('a'), inFolder('b')];
  const result = await writeFiles(paths, async ([a, b]) => {
    await a?.write(bytes('one '));
    await b?.write(bytes('three'));
    await a?.write(bytes('two'));
    expect(readdirSync(folder).every((name) => name.endsWith('.tmp'))).toBe(true);
    return 'done';
  });
  expect(result).toBe('done');
  expect(readdirSync(folder).sort()).toEqual(['a', 'b']);
  expect(paths.map((path) => readFileSync(path, 'utf8'))).toEqual(['one two', 'three']);
});

it('a failure leaves the old file and nothing else', async () => {
  writeFileSync(inFolder('a'), 'old');
  const failure = new Error('midway');
  const writing = writeFiles([inFolder('a'), inFolder('b')], async ([a]) => {
    await a?.write(bytes('new'));
    throw failure;
  });
  await expect(writing).rejects.toBe(failure);
  expect(readdirSync(folder)).toEqual(['a']);
  expect(readFileSync(inFolder('a'), 'utf8')).toBe('old');
});

it('an abort before the end leaves nothing', async () => {
  const controller = new AbortController();
  const writing = writeFiles(
    [inFolder('a')],
    async ([a]) => {
      await a?.write(bytes('new'));
      controller.abort();
    },
    controller.signal,
  );
  await expect(writing).rejects.toMatchObject({ name: 'AbortError' });
  expect(readdirSync(folder)).toEqual([]);
});

it('an exit in the middle can remove temporary files at once', async () => {
  const writing = writeFiles([inFolder('a')], async ([a]) => {
    await a?.write(bytes('new'));
    removeTemporaryFiles();
    expect(readdirSync(folder)).toEqual([]);
    throw new Error('gone');
  });
  await expect(writing).rejects.toThrow('gone');
});

describe('unwritable paths', () => {
  it('a missing folder, a folder, a file as folder, an empty name', async () => {
    writeFileSync(inFolder('file'), '');
    mkdirSync(inFolder('sub'));
    const cases: [string, RegExp][] = [
      [inFolder('none/a'), /folder does not exist/],
      [inFolder('sub'), /is a folder/],
      [inFolder('file/a'), /not a folder/],
      ['', /name is empty/],
    ];
    for (const [path, message] of cases) {
      const wanted = {
        code: 'FILE_UNWRITABLE',
        message: expect.stringMatching(message),
        details: { file: path },
      };
      await expect(checkWritable(path)).rejects.toMatchObject(wanted);
      await expect(writeFiles([path], async () => {})).rejects.toMatchObject(wanted);
    }
    expect(readdirSync(folder).sort()).toEqual(['file', 'sub']);
  });

  it('nothing is left when only the second path is unwritable', async () => {
    const writing = writeFiles([inFolder('a'), inFolder('none/b')], async () => {});
    await expect(writing).rejects.toMatchObject({ code: 'FILE_UNWRITABLE' });
    expect(readdirSync(folder)).toEqual([]);
  });

  it('the check leaves nothing behind', async () => {
    await checkWritable(inFolder('a'));
    expect(readdirSync(folder)).toEqual([]);
  });
});

it.skipIf(process.platform === 'win32')(
  'links keep their target, files their mode, devices stay devices',
  async () => {
    writeFileSync(inFolder('real'), 'old');
    chmodSync(inFolder('real'), 0o600);
    symlinkSync('real', inFolder('link'));
    await writeFiles([inFolder('link')], async ([file]) => file?.write(bytes('new')));
    expect(lstatSync(inFolder('link')).isSymbolicLink()).toBe(true);
    expect(readFileSync(inFolder('real'), 'utf8')).toBe('new');
    expect(statSync(inFolder('real')).mode & 0o777).toBe(0o600);

    await checkWritable('/dev/null');
    await writeFiles(['/dev/null'], async ([file]) => file?.write(bytes('gone')));
    expect(statSync('/dev/null').isCharacterDevice()).toBe(true);
  },
);

describe.skipIf(process.platform === 'win32')('links, modes, pipes', () => {
  it('a link to a file that does not exist yet leads there', async () => {
    mkdirSync(inFolder('sub'));
    symlinkSync('sub/second', inFolder('first'));
    symlinkSync('../real', inFolder('sub/second'));
    await checkWritable(inFolder('first'));
    await writeFiles([inFolder('first')], async ([file]) => file?.write(bytes('new')));
    expect(lstatSync(inFolder('first')).isSymbolicLink()).toBe(true);
    expect(lstatSync(inFolder('sub/second')).isSymbolicLink()).toBe(true);
    expect(readFileSync(inFolder('real'), 'utf8')).toBe('new');
    expect(readdirSync(folder).sort()).toEqual(['first', 'real', 'sub']);
  });

  it('links in a circle or into no folder cannot be written', async () => {
    symlinkSync('b', inFolder('a'));
    symlinkSync('a', inFolder('b'));
    symlinkSync('none/c', inFolder('c'));
    await expect(checkWritable(inFolder('a'))).rejects.toThrow('too many symbolic links');
    await expect(checkWritable(inFolder('c'))).rejects.toThrow('its folder does not exist');
    expect(readdirSync(folder).sort()).toEqual(['a', 'b', 'c']);
  });

  it.each([0o666, 0o600, 0o640])('a replaced file keeps mode %o, whatever the umask', async (mode) => {
    writeFileSync(inFolder('a'), 'old');
    chmodSync(inFolder('a'), mode);
    await writeFiles([inFolder('a')], async ([file]) => file?.write(bytes('new')));
    expect(readFileSync(inFolder('a'), 'utf8')).toBe('new');
    expect(statSync(inFolder('a')).mode & 0o7777).toBe(mode);
  });

  it('two names of one file are refused and nothing is written', async () => {
    mkdirSync(inFolder('sub'));
    symlinkSync('sub', inFolder('link'));
    symlinkSync('sub/a', inFolder('dangling'));
    const names = ['sub/a', 'sub/../sub/a', 'link/a', 'dangling'].map(inFolder);
    for (const other of names) {
      const writing = writeFiles([inFolder('b'), inFolder('sub/a'), other], async () => {});
      await expect(writing).rejects.toMatchObject({
        code: 'FILE_UNWRITABLE',
        message: `${other}: cannot be written: is the same file as ${inFolder('sub/a')}`,
        details: { file: other },
      });
      expect(await checkWritable(other)).toBe(await checkWritable(inFolder('sub/a')));
    }
    expect(readdirSync(folder).sort()).toEqual(['dangling', 'link', 'sub']);
    expect(readdirSync(inFolder('sub'))).toEqual([]);
  });

  it('what is no regular file is not read, and opening it never waits', async () => {
    execFileSync('mkfifo', [inFolder('pipe')]);
    symlinkSync('pipe', inFolder('link'));
    const cases: [string, string][] = [
      [inFolder('pipe'), 'is a pipe, not a regular file; a later release will read streams'],
      [inFolder('link'), 'is a pipe'],
      ['/dev/zero', 'is a device'],
      [folder, 'is a folder, not a regular file'],
    ];
    for (const [path, problem] of cases) {
      await expect(openSource(path)).rejects.toMatchObject({
        code: 'FILE_UNREADABLE',
        message: expect.stringContaining(`${path}: ${problem}`),
        details: { file: path },
      });
    }
  });
});
