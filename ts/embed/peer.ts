/** transformers.js, an optional package: loaded at its first use, and missed by name. */

import { H2qError } from '../errors.js';

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

/** A picture: values row by row, 1 to 4 to a pixel. */
export interface RawPicture {
  readonly data: Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 2 | 3 | 4;
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

interface Loader<T> {
  from_pretrained(folder: string, options: object): Promise<T>;
}

/** The part of transformers.js that is used: an own description, so that our types do not need the package. */
export interface Transformers {
  AutoModel: Loader<LoadedModel>;
  PreTrainedModel: Loader<LoadedModel>;
  AutoTokenizer: Loader<Tokenizer>;
  AutoImageProcessor: Loader<(picture: RawPicture) => Promise<Readonly<Record<string, unknown>>>>;
  RawImage: {
    fromBlob(blob: Blob): Promise<RawPicture>;
    new (data: Uint8ClampedArray, width: number, height: number, channels: number): RawPicture;
  };
  cat(tensors: Tensor[], dimension: number): Tensor;
  env: { logLevel: number };
  LogLevel: { NONE: number };
}

/** Throws UNSUPPORTED, which says what to install. */
export async function loadTransformers(): Promise<Transformers> {
  try {
    return (await import(PEER)) as unknown as Transformers;
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
