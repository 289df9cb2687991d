/** transformers.js, an optional package: loaded at its first use, and missed by name. */

import { createRequire } from 'node:module';
import { H2qError } from '../errors.js';
import type { Pixels } from './resize.js';

export const PEER = '@huggingface/transformers';
/** The version that the tests use. */
const TESTED = '4.3.2';

/** A tensor: values row-major, lengths of the dimensions. */
export interface Tensor {
  readonly dims: number[];
  readonly type: string;
  readonly data: ArrayLike<number | bigint> & ArrayBufferView;
  to(type: 'float32'): Tensor;
}

export type Tensors = Readonly<Record<string, Tensor>>;

/** A picture of transformers.js. */
export interface RawPicture extends Pixels {
  resize(width: number, height: number, options?: { resample?: unknown }): Promise<RawPicture>;
}

/** A network that is loaded. */
export interface LoadedModel {
  (inputs: Tensors): Promise<Tensors>;
  readonly sessions: Readonly<Record<string, { readonly inputNames: readonly string[] }>>;
  dispose(): Promise<unknown>;
}

export interface Tokenizer {
  (
    texts: string[],
    options: { padding: boolean; truncation: boolean; max_length?: number },
  ): Tensors | Promise<Tensors>;
  readonly model_max_length?: number;
}

/** Makes the inputs of a network of a picture. */
export type Prepare = (picture: RawPicture) => Promise<Readonly<Record<string, unknown>>>;

/** Makes red, green, blue and opacity of the bytes of a picture, upright. */
export type Decode = (bytes: Uint8Array) => Promise<Pixels>;

interface Loader<T> {
  from_pretrained(folder: string, options: object): Promise<T>;
}

/** The part of transformers.js that is used: an own description, so that our types do not need the package. */
export interface Transformers {
  AutoModel: Loader<LoadedModel>;
  PreTrainedModel: Loader<LoadedModel>;
  AutoTokenizer: Loader<Tokenizer>;
  AutoImageProcessor: Loader<Prepare>;
  RawImage: {
    new (data: Uint8ClampedArray, width: number, height: number, channels: number): RawPicture;
  };
  cat(tensors: Tensor[], dimension: number): Tensor;
  env: { logLevel: number };
  LogLevel: { NONE: number };
}

/** sharp, by which transformers.js decodes: more kinds of pictures when it is asked directly. */
interface Sharp {
  rotate(): Sharp;
  toColourspace(name: 'srgb'): Sharp;
  ensureAlpha(): Sharp;
  raw(): Sharp;
  toBuffer(options: {
    resolveWithObject: true;
  }): Promise<{ data: Uint8Array; info: { width: number; height: number } }>;
}

/** Throws UNSUPPORTED, which says what to install. */
export async function loadTransformers(): Promise<Transformers> {
  return withAdvice(async () => (await import(PEER)) as unknown as Transformers);
}

/** Throws UNSUPPORTED. */
export async function loadDecoder(): Promise<Decode> {
  const sharp: (bytes: Uint8Array) => Sharp = await withAdvice(async () => {
    // A package of the peer's own, which need not be where ours are.
    const peer = createRequire(import.meta.url).resolve(PEER);
    return createRequire(peer)('sharp');
  });
  return async (bytes) => {
    const decoded = sharp(bytes).rotate().toColourspace('srgb').ensureAlpha().raw();
    const { data, info } = await decoded.toBuffer({ resolveWithObject: true });
    const { width, height } = info;
    return { data: new Uint8ClampedArray(data.buffer, data.byteOffset, data.length), width, height };
  };
}

async function withAdvice<T>(load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    const { code, message } = cause as { code?: string; message?: string };
    const isMissing = code === 'ERR_MODULE_NOT_FOUND' && message?.includes(`'${PEER}'`);
    const problem = isMissing
      ? 'is not installed'
      : `cannot be loaded: ${message?.split('\n')[0] ?? String(cause)}`;
    throw new H2qError(
      'UNSUPPORTED',
      `embedding needs the package ${PEER}, which ${problem}; try: npm install ${PEER}@${TESTED} --ignore-scripts`,
      { details: { package: PEER }, cause },
    );
  }
}
