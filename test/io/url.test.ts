/** Files behind an address. */

import { readFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { VectorFile } from '../../ts/io/index.js';
import { copySource } from '../../ts/node/copies.js';
import { openHdf5 } from '../../ts/node/hdf5.js';
import { platform, setPlatform } from '../../ts/platform.js';
import { useFakePlatform } from '../facade/fake-platform.js';
import { fixture, readRows } from './read-rows.js';

let server: Server | undefined;
beforeEach(() => {
  useFakePlatform();
});
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

async function serve(listener: RequestListener): Promise<string> {
  server = createServer(listener);
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  const { port } = (server as Server).address() as AddressInfo;
  return `http://127.0.0.1:${port}`;
}

/** Answers requests for ranges of a fixture, and counts the bytes of its answers. */
async function serveRanges() {
  const sent = { bytes: 0 };
  const base = await serve((request, response) => {
    const bytes = readFileSync(fixture((request.url as string).slice(1).replace(/\?.*/, '')));
    const [, from, to] = request.headers.range?.match(/^bytes=(\d+)-(\d+)$/) ?? [];
    const [start, end] = [Number(from), Math.min(Number(to), bytes.length - 1)];
    sent.bytes += end - start + 1;
    response.writeHead(206, { 'content-range': `bytes ${start}-${end}/${bytes.length}` });
    response.end(bytes.subarray(start, end + 1));
  });
  return { base, sent };
}

describe('a server of ranges', () => {
  it.each(['x.fbin', 'x.fvecs', 'x.safetensors', 'zstd.parquet', 'file.arrow', 'plain.csv', 'lists.jsonl'])(
    '%s',
    async (name) => {
      const { base } = await serveRanges();
      expect((await readRows(`${base}/${name}?key=a.b`)).rows).toEqual((await readRows(fixture(name))).rows);
    },
  );

  it('sends only what is asked for', async () => {
    const { base, sent } = await serveRanges();
    const file = await VectorFile.open(`${base}/big.feather`);
    expect([file.rows, file.columns]).toEqual([2500, 16]);
    await file.close();
    expect(sent.bytes).toBeGreaterThan(1000);
    const read = sent.bytes;
    const small = await VectorFile.open(`${base}/x.fbin`);
    await small.close();
    expect(sent.bytes - read).toBe(1 + 8);
  });

  it('HDF5 is copied first', async () => {
    setPlatform({ ...platform(), openHdf5, copySource });
    const { base } = await serveRanges();
    expect((await readRows(`${base}/chunked.h5`)).rows).toEqual((await readRows(fixture('chunked.h5'))).rows);
  });
});

describe('a server without ranges', () => {
  const whole: RequestListener = (request, response) => {
    response.end(readFileSync(fixture((request.url as string).slice(1))));
  };

  it.each(['chunked.h5', 'zstd.parquet'])('%s is copied first', async (name) => {
    setPlatform({ ...platform(), openHdf5, copySource });
    const base = await serve(whole);
    expect((await readRows(`${base}/${name}`)).rows).toEqual((await readRows(fixture(name))).rows);
  });

  it.each(['x.fbin', 'x.fvecs', 'x.safetensors', 'stream.arrows', 'plain.csv', 'lists.jsonl'])(
    '%s is read once, from its beginning to its end',
    async (name) => {
      const base = await serve(whole);
      expect((await readRows(`${base}/${name}`)).rows).toEqual((await readRows(fixture(name))).rows);
    },
  );

  it('Parquet needs ranges', async () => {
    const base = await serve(whole);
    await expect(readRows(`${base}/zstd.parquet`)).rejects.toMatchObject({
      code: 'FILE_UNREADABLE',
      message: `${base}/zstd.parquet: .parquet is read from a file, not from a stream`,
    });
  });
});

describe('what goes wrong names the address', () => {
  it.each<[string, RequestListener, RegExp]>([
    ['404', (_, response) => response.writeHead(404).end(), /x\.fbin: cannot be read: .* answers with 404/],
    [
      'a file that changes',
      (request, response) => {
        const isFirst = request.headers.range === 'bytes=0-0';
        response.writeHead(206, { 'content-range': isFirst ? 'bytes 0-0/148' : 'bytes 0-7/149' });
        response.end(isFirst ? 'x' : '12345678');
      },
      /x\.fbin: cannot be read: the file changed/,
    ],
    ['a broken line', (_, response) => void response.destroy(), /x\.fbin: cannot be read: /],
  ])('%s', async (_, listener, message) => {
    const base = await serve(listener);
    const wanted = { code: 'FILE_UNREADABLE', details: { file: `${base}/x.fbin` } };
    const reading = readRows(`${base}/x.fbin`);
    await expect(reading).rejects.toMatchObject({ ...wanted, message: expect.stringMatching(message) });
  });
});
