import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  type FileName,
  loadFashionMnist,
  parseIdx,
  publicDownload,
  type Surroundings,
  type Way,
} from '../../ts/demo/dataset.js';

/** Two training images and one test image: the values count up, so every byte is told apart by its place. */
const tiny: Record<FileName, Buffer> = {
  'train-images-idx3-ubyte': idx([2, 28, 28], (i) => i % 251),
  'train-labels-idx1-ubyte': idx([2], (i) => 9 - i),
  't10k-images-idx3-ubyte': idx([1, 28, 28], (i) => (i * 7) % 256),
  't10k-labels-idx1-ubyte': idx([1], () => 4),
};
const names = Object.keys(tiny) as FileName[];

let folder: string;
let surroundings: Surroundings;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'h2q-dataset-'));
  surroundings = {
    givenFolder: undefined,
    cacheFolder: join(folder, 'cache/tiny'),
    checksums: sha256(tiny),
    ways: [],
  };
});

afterEach(() => rm(folder, { recursive: true }));

describe('parseIdx', () => {
  test('returns the values after the header', () => {
    const bytes = idx([3, 2, 2], (i) => 10 + i);
    expect(parseIdx('x', bytes, [2, 2])).toEqual({
      count: 3,
      values: Uint8Array.from({ length: 12 }, (_, i) => 10 + i),
    });
  });

  test('reads bytes that do not start at the start of their buffer', () => {
    const larger = Buffer.concat([Buffer.alloc(5, 0xff), idx([2], (i) => i + 1)]);
    expect([...parseIdx('x', larger.subarray(5), []).values]).toEqual([1, 2]);
  });

  test('accepts a set without rows', () => {
    expect(
      parseIdx(
        'x',
        idx([0], () => 0),
        [],
      ).count,
    ).toBe(0);
  });

  test.each([
    ['an empty file', Buffer.alloc(0), /x: 0 bytes are too few for a header/],
    ['a header cut off', idx([1, 2, 2], () => 0).subarray(0, 15), /15 bytes are too few/],
    ['labels in place of images', idx([8], () => 0), /magic is 2049, not 2051/],
    [
      'another element type',
      withByte(
        idx([1, 2, 2], () => 0),
        2,
        0x0d,
      ),
      /magic is 3331, not 2051/,
    ],
    ['another width', idx([1, 2, 3], () => 0), /size 3 where 2 belongs/],
    ['a truncated file', idx([2, 2, 2], () => 0).subarray(0, -1), /23 bytes, its header asks for 24/],
    [
      'bytes after the end',
      Buffer.concat([idx([2, 2, 2], () => 0), Buffer.of(0)]),
      /25 bytes, its header asks for 24/,
    ],
  ])('refuses %s', (_, bytes, message) => {
    expect(() => parseIdx('x', bytes, [2, 2])).toThrow(
      expect.objectContaining({ code: 'FILE_FORMAT', message: expect.stringMatching(message) }),
    );
  });
});

describe('a given folder (H2Q_DATA_DIR)', () => {
  test.each(['', '.gz'])('is read when its files end in "%s", and no way is tried', async (ending) => {
    const way = fakeWay('never', () => tiny);
    await writeSet(folder, tiny, ending);
    const set = await loadFashionMnist({}, { ...surroundings, givenFolder: folder, ways: [way] });
    expectTiny(set);
    expect(way.fetch).not.toHaveBeenCalled();
    expect(existsSync(surroundings.cacheFolder)).toBe(false);
  });

  test('with a changed byte is refused, naming the file', async () => {
    await writeSet(folder, {
      ...tiny,
      't10k-images-idx3-ubyte': withByte(tiny['t10k-images-idx3-ubyte'], 100, 1),
    });
    const loading = loadFashionMnist({}, { ...surroundings, givenFolder: folder });
    await expect(loading).rejects.toThrow(
      /t10k-images-idx3-ubyte: SHA-256 is [0-9a-f]{64}, not [0-9a-f]{64}/,
    );
  });

  test('with a damaged .gz is refused, naming the file', async () => {
    await writeSet(folder, tiny, '.gz');
    const file = join(folder, 'train-labels-idx1-ubyte.gz');
    await writeFile(file, (await readFile(file)).subarray(0, -9));
    await expect(loadFashionMnist({}, { ...surroundings, givenFolder: folder })).rejects.toThrow(
      /train-labels-idx1-ubyte\.gz: /,
    );
  });

  test('without one of the files is refused, naming it', async () => {
    await writeSet(folder, tiny);
    await rm(join(folder, 'train-labels-idx1-ubyte'));
    const loading = loadFashionMnist(
      {},
      { ...surroundings, givenFolder: folder, ways: [fakeWay('never', () => tiny)] },
    );
    await expect(loading).rejects.toMatchObject({
      code: 'FILE_NOT_FOUND',
      message: expect.stringContaining('no train-labels-idx1-ubyte'),
    });
  });

  test('with fewer labels than images is refused', async () => {
    const uneven = { ...tiny, 'train-labels-idx1-ubyte': idx([1], () => 0) };
    await writeSet(folder, uneven);
    const loading = loadFashionMnist({}, { ...surroundings, checksums: sha256(uneven), givenFolder: folder });
    await expect(loading).rejects.toThrow('train-labels-idx1-ubyte: 1 labels for 2 images');
  });

  test('comes from the environment', async () => {
    vi.stubEnv('H2Q_DATA_DIR', folder);
    await expect(loadFashionMnist()).rejects.toThrow(`${folder}: no train-images-idx3-ubyte`);
    vi.unstubAllEnvs();
  });
});

describe('the cache', () => {
  test('is filled by the first way that works and read from then on', async () => {
    const [broken, working, spare] = [
      fakeWay('broken', fail),
      fakeWay('working', () => tiny),
      fakeWay('spare', () => tiny),
    ];
    const all = { ...surroundings, ways: [broken, working, spare] };
    expectTiny(await loadFashionMnist({}, all));
    expectTiny(await loadFashionMnist({}, all));
    expect([broken, working, spare].map((way) => vi.mocked(way.fetch).mock.calls.length)).toEqual([1, 1, 0]);
    expect(await readdir(join(folder, 'cache'))).toEqual(['tiny']);
    expect((await readdir(surroundings.cacheFolder)).sort()).toEqual([...names].sort());
  });

  test('is filled again when it is damaged, and says so', async () => {
    await mkdir(surroundings.cacheFolder, { recursive: true });
    await writeSet(surroundings.cacheFolder, { ...tiny, 't10k-labels-idx1-ubyte': Buffer.of(1, 2, 3) });
    const onProgress = vi.fn();
    expectTiny(
      await loadFashionMnist({ onProgress }, { ...surroundings, ways: [fakeWay('working', () => tiny)] }),
    );
    expect(onProgress).toHaveBeenCalledWith(
      expect.stringMatching(/t10k-labels-idx1-ubyte: SHA-256 is .*; fetching it again/),
    );
    expect(await readFile(join(surroundings.cacheFolder, 't10k-labels-idx1-ubyte'))).toEqual(
      tiny['t10k-labels-idx1-ubyte'],
    );
  });

  test('is not made of files with a wrong checksum', async () => {
    const forged = { ...tiny, 'train-labels-idx1-ubyte': idx([2], () => 0) };
    const loading = loadFashionMnist({}, { ...surroundings, ways: [fakeWay('forging', () => forged)] });
    await expect(loading).rejects.toThrow(/forging: .*train-labels-idx1-ubyte: SHA-256 is/);
    expect(await readdir(join(folder, 'cache'))).toEqual([]);
  });
});

describe('when nothing works', () => {
  test('the error names every way with its cause, and H2Q_DATA_DIR', async () => {
    const ways = [
      fakeWay('package', fail),
      fakeWay('download', () => ({ ...tiny, 't10k-labels-idx1-ubyte': undefined })),
    ];
    const error = await loadFashionMnist({}, { ...surroundings, ways }).catch((cause: unknown) => cause);
    expect(error).toMatchObject({
      code: 'FILE_NOT_FOUND',
      cause: { errors: [{ message: 'out of order' }, {}] },
    });
    const { message } = error as Error;
    expect(message).toContain('\n  package: out of order\n');
    expect(message).toMatch(/\n {2}download: .*no t10k-labels-idx1-ubyte/);
    expect(message).toContain('H2Q_DATA_DIR');
  });

  test('an abort rejects with its reason and tries no further way', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const aborting = fakeWay('aborting', () => {
      controller.abort(reason);
      return fail();
    });
    const next = fakeWay('next', () => tiny);
    const loading = loadFashionMnist(
      { signal: controller.signal },
      { ...surroundings, ways: [aborting, next] },
    );
    await expect(loading).rejects.toBe(reason);
    expect(next.fetch).not.toHaveBeenCalled();
    expect(await readdir(join(folder, 'cache'))).toEqual([]);
  });
});

test('publicDownload fetches the packed files, and fails on another status', async () => {
  const server = createServer((request, response) => {
    const bytes = tiny[(request.url ?? '').replace(/^\/some\/place\/|\.gz$/g, '') as FileName];
    response.writeHead(bytes ? 200 : 404).end(bytes && gzipSync(bytes));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    expectTiny(
      await loadFashionMnist({}, { ...surroundings, ways: [publicDownload(`${address}/some/place`)] }),
    );
    const elsewhere = {
      ...surroundings,
      cacheFolder: join(folder, 'other'),
      ways: [publicDownload(address)],
    };
    await expect(loadFashionMnist({}, elsewhere)).rejects.toThrow(
      /train-images-idx3-ubyte\.gz: HTTP status 404/,
    );
  } finally {
    server.close();
  }
});

function expectTiny(set: Awaited<ReturnType<typeof loadFashionMnist>>): void {
  expect(set).toMatchObject({ width: 28, height: 28, train: { count: 2 }, test: { count: 1 } });
  expect(set.classNames).toHaveLength(10);
  expect(Buffer.from(set.train.images)).toEqual(tiny['train-images-idx3-ubyte'].subarray(16));
  expect([...set.train.labels]).toEqual([9, 8]);
  expect(Buffer.from(set.test.images)).toEqual(tiny['t10k-images-idx3-ubyte'].subarray(16));
  expect([...set.test.labels]).toEqual([4]);
}

/** A way that leaves the files that `make` returns, as its name says. */
function fakeWay(name: string, make: () => Partial<Record<FileName, Buffer | undefined>>): Way {
  const fetch = vi.fn(async (into: string) => {
    await writeSet(into, make());
    return into;
  });
  return { name, fetch };
}

function fail(): never {
  throw new Error('out of order');
}

async function writeSet(
  into: string,
  files: Partial<Record<FileName, Buffer | undefined>>,
  ending = '',
): Promise<void> {
  for (const [name, bytes] of Object.entries(files)) {
    if (bytes) await writeFile(join(into, name + ending), ending ? gzipSync(bytes) : bytes);
  }
}

function idx(shape: number[], value: (i: number) => number): Buffer {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header.writeUInt32BE(0x0800 + shape.length);
  shape.forEach((size, i) => {
    header.writeUInt32BE(size, 4 + 4 * i);
  });
  const length = shape.reduce((product, size) => product * size, 1);
  return Buffer.concat([header, Uint8Array.from({ length }, (_, i) => value(i))]);
}

function withByte(bytes: Buffer, at: number, value: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = value;
  return copy;
}

function sha256(files: Record<FileName, Buffer>): Record<FileName, string> {
  const entries = names.map((name) => [name, createHash('sha256').update(files[name]).digest('hex')]);
  return Object.fromEntries(entries) as Record<FileName, string>;
}
