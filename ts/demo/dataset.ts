/** Fashion-MNIST: fetched once, verified every time. */

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { H2qError } from '../errors.js';

/** count x 28 x 28 grey values, row-major, and one class per image. */
export interface LabelledImages {
  images: Uint8Array;
  labels: Uint8Array;
  count: number;
}

export interface FashionMnist {
  train: LabelledImages;
  test: LabelledImages;
  width: 28;
  height: 28;
  classNames: string[];
}

export interface LoadOptions {
  onProgress?: (message: string) => void;
  signal?: AbortSignal;
}

/** One way to get the files. `fetch` may fill the folder it is given and returns the one that holds them. */
export interface Way {
  name: string;
  fetch(folder: string, options: LoadOptions): Promise<string>;
}

export type FileName = `${'train' | 't10k'}-${'images-idx3' | 'labels-idx1'}-ubyte`;

/** What loading depends on besides its options; tests bring their own. */
export interface Surroundings {
  /** A folder that already holds the files, packed or not: then nothing is fetched. */
  givenFolder: string | undefined;
  cacheFolder: string;
  /** SHA-256 of each unpacked file. */
  checksums: Readonly<Record<FileName, string>>;
  ways: Way[];
}

type Files = Record<FileName, Uint8Array>;

const CHECKSUMS: Surroundings['checksums'] = {
  'train-images-idx3-ubyte': 'c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888',
  'train-labels-idx1-ubyte': 'bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9',
  't10k-images-idx3-ubyte': '5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b',
  't10k-labels-idx1-ubyte': '0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34',
};
const NAMES = Object.keys(CHECKSUMS) as FileName[];
const CLASSES = 'T-shirt/top,Trouser,Pullover,Dress,Coat,Sandal,Shirt,Sneaker,Bag,Ankle boot';

/** Reads the data set from `H2Q_DATA_DIR` where that is set, else from the cache, which is filled first. */
export async function loadFashionMnist(
  options: LoadOptions = {},
  surroundings = actual(),
): Promise<FashionMnist> {
  const { givenFolder, checksums } = surroundings;
  const files = givenFolder
    ? await readVerified(givenFolder, checksums, options)
    : await readOrFetch(surroundings, options);
  const part = (name: 'train' | 't10k'): LabelledImages => {
    const [imageFile, labelFile] = [`${name}-images-idx3-ubyte`, `${name}-labels-idx1-ubyte`] as const;
    const { count, values } = parseIdx(imageFile, files[imageFile], [28, 28]);
    const labels = parseIdx(labelFile, files[labelFile], []);
    if (labels.count !== count) throw malformed(labelFile, `${labels.count} labels for ${count} images`);
    return { images: values, labels: labels.values, count };
  };
  return { train: part('train'), test: part('t10k'), width: 28, height: 28, classNames: CLASSES.split(',') };
}

/** Unsigned bytes in idx format: magic, count, the size of each further dimension, then the values. */
export function parseIdx(name: string, bytes: Uint8Array, shape: number[]) {
  const start = 8 + 4 * shape.length;
  if (bytes.length < start) throw malformed(name, `${bytes.length} bytes are too few for a header`);
  const header = new DataView(bytes.buffer, bytes.byteOffset, start);
  const magic = 0x0801 + shape.length;
  if (header.getUint32(0) !== magic) throw malformed(name, `magic is ${header.getUint32(0)}, not ${magic}`);
  shape.forEach((size, i) => {
    const found = header.getUint32(8 + 4 * i);
    if (found !== size) throw malformed(name, `size ${found} where ${size} belongs`);
  });
  const count = header.getUint32(4);
  const expected = start + shape.reduce((product, size) => product * size, count);
  if (bytes.length !== expected)
    throw malformed(name, `${bytes.length} bytes, its header asks for ${expected}`);
  return { count, values: new Uint8Array(bytes.buffer, bytes.byteOffset + start, bytes.length - start) };
}

async function readOrFetch(surroundings: Surroundings, options: LoadOptions): Promise<Files> {
  const { cacheFolder, checksums, ways } = surroundings;
  if (existsSync(cacheFolder)) {
    try {
      return await readVerified(cacheFolder, checksums, options);
    } catch (error) {
      options.signal?.throwIfAborted();
      options.onProgress?.(`${describe(error)}; fetching it again`);
    }
  }
  const failures: { name: string; error: unknown }[] = [];
  for (const way of ways) {
    try {
      options.onProgress?.(`fetching Fashion-MNIST: ${way.name}`);
      return await fetchIntoCache(way, surroundings, options);
    } catch (error) {
      options.signal?.throwIfAborted();
      failures.push({ name: way.name, error });
    }
  }
  const causes = failures.map(({ name, error }) => `\n  ${name}: ${describe(error)}`).join('');
  const advice = `H2Q_DATA_DIR can name a folder that holds ${NAMES.join(', ')}, each as it is or with .gz.`;
  throw new H2qError('FILE_NOT_FOUND', `Fashion-MNIST could not be fetched.${causes}\n${advice}`, {
    details: { file: cacheFolder },
    cause: new AggregateError(failures.map(({ error }) => error)),
  });
}

/** The cache folder gets its name only when it holds every file, verified. */
async function fetchIntoCache(way: Way, { cacheFolder, checksums }: Surroundings, options: LoadOptions) {
  await mkdir(dirname(cacheFolder), { recursive: true });
  const scratch = await mkdtemp(`${cacheFolder}-`);
  try {
    const files = await readVerified(await way.fetch(scratch, options), checksums, options);
    const complete = join(scratch, 'complete');
    await mkdir(complete);
    await Promise.all(NAMES.map((name) => writeFile(join(complete, name), files[name], options)));
    await rm(cacheFolder, { recursive: true, force: true });
    await rename(complete, cacheFolder).catch((error) => {
      // Another process that did the same may have been first.
      if (!existsSync(cacheFolder)) throw error;
    });
    return files;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function readVerified(folder: string, checksums: Surroundings['checksums'], { signal }: LoadOptions) {
  const read = async (name: FileName) => {
    const file = [name, `${name}.gz`].map((each) => join(folder, each)).find((each) => existsSync(each));
    if (!file)
      throw new H2qError('FILE_NOT_FOUND', `${folder}: no ${name}, packed (.gz) or not`, {
        details: { file: folder },
      });
    const stored = await readFile(file, { signal });
    const bytes = file.endsWith('.gz')
      ? await promisify(gunzip)(stored).catch((error) => {
          throw malformed(file, describe(error));
        })
      : stored;
    const checksum = createHash('sha256').update(bytes).digest('hex');
    if (checksum !== checksums[name]) throw malformed(file, `SHA-256 is ${checksum}, not ${checksums[name]}`);
    return [name, bytes as Uint8Array] as const;
  };
  return Object.fromEntries(await Promise.all(NAMES.map(read))) as Files;
}

/** Needs neither root nor package lists: where apt's own do not help, it fetches private ones. */
const debianPackage: Way = {
  name: 'Debian package dataset-fashion-mnist (apt-get download)',
  async fetch(folder, { onProgress, signal }) {
    const run = (program: string, ...args: string[]) =>
      promisify(execFile)(program, args, { cwd: folder, signal, env: { ...process.env, LC_ALL: 'C' } });
    const download = ['-o', 'APT::Sandbox::User=root', 'download', 'dataset-fashion-mnist'];
    try {
      await run('apt-get', ...download);
    } catch (error) {
      if (isMissingProgram(error)) throw error;
      signal?.throwIfAborted();
      onProgress?.('apt does not know the package: fetching package lists into a private folder');
      const own = ['-o', `Dir::State::lists=${folder}/lists`, '-o', `Dir::Cache=${folder}/cache`];
      for (const part of ['lists/partial', 'cache/archives/partial'])
        await mkdir(join(folder, part), { recursive: true });
      // One source among many may fail without harm, so its error only counts when the download fails too.
      const failure = await run('apt-get', ...own, 'update').then(
        () => null,
        (cause: unknown) => cause,
      );
      await run('apt-get', ...own, ...download).catch((cause: unknown) => {
        throw failure ?? cause;
      });
    }
    const file = (await readdir(folder)).find((name) => name.endsWith('.deb'));
    await run('dpkg-deb', '-x', file ?? '', 'unpacked');
    return join(folder, 'unpacked/usr/share/datasets/fashion-mnist');
  },
};

/** Packed files below one address. */
export function publicDownload(address: string): Way {
  return {
    name: `download from ${address}`,
    async fetch(folder, { onProgress, signal }) {
      for (const name of NAMES) {
        const response = await fetch(`${address}/${name}.gz`, { signal: signal ?? null });
        if (!response.ok) throw new Error(`${name}.gz: HTTP status ${response.status}`);
        onProgress?.(`${name}.gz: ${response.headers.get('content-length') ?? 'unknown number of'} bytes`);
        await writeFile(join(folder, `${name}.gz`), new Uint8Array(await response.arrayBuffer()));
      }
      return folder;
    },
  };
}

function actual(): Surroundings {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  return {
    givenFolder: process.env['H2Q_DATA_DIR'],
    cacheFolder: root.split(sep).includes('node_modules')
      ? join(userCache(), 'h2q/fashion-mnist')
      : join(root, '.cache/fashion-mnist'),
    checksums: CHECKSUMS,
    ways: [
      debianPackage,
      publicDownload('http://fashion-mnist.s3-website.eu-central-1.amazonaws.com'),
      publicDownload('https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion'),
    ],
  };
}

function userCache(): string {
  const { platform, env } = process;
  if (platform === 'win32') return env['LOCALAPPDATA'] ?? join(homedir(), 'AppData/Local');
  if (platform === 'darwin') return join(homedir(), 'Library/Caches');
  return env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
}

function malformed(file: string, reason: string): H2qError {
  return new H2qError('FILE_FORMAT', `${file}: ${reason}`, { details: { file } });
}

function isMissingProgram(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

/** One line: of a program its own complaint, of a failed fetch the cause that says why. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if ('stderr' in error && error.stderr) return String(error.stderr).trim().split('\n').at(-1) ?? '';
  return error.cause instanceof Error ? `${error.message} (${describe(error.cause)})` : error.message;
}
